"""What follows from the chain's events alone, read anew into a scratch database and compared, row by row, as streams.

Left out is how the history was learnt: ids, and events that a reorganisation took back. Each side is compared as of the
place that the database's own readers have reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.deployment import Deployment
from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import cursor_of, hold, newest_event
from gateway.chain.rpc import Rpc
from gateway.commands.audit_database import Position, cursor_block, position
from gateway.commands.audit_logs import ChainMoved
from gateway.commands.console import CommandError
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.campaigns import mirror, promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.ledger.models import STREAM as LEDGER_STREAM
from gateway.loyalty.ledger.models import ChainBadge, Holding, HubCampaign, LedgerEntry, LedgerTotal
from gateway.loyalty.ledger.service import Ledger
from gateway.models import metadata

Progress = Callable[[int, int], None]
Row = tuple[Any, ...]
#: Rows held of each side, and differences told of each table.
PAGE, TOLD = 5_000, 20


@dataclass(frozen=True)
class Differing:
    """One row that is not the same: by its key, what the chain says and what the database holds (None: nothing)."""

    table: str
    key: Row
    chain: Row | None
    database: Row | None


@dataclass
class Comparison:
    """As of `block`; `rows` compared and `differing` counted by table, `told` the first of these."""

    block: int
    rows: dict[str, int] = field(default_factory=dict)
    differing: dict[str, int] = field(default_factory=dict)
    told: list[Differing] = field(default_factory=list)
    #: The lowest block whose events differ.
    first: int | None = None

    @property
    def equal(self) -> bool:
        return not any(self.differing.values())


def read(scratch: Database, rpc: Rpc, deployment: Deployment, upto: IndexedBlock, progress: Progress) -> None:
    """Reads all events up to and with block `upto` into an empty database. ChainMoved when the chain has another block
    there; ChainErrors."""
    metadata.create_all(scratch.engine)
    indexer = Indexer(scratch, rpc, Clock(), deployment, confirmations=0)
    while True:
        with scratch.read() as session:
            newest = cursor_block(session)
        if newest is not None:
            progress(max(0, newest.number - deployment.deploy_block), upto.number - deployment.deploy_block)
            if newest.number >= upto.number:
                break
        indexer.step(upto.number)
    if newest.hash != upto.hash:
        raise ChainMoved


def compare(live: Session, scratch: Database) -> Comparison:
    """What `live`, one moment of the database, holds beside what was read into `scratch`."""
    block = cursor_block(live)
    if block is None:
        raise CommandError("the gateway has not read the chain yet", "loyalty up", "not-indexed")
    found = Comparison(block.number)
    with scratch.begin() as session:
        Ledger().rebuild(session, _id_at(session, position(live, cursor_of(live, LEDGER_STREAM))))
    with scratch.read() as session:
        for name, (query, keys) in QUERIES.items():
            _compare(found, name, keys, _rows(session, query), _rows(live, query))
        _compare(found, "campaigns", 1, _money_again(live, session), iter(_money(live)))
    return found


def mend(db: Database, rpc: Rpc, deployment: Deployment, found: Comparison) -> None:
    """Makes the database as the chain says; its readers may run. A wrong stream is read again from its first wrong
    block on, which every room follows as it follows a reorganisation."""
    if found.first is not None:
        indexer = Indexer(db, rpc, Clock(), deployment, confirmations=0)
        while not indexer.read_again(found.first):  # the worker read on at that moment
            pass
    if any(found.differing[name] for name in QUERIES.keys() - STREAM):
        with db.begin() as session:
            cursor = hold(session, LEDGER_STREAM)
            cursor.last_event = newest_event(session)  # moved: what a reader has planned is void (decision 0140)
            session.flush()
            Ledger().rebuild(session, cursor.last_event)
    if found.differing["campaigns"]:
        with db.begin() as session:
            ids = list(session.scalars(sa.select(Campaign.id)))
            for row in promises.lock(session, ids).values():
                mirror.rebuild_money(session, row, row.synced_event)


def _compare(found: Comparison, name: str, keys: int, chain: Iterator[Row], database: Iterator[Row]) -> None:
    """Both in the order of their first `keys` columns."""
    found.rows[name] = found.differing[name] = 0
    ours, theirs = next(chain, None), next(database, None)
    while ours is not None or theirs is not None:
        found.rows[name] += 1
        first = min(row[:keys] for row in (ours, theirs) if row is not None)
        expected = ours if ours is not None and ours[:keys] == first else None
        held = theirs if theirs is not None and theirs[:keys] == first else None
        if expected != held:
            found.differing[name] += 1
            if found.differing[name] <= TOLD:
                found.told.append(Differing(name, first, expected, held))
            if name in STREAM:
                found.first = min(first[0], found.first if found.first is not None else first[0])
        ours = next(chain, None) if expected is not None else ours
        theirs = next(database, None) if held is not None else theirs


def _rows(session: Session, query: sa.Select[Any]) -> Iterator[Row]:
    return (tuple(row) for row in session.execute(query.execution_options(yield_per=PAGE)))


def _id_at(session: Session, place: Position) -> int:
    """The last event up to a place in the chain's history, in the scratch database."""
    block, log_index = place
    earlier = ChainEvent.block < block
    before = sa.or_(earlier, sa.and_(ChainEvent.block == block, ChainEvent.log_index <= log_index))
    return session.scalar(sa.select(sa.func.max(ChainEvent.id)).where(before)) or 0


