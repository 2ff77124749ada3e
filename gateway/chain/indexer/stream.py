"""How a room reads the stream of chain events: every event once, in order, in the transaction that moves its cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock, Subscription
from gateway.core import crashes
from gateway.core.bulk import Write, table_of
from gateway.core.db import Database, get_or_add

Apply = Callable[[Session, Sequence[ChainEvent]], None]
#: Events that the worker applies in one transaction, those planned ahead, and in one turn; seconds between two
#: transactions of one turn. SQLite has one writer, and tills wait for it: the ledger kept it for more than 40 ms of
#: processor time.
PART, PART_AHEAD, TURN, BETWEEN = 125, 300, 1_000, 0.002
#: Built once: a part's fixed cost was mostly that of building statements.
_NEWEST = sa.select(sa.func.max(ChainEvent.id))
_CURSOR = sa.select(Subscription.last_event).where(Subscription.name == sa.bindparam("name"))
_S = table_of(Subscription)
_MOVE = (
    sa.update(_S)
    .where(_S.c.name == sa.bindparam("reader"), _S.c.last_event == sa.bindparam("after"))
    .values(last_event=sa.bindparam("upto"))
)


class Ahead:
    """An `Apply` that asks for the writer once it knows what to write: `plan` only reads, in one moment of the
    database, and returns what writes.

    Only for a room whose tables nobody writes without moving its cursor in the same transaction. Then a cursor that
    still stands where the plan was made says that everything else does; see docs/decisions/0140.
    """

    def __init__(self, plan: Callable[[Session, Sequence[ChainEvent]], Write]) -> None:
        self.plan = plan

    def __call__(self, session: Session, events: Sequence[ChainEvent]) -> None:
        self.plan(session, events)(session)


def drain(db: Database, name: str, apply: Apply, limit: int = 1000, kinds: Collection[EventKind] | None = None) -> int:
    """Gives the next events, at most `limit`, to `apply` and moves the cursor called `name`, in one transaction.

    Returns how many; of an `Ahead` 0 also when another worker was faster. When `apply` raises, nothing has happened.
    Events that a REWIND took back before they were read are left out; a REWIND itself is an event. `kinds`: what the
    room asks for beside REWIND; by default everything. Nearly all events are points that came to a wallet, which the
    ledger alone wants to know. Safe in several workers: one of them reads, the others wait for it or leave it to it.
    """
    if isinstance(apply, Ahead):
        count = _planned(db, name, apply, limit, kinds)
    else:
        count = _at_once(db, name, apply, limit, kinds)
    if count:
        crashes.reach("credited", (name,))
    return count


def follow(db: Database, name: str, apply: Apply, kinds: Collection[EventKind] | None = None) -> int:
    """As `drain`, at most TURN events in parts, between which whoever waits for the database gets it."""
    done, part = 0, PART_AHEAD if isinstance(apply, Ahead) else PART
    while True:
        found = drain(db, name, apply, part, kinds)
        done += found
        if found < part or done >= TURN:
            return done
        time.sleep(BETWEEN)


def hold(session: Session, name: str) -> Subscription:
    """The cursor called `name`: its reader stands still until this transaction ends.

    Whoever adds a row that the reader looks for takes it before counting what has been read: events that pass while
    the row is not yet committed would be neither counted nor applied.
    """
    return get_or_add(session, Subscription, name, lambda: Subscription(name=name))


def cursor_of(session: Session, name: str) -> int:
    """Id of the last event that the reader called `name` has passed, 0 before the first."""
    return session.scalar(_CURSOR, {"name": name}) or 0


def newest_event(session: Session) -> int:
    """Id of the last event in the stream, 0 before the first."""
    return session.scalar(_NEWEST) or 0


def applied_block(session: Session) -> int | None:
    """The last block read, when every reader has applied all of its events; None while one is behind."""
    # In this order: what is written between the statements makes a reader look late, never early.
    block = session.scalar(sa.select(sa.func.max(IndexedBlock.number)))
    newest = newest_event(session)
    slowest = session.scalar(sa.select(sa.func.min(Subscription.last_event))) or 0
    return block if slowest >= newest else None


def time_read(session: Session) -> int:
    """The chain's own time: of the last block read, Unix seconds; 0 before the first."""
    query = sa.select(IndexedBlock.time).order_by(IndexedBlock.number.desc()).limit(1)
    return session.scalar(query) or 0


def _at_once(db: Database, name: str, apply: Apply, limit: int, kinds: Collection[EventKind] | None) -> int:
    with db.read() as session:
        if newest_event(session) <= cursor_of(session, name):
            return 0
    with db.begin() as session:
        row = hold(session, name)
        events, row.last_event = _next(session, row.last_event, limit, kinds)
        if events:
            apply(session, events)
            crashes.reach("applied", (name,))
    return len(events)


def _planned(db: Database, name: str, apply: Ahead, limit: int, kinds: Collection[EventKind] | None) -> int:
    with db.snapshot() as session:
        after = cursor_of(session, name)
        events, upto = _next(session, after, limit, kinds)
        write = apply.plan(session, events) if events else None
    if upto == after:
        return 0
    with db.begin() as session:
        if not _move(session, name, after, upto):
            return 0
        if write is not None:
            write(session)
            crashes.reach("applied", (name,))
    return len(events)


def _move(session: Session, name: str, after: int, upto: int) -> bool:
    """Moves the cursor and keeps other readers from it, as `hold` does; False when it stands elsewhere."""
    if not after:
        hold(session, name)  # there may be none yet
    return session.connection().execute(_MOVE, {"reader": name, "after": after, "upto": upto}).rowcount > 0


def _next(
    session: Session, after: int, limit: int, kinds: Collection[EventKind] | None
) -> tuple[Sequence[ChainEvent], int]:
    """What comes after a cursor and where it stands then. Bare rows: making objects of them took longer than reading
    them."""
    newest = newest_event(session)  # first: what is added after this is read in the next turn
    if newest <= after:
        return (), after
    query = _events(None if kinds is None else frozenset(kinds))
    rows = session.execute(query, {"after": after, "newest": newest, "limit": limit}).all()
    events = cast("Sequence[ChainEvent]", rows)
    return events, events[-1].id if len(events) == limit else newest


@lru_cache(maxsize=16)
def _events(kinds: frozenset[EventKind] | None) -> sa.Select[Any]:
    e = ChainEvent.__table__.c
    query = sa.select(*e).where(e.id > sa.bindparam("after"), e.id <= sa.bindparam("newest"), e.orphaned == 0)
    if kinds is not None:
        query = query.where(e.kind.in_({EventKind.REWIND, *kinds}))
    return query.order_by(e.id).limit(sa.bindparam("limit"))
