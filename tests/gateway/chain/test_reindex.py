"""A restart from scratch comes to the same database, and what differs is found and mended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import Ahead, drain
from gateway.chain.signatures import compact
from gateway.commands import audit_database, reindexing
from gateway.commands.audit_logs import ChainMoved
from gateway.commands.reindexing import Comparison
from gateway.core.bulk import Write
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.ledger.models import ChainBadge, Holding, LedgerEntry, LedgerTotal
from gateway.loyalty.ledger.service import Ledger
from tests.gateway.chain.world import DAY, LATER, World, holder, wallet


class Reader:
    """An indexer and the ledger on a real chain, and their like from scratch."""

    def __init__(self, db: Database, world: World, clock: Clock, folder: Path) -> None:
        self.db, self.world, self.folder, self.count = db, world, folder, 0
        self.indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=0)

    def read(self) -> None:
        while self.indexer.step() or drain(self.db, "ledger", Ahead(Ledger().plan)):
            pass

    def compare(self) -> Comparison:
        self.count += 1
        scratch = Database(f"sqlite:///{self.folder / f'scratch{self.count}.db'}")
        try:
            with audit_database.snapshot(self.db) as session:
                upto = audit_database.cursor_block(session)
                assert upto is not None
                reindexing.read(scratch, self.world.rpc, self.world.deployment, upto, lambda done, total: None)
                return reindexing.compare(session, scratch)
        finally:
            scratch.dispose()

    def spoil(self, change: sa.Update | sa.Delete) -> None:
        with self.db.begin() as session:
            assert session.connection().execute(change).rowcount == 1


@pytest.fixture
def reader(db: Database, world: World, clock: Clock, tmp_path: Path) -> Reader:
    """After awards, clawbacks, a reorganisation and more awards."""
    made = Reader(db, world, clock, tmp_path)
    instant, held = world.campaign(), world.campaign(hold=DAY)
    people = [wallet() for _ in range(4)]
    world.hub(calls.set_operator(instant, world.owner.address, 10**6))
    world.hub(calls.set_operator(held, world.owner.address, 10**6))
    world.hub(calls.award_batch(instant, 1, [(person, 100) for person in people]))
    world.hub(calls.award_batch(held, 1, [(person, 300) for person in people]))
    made.read()
    world.hub(calls.award_batch(instant, 2, [(people[0], 50)]))
    world.node.mine(2)
    made.read()
    world.node.rpc("anvil_reorg", 3, [])
    world.hub(calls.clawback_batch(held, 3, [(person, 120) for person in people]))
    ann = holder()
    r, vs = compact(ann.sign(world.deployment.domains.badge(ann.address, instant, 1, LATER)))
    world.owner.send(world.badges, calls.award_badges(instant, 1, [calls.WishData(ann.address, LATER, r, vs)]))
    world.node.mine(3)
    made.read()
    return made


def test_from_scratch_comes_to_the_same(reader: Reader) -> None:
    found = reader.compare()
    assert found.equal, found.told
    assert found.rows["chain_events"] > 20
    assert found.rows["holdings"] >= 8
    assert found.rows["chain_badges"] == 1
    with reader.db.read() as session:  # the history of a reorganisation is not compared
        assert session.scalar(sa.select(sa.func.count()).where(ChainEvent.kind == EventKind.REWIND)) == 1


def test_what_differs_is_found_and_mended(reader: Reader) -> None:
    first = sa.select(sa.func.min(ChainEvent.id)).where(
        ChainEvent.kind == EventKind.ACCOUNT_AWARDED, ChainEvent.orphaned == 0
    )
    with reader.db.read() as session:
        event = session.get_one(ChainEvent, session.scalar(first))
        holding = session.scalars(sa.select(Holding).where(Holding.campaign == 0, Holding.matured == 100)).first()
        entry = session.scalars(sa.select(LedgerEntry.id).where(LedgerEntry.credit == 300)).first()
        total = session.scalars(sa.select(LedgerTotal)).first()
    assert holding is not None
    assert total is not None
    reader.spoil(sa.update(Holding).where(Holding.holder == holding.holder, Holding.campaign == 0).values(matured=101))
    assert {name for name, count in reader.compare().differing.items() if count} == {"holdings"}
    reader.spoil(sa.update(LedgerEntry).where(LedgerEntry.id == entry).values(credit=301))
    same = (LedgerTotal.campaign == total.campaign, LedgerTotal.measure == total.measure)
    reader.spoil(sa.update(LedgerTotal).where(*same, LedgerTotal.party == total.party).values(points=total.points + 1))
    reader.spoil(sa.update(ChainBadge).values(renounced_block=event.block))
    reader.spoil(sa.update(ChainEvent).where(ChainEvent.id == event.id).values(amount=299))
    found = reader.compare()
    assert {name for name, count in found.differing.items() if count} == {
        *("chain_events", "holdings", "ledger_entries", "ledger_totals", "chain_badges")
    }
    assert found.first == event.block
    reindexing.mend(reader.db, reader.world.rpc, reader.world.deployment, found)
    reader.read()
    assert reader.compare().equal
    # An event that is missing, with all that the ledger made of it.
    with reader.db.begin() as session:
        last = session.scalars(sa.select(ChainEvent).order_by(ChainEvent.id.desc())).first()
        assert last is not None
        session.execute(sa.delete(LedgerEntry).where(LedgerEntry.event_id == last.id))
        session.delete(last)
    found = reader.compare()
    assert found.first == last.block
    reindexing.mend(reader.db, reader.world.rpc, reader.world.deployment, found)
    reader.read()
    assert reader.compare().equal
    # A worker that planned by what was wrong, before it was mended.
    reader.spoil(sa.update(Holding).where(Holding.holder == holding.holder, Holding.campaign == 0).values(matured=7))
    found = reader.compare()
    reader.world.hub(calls.award_batch(1, 9, [(holding.holder, 100)]))
    while reader.indexer.step():
        pass

    def plan_and_mend(session: Session, events: Sequence[ChainEvent]) -> Write:
        write = Ledger().plan(session, events)
        reindexing.mend(reader.db, reader.world.rpc, reader.world.deployment, found)
        return write

    assert drain(reader.db, "ledger", Ahead(plan_and_mend)) == 0
    reader.read()
    assert reader.compare().equal


def test_what_is_mended_while_the_worker_reads_on_is_mended(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    with reader.db.begin() as session:
        last = session.scalars(sa.select(ChainEvent).order_by(ChainEvent.id.desc())).first()
        session.execute(sa.delete(LedgerEntry).where(LedgerEntry.event_id == last.id))
        session.delete(last)
    found = reader.compare()
    take_back = Indexer._take_back

    def overtaken(self: Indexer, last: IndexedBlock, fork: int, always: bool = False) -> int:
        monkeypatch.undo()
        reader.world.node.mine(1)
        reader.read()
        return take_back(self, last, fork, always)

    monkeypatch.setattr(Indexer, "_take_back", overtaken)
    reindexing.mend(reader.db, reader.world.rpc, reader.world.deployment, found)
    reader.read()
    assert reader.compare().equal


def test_another_branch_of_the_chain_is_not_compared(reader: Reader) -> None:
    reader.world.node.rpc("anvil_reorg", 2, [])
    with pytest.raises(ChainMoved):
        reader.compare()