def _money(live: Session) -> list[Row]:
    query = sa.select(Campaign.id, Campaign.budget, Campaign.pot).order_by(Campaign.id)
    return [tuple(row) for row in live.execute(query)]


def _money_again(live: Session, scratch: Session) -> Iterator[Row]:
    for campaign, synced in live.execute(sa.select(Campaign.id, Campaign.synced_event).order_by(Campaign.id)).tuples():
        again = Campaign(id=campaign)
        mirror.rebuild_money(scratch, again, _id_at(scratch, position(live, synced)))
        yield campaign, again.budget, again.pot


def _queries() -> dict[str, tuple[sa.Select[Any], int]]:
    e, entry, h, total = ChainEvent, LedgerEntry, Holding, LedgerTotal
    real = (e.orphaned == 0, e.kind != EventKind.REWIND)
    told = (e.campaign, e.other_campaign, e.holder, e.counterparty, e.amount, e.extra, e.nonce, e.number)
    columns = (e.kind, e.block_time, e.tx_hash, *told, e.offer, e.commitment)
    b, c = IndexedBlock, HubCampaign
    with_events = sa.select(b.number, b.hash, b.time).where(sa.exists().where(e.block == b.number, *real))
    place = (e.block, e.log_index, entry.holder, entry.campaign, entry.debit, entry.credit)
    entries = sa.select(*place, entry.kind, entry.at).join(e, e.id == entry.event_id).order_by(*place)
    empty = sa.and_(h.matured == 0, h.old == 0, h.young == 0, h.stay == 0)
    holding = (h.holder, h.campaign)
    sums = (total.campaign, total.measure, total.party)
    badge = (ChainBadge.campaign, ChainBadge.badge, ChainBadge.holder)
    landed = (ChainBadge.block, ChainBadge.at, ChainBadge.renounced_block)
    return {
        "chain_events": (sa.select(e.block, e.log_index, *columns).where(*real).order_by(e.block, e.log_index), 2),
        "indexed_blocks": (with_events.order_by(b.number), 1),
        "hub_campaigns": (
            sa.select(c.id, c.block, c.hold, c.closed).order_by(c.id),
            1,
        ),
        "holdings": (
            sa.select(*holding, h.matured, h.old, h.young, h.period, h.stay, h.release_from)
            .where(sa.not_(empty))
            .order_by(*holding),
            2,
        ),
        "ledger_entries": (entries, 6),
        "chain_badges": (sa.select(*badge, *landed).order_by(*badge), 3),
        "ledger_totals": (sa.select(*sums, total.events, total.points).where(total.events != 0).order_by(*sums), 3),
    }


QUERIES = _queries()
STREAM = frozenset({"chain_events", "indexed_blocks"})
