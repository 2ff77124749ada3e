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
from gateway.core.db import Database, get_or_add

Apply = Callable[[Session, Sequence[ChainEvent]], None]
#: Events that the worker applies in one transaction, and in one turn; seconds between two transactions of one turn.
#: SQLite has one writer, and tills wait for it: the ledger kept it for more than 40 ms of processor time.
PART, TURN, BETWEEN = 125, 1_000, 0.002
#: Built once: a part's fixed cost was mostly that of building statements.
_NEWEST = sa.select(sa.func.max(ChainEvent.id))
_CURSOR = sa.select(Subscription.last_event).where(Subscription.name == sa.bindparam("name"))


def drain(db: Database, name: str, apply: Apply, limit: int = 1000, kinds: Collection[EventKind] | None = None) -> int:
    """Gives the next events, at most `limit`, to `apply` and moves the cursor called `name`, in one transaction.

    Returns how many. When `apply` raises, nothing has happened. Events that a REWIND took back before they were read
    are left out; a REWIND itself is an event. `kinds`: what the room asks for beside REWIND; by default everything.
    Nearly all events are points that came to a wallet, which the ledger alone wants to know. Safe in several workers:
    one of them reads, the others wait for it.
    """
    with db.read() as session:
        if _newest(session) <= _cursor(session, name):
            return 0
    with db.begin() as session:
        row = hold(session, name)
        newest = _newest(session)  # first: what is added after this is read in the next turn
        events = _next(session, row.last_event, newest, limit, kinds)
        if events:
            apply(session, events)
            crashes.reach("applied", (name,))
        row.last_event = events[-1].id if len(events) == limit else max(newest, row.last_event)
    if events:
        crashes.reach("credited", (name,))
    return len(events)


def follow(db: Database, name: str, apply: Apply, kinds: Collection[EventKind] | None = None) -> int:
    """As `drain`, at most TURN events in parts, between which whoever waits for the database gets it."""
    done = 0
    while True:
        found = drain(db, name, apply, PART, kinds)
        done += found
        if found < PART or done >= TURN:
            return done
        time.sleep(BETWEEN)


def hold(session: Session, name: str) -> Subscription:
    """The cursor called `name`: its reader stands still until this transaction ends.

    Whoever adds a row that the reader looks for takes it before counting what has been read: events that pass while
    the row is not yet committed would be neither counted nor applied.
    """
    return get_or_add(session, Subscription, name, lambda: Subscription(name=name))


def applied_block(session: Session) -> int | None:
    """The last block read, when every reader has applied all of its events; None while one is behind."""
    # In this order: what is written between the statements makes a reader look late, never early.
    block = session.scalar(sa.select(sa.func.max(IndexedBlock.number)))
    newest = _newest(session)
    slowest = session.scalar(sa.select(sa.func.min(Subscription.last_event))) or 0
    return block if slowest >= newest else None


def time_read(session: Session) -> int:
    """The chain's own time: of the last block read, Unix seconds; 0 before the first."""
    query = sa.select(IndexedBlock.time).order_by(IndexedBlock.number.desc()).limit(1)
    return session.scalar(query) or 0


def _cursor(session: Session, name: str) -> int:
    return session.scalar(_CURSOR, {"name": name}) or 0


def _newest(session: Session) -> int:
    return session.scalar(_NEWEST) or 0


def _next(
    session: Session, after: int, newest: int, limit: int, kinds: Collection[EventKind] | None
) -> Sequence[ChainEvent]:
    """As bare rows: making objects of them took longer than reading them."""
    query = _events(None if kinds is None else frozenset(kinds))
    rows = session.execute(query, {"after": after, "newest": newest, "limit": limit}).all()
    return cast("Sequence[ChainEvent]", rows)


@lru_cache(maxsize=16)
def _events(kinds: frozenset[EventKind] | None) -> sa.Select[Any]:
    e = ChainEvent.__table__.c
    query = sa.select(*e).where(e.id > sa.bindparam("after"), e.id <= sa.bindparam("newest"), e.orphaned == 0)
    if kinds is not None:
        query = query.where(e.kind.in_({EventKind.REWIND, *kinds}))
    return query.order_by(e.id).limit(sa.bindparam("limit"))
