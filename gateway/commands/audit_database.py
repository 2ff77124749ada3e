"""Holds the rebuilt books against the gateway's database: the event stream and the ledger. The rooms: audit_rooms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock
from gateway.chain.indexer.stream import cursor_of, newest_event
from gateway.commands.audit_books import Books
from gateway.commands.audit_logs import Json, Logs
from gateway.commands.audit_model import Account, Difference, Log, short
from gateway.core.db import Database
from gateway.loyalty.ledger.models import ChainBadge, Holding, LedgerEntry, LedgerTotal, Measure

#: A place in the chain's history: block and log index.
Position = tuple[int, int]
BEGINNING: Position = (-1, -1)
#: What the ledger adds up.
MEASURES = frozenset(measure.name.lower() for measure in Measure)
#: Readers of the event stream.
ROOMS = ("ledger", "earning", "redemptions", "moves", "badges")


@contextmanager
def snapshot(db: Database) -> Iterator[Session]:
    """One moment of the database, however long the chain is read between two statements: it locks nothing, so nobody
    waits for it."""
    with db.snapshot() as session:
        if not db.sqlite:
            session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield session


def cursor_block(session: Session) -> IndexedBlock | None:
    """The last block that the indexer has read."""
    return session.scalar(sa.select(IndexedBlock).order_by(IndexedBlock.number.desc()).limit(1))


@dataclass
class Rebuilt:
    """The books as of each room's place in the stream; a room may be behind the indexer without being wrong."""

    hub: bytes
    logs: Logs
    time: int
    _made: dict[Position, Books] = field(default_factory=dict)

    def until(self, position: Position) -> Books:
        """The books with every log up to `position`, brought to the audit's time."""
        decoded = self.logs.decoded
        if decoded and position >= _place(decoded[-1]):
            position = _place(decoded[-1])
        if position not in self._made:
            books = Books(self.hub)
            books.feed(log for log in decoded if _place(log) <= position)
            books.close(self.time)
            self._made[position] = books
        return self._made[position]


def positions(session: Session) -> tuple[dict[str, Position], list[Difference], int]:
    """How far each room has read, what is wrong with that, and how many events all of them are behind."""
    found: dict[str, Position] = {}
    differences: list[Difference] = []
    newest = newest_event(session)
    behind = 0
    for room in ROOMS:
        last = cursor_of(session, room)
        found[room] = position(session, last)
        event = session.get(ChainEvent, last)
        if last and event is None:
            differences.append(Difference("cursor-beyond-stream", room, newest, last))
        elif event is not None and event.orphaned:
            differences.append(Difference("cursor-on-lost-branch", room, newest, last))
        unread = sa.select(sa.func.count()).where(ChainEvent.id > last, ChainEvent.orphaned == 0)
        behind += session.scalar(unread) or 0
    return found, differences, behind


def position(session: Session, event_id: int) -> Position:
    """Where in the chain's history an event stands; after a rewind, everything up to the fork."""
    event = session.get(ChainEvent, event_id)
    if event is None:
        return BEGINNING
    return (event.block, 2**62) if event.kind == EventKind.REWIND else (event.block, event.log_index)


# ------------------------------------------------------------------ the stream


def events(session: Session, rows: list[Json]) -> Iterator[Difference]:
    """The indexer's rows against the rows made of freshly fetched logs."""
    query = sa.select(ChainEvent).where(ChainEvent.orphaned == 0, ChainEvent.kind != EventKind.REWIND)
    stored: dict[Position, ChainEvent] = {}
    last = BEGINNING
    for event in session.scalars(query.order_by(ChainEvent.id)):
        place = (event.block, event.log_index)
        if place < last:
            yield Difference("event-out-of-order", _at(place), _at(last), _at(place))
        stored[place] = event
        last = max(last, place)
    for row in rows:
        place = (row["block"], row["log_index"])
        found = stored.pop(place, None)
        if found is None:
            yield Difference("event-missing", _at(place), row["kind"].name, "none")
            continue
        wrong = [name for name, value in row.items() if getattr(found, name) != value]
        if wrong:
            yield Difference("event-differs", _at(place), row["kind"].name, f"other {', '.join(wrong)}")
    for place, event in stored.items():
        yield Difference("event-unknown", _at(place), "none", event.kind.name)


# ------------------------------------------------------------------ the ledger


def ledger(session: Session, books: Books, time: int) -> Iterator[Difference]:
    """Holdings, their entries and the public totals against the books."""
    expected: dict[tuple[bytes, int], tuple[Account, int]] = {
        (holder, 0): (Account(matured=balance), 0) for holder, balance in books.balances.items()
    }
    for number, campaign in books.campaigns.items():
        expected |= {(holder, number): (account, campaign.hold) for holder, account in campaign.accounts.items()}
    entries = _entries(session)
    for row in session.scalars(sa.select(Holding)):
        key = (row.holder, row.campaign)
        account, hold = expected.pop(key, (Account(), 0))
        yield from _holding(row, account, hold, time)
        held, summed = row.matured + row.old + row.young, entries.pop(key, 0)
        if summed != held:
            yield Difference("ledger-entries", _holder(key), held, summed)
    for key, (account, _) in expected.items():
        if account.total or account.stay:
            yield Difference("ledger-holding-missing", _holder(key), account.total, "none")
    for key, points in entries.items():
        if points:
            yield Difference("ledger-entries", _holder(key), 0, points)
    yield from _totals(session, books)


def badges(session: Session, books: Books) -> Iterator[Difference]:
    """The ledger's badges against the books."""
    expected = dict(books.badges)
    for row in session.scalars(sa.select(ChainBadge).order_by(ChainBadge.id)):
        where = f"badge {row.badge} of campaign {row.campaign}, {short(row.holder)}"
        badge = expected.pop(row.campaign << 192 | row.badge << 160 | int.from_bytes(row.holder, "big"), None)
        if badge is None:
            yield Difference("ledger-badge", where, "none", row.block)
        elif (badge.block, badge.renounced) != (row.block, row.renounced_block):
            told = f"block {badge.block}, renounced in {badge.renounced}"
            yield Difference("ledger-badge", where, told, f"block {row.block}, renounced in {row.renounced_block}")
    for number, badge in expected.items():
        holder = number.to_bytes(32, "big")[12:]
        where = f"badge {number >> 160 & 2**32 - 1} of campaign {number >> 192}, {short(holder)}"
        yield Difference("ledger-badge-missing", where, badge.block, "none")


def _holding(row: Holding, account: Account, hold: int, time: int) -> Iterator[Difference]:
    kept = Account(row.matured, {}, 0, row.stay)
    for period, points in ((row.period - 1, row.old), (row.period, row.young)):
        if points:
            kept.lots[period] = points
    if hold:
        kept.mature(hold, time)
    pairs = [("matured", account.matured, kept.matured), ("stay", int(account.stay), int(kept.stay))]
    for period in sorted(account.lots | kept.lots):
        when = f"maturing at {(period + 2) * hold}"
        pairs.append((when, account.lots.get(period, 0), kept.lots.get(period, 0)))
    for name, wanted, found in pairs:
        if wanted != found:
            yield Difference("ledger-holding", f"{_holder((row.holder, row.campaign))} {name}", wanted, found)


def _entries(session: Session) -> Counter[tuple[bytes, int]]:
    sums: Counter[tuple[bytes, int]] = Counter()
    query = sa.select(LedgerEntry.holder, LedgerEntry.campaign, LedgerEntry.credit, LedgerEntry.debit)
    for holder, campaign, credit, debit in session.execute(query):
        sums[(holder, campaign)] += credit - debit
    return sums


def _totals(session: Session, books: Books) -> Iterator[Difference]:
    kept = {(row.campaign, row.measure.name.lower(), row.party): row for row in session.scalars(sa.select(LedgerTotal))}
    for key in sorted(set(books.points) | set(kept)):
        campaign, name, party = key
        if name not in MEASURES:
            continue
        row = kept.get(key)
        where = f"campaign {campaign} {name}{' ' + short(party) if any(party) else ''}"
        if (row.points if row else 0) != books.points[key]:
            yield Difference("ledger-total", where, books.points[key], row.points if row else "none")
        elif row and row.events != books.events[key]:
            yield Difference("ledger-total-events", where, books.events[key], row.events)


def _place(log: Log) -> Position:
    return log.block, log.index


def _at(place: Position) -> str:
    return f"block {place[0]}, log {place[1]}"


def _holder(key: tuple[bytes, int]) -> str:
    holder, campaign = key
    return f"campaign {campaign}, {short(holder)}" if campaign else f"wallet {short(holder)}"
