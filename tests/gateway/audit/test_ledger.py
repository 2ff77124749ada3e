"""The event stream and the ledger, filled by the indexer, against the chain: clean, then spoilt in one place each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock, Subscription
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import drain
from gateway.commands.audit import audit_session, run_audit
from gateway.commands.audit_logs import ChainMoved
from gateway.commands.audit_model import Difference
from gateway.commands.console import CommandError
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.ledger.models import ChainBadge, Holding, LedgerEntry, LedgerTotal
from gateway.loyalty.ledger.service import Ledger
from gateway.models import metadata
from tests.gateway.audit.scene import Scene
from tests.support.anvil import anvil
from tests.support.postgres import postgres_url

Spoil = Callable[[Session], None]


def index(db: Database, scene: Scene) -> None:
    indexer = Indexer(db, scene.rpc, Clock(), scene.deployment, confirmations=0)
    indexer.step()
    while indexer.step():
        pass


def follow(db: Database, scene: Scene) -> None:
    index(db, scene)
    while drain(db, "ledger", Ledger().apply_events):
        pass


def differences(db: Database, scene: Scene) -> list[Difference]:
    return run_audit(db, scene.rpc, scene.deployment).differences


def test_random_life_is_in_the_ledger(db: Database, scene: Scene) -> None:
    scene.live(11, 250)
    follow(db, scene)
    assert differences(db, scene) == []
    scene.wind_up()
    follow(db, scene)
    assert differences(db, scene) == []


def test_room_that_is_behind_is_not_wrong(db: Database, scene: Scene) -> None:
    scene.live(12, 80)
    index(db, scene)
    drain(db, "ledger", Ledger().apply_events, limit=77)
    report = run_audit(db, scene.rpc, scene.deployment)
    assert report.differences == []
    assert report.totals["events_behind"] > 77


def test_audit_is_as_of_the_last_block_read(db: Database, scene: Scene) -> None:
    scene.live(13, 40)
    follow(db, scene)
    block = scene.reads.head().number
    scene.live(14, 40)
    report = run_audit(db, scene.rpc, scene.deployment)
    assert (report.block, report.differences) == (block, [])


def test_database_that_has_read_nothing(db: Database, scene: Scene) -> None:
    with pytest.raises(CommandError, match="has not read the chain"):
        run_audit(db, scene.rpc, scene.deployment)


def test_reorganisation_is_followed(db: Database, scene: Scene) -> None:
    scene.live(15, 60)
    before = scene.node.snapshot()
    scene.live(16, 40)
    follow(db, scene)
    scene.node.revert(before)
    scene.live(17, 60)
    follow(db, scene)
    assert differences(db, scene) == []


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def spoilt(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Scene]]:
    """A house that is in order, for tests that spoil it in a transaction of their own."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('audit') / 'loyalty.db'}"
    else:
        url = postgres_url()
    db = Database(url)
    metadata.create_all(db.engine)
    with anvil() as node:
        scene = Scene(node)
        scene.live(18, 120)
        # The newest award is still under hold.
        scene.award(2, [(scene.holders[0], 700), (scene.holders[1], 900)])
        scene.badge(scene.names[0], 1, 9)
        follow(db, scene)
        assert differences(db, scene) == []
        yield db, scene
        scene.rpc.close()
    db.dispose()


def _holding(session: Session, accounts: bool, field: str) -> None:
    row = next(
        row for row in session.scalars(sa.select(Holding)) if bool(row.campaign) is accounts and getattr(row, field)
    )
    setattr(row, field, getattr(row, field) + 1)


def _without_event(session: Session) -> None:
    row = session.scalars(sa.select(ChainEvent).where(ChainEvent.kind == EventKind.AWARD_LANDED).limit(1)).one()
    session.delete(row)


def _event_amount(session: Session) -> None:
    row = session.scalars(sa.select(ChainEvent).where(ChainEvent.kind == EventKind.FUNDED).limit(1)).one()
    row.amount = (row.amount or 0) + 1


def _invented_event(session: Session) -> None:
    row = session.scalars(sa.select(ChainEvent).where(ChainEvent.kind == EventKind.FUNDED).limit(1)).one()
    values = {column.key: getattr(row, column.key) for column in sa.inspect(ChainEvent).columns if column.key != "id"}
    session.add(ChainEvent(**values | {"log_index": 777}))


def _orphaned_event(session: Session) -> None:
    session.scalars(
        sa.select(ChainEvent).where(ChainEvent.kind == EventKind.MERCHANT_ACCEPTED).limit(1)
    ).one().orphaned = True


def _entry(session: Session) -> None:
    session.scalars(sa.select(LedgerEntry).where(LedgerEntry.campaign > 0).limit(1)).one().credit += 1


def _total(session: Session) -> None:
    session.scalars(sa.select(LedgerTotal).limit(1)).one().points += 1


def _stay(session: Session) -> None:
    row = session.scalars(sa.select(Holding).where(Holding.campaign == 2).limit(1)).one()
    row.stay = not row.stay


def _no_cursor(session: Session) -> None:
    session.execute(sa.delete(Subscription))


def _lost_holding(session: Session) -> None:
    session.delete(next(row for row in session.scalars(sa.select(Holding)) if row.campaign == 0 and row.matured))


def _young_becomes_old(session: Session) -> None:
    newest = sa.select(Holding).where(Holding.campaign == 2).order_by(Holding.period.desc())
    row = next(row for row in session.scalars(newest) if row.young and row.old)  # neither is matured
    row.old, row.young = row.old + 1, row.young - 1


def _badge(session: Session, **changed: int) -> None:
    row = session.scalars(sa.select(ChainBadge).where(ChainBadge.badge == 9)).one()
    for name, value in changed.items():
        setattr(row, name, value)


def _lost_badge(session: Session) -> None:
    session.execute(sa.delete(ChainBadge).where(ChainBadge.badge == 9))


PLANTED: list[tuple[Spoil, str]] = [
    (lambda session: _holding(session, False, "matured"), "ledger-holding"),
    (lambda session: _holding(session, True, "matured"), "ledger-holding"),
    (lambda session: _holding(session, True, "young"), "ledger-holding"),
    (_young_becomes_old, "ledger-holding"),
    (_stay, "ledger-holding"),
    (_lost_holding, "ledger-holding-missing"),
    (_entry, "ledger-entries"),
    (_total, "ledger-total"),
    (_lost_badge, "ledger-badge-missing"),
    (lambda session: _badge(session, badge=8), "ledger-badge"),
    (lambda session: _badge(session, renounced_block=1), "ledger-badge"),
    (_event_amount, "event-differs"),
    (_invented_event, "event-unknown"),
    (_orphaned_event, "event-missing"),
    (_no_cursor, "ledger-holding"),
]


def test_each_planted_difference_is_found(spoilt: tuple[Database, Scene]) -> None:
    db, scene = spoilt
    for spoil, code in PLANTED:
        with db.read() as session:  # rolled back at the end
            spoil(session)
            session.flush()
            found = audit_session(session, scene.rpc, scene.deployment).differences
        assert code in {each.code for each in found}, (code, found)
        for holder in scene.holders:
            assert holder.hex() not in str(found).lower()


def test_missing_event_is_found(db: Database, scene: Scene) -> None:
    scene.live(19, 60)
    index(db, scene)
    with db.begin() as session:
        _without_event(session)
    while drain(db, "ledger", Ledger().apply_events):
        pass
    codes = {each.code for each in differences(db, scene)}
    assert {"event-missing", "ledger-total"} <= codes


def test_cursor_on_another_chain_is_not_compared(db: Database, scene: Scene) -> None:
    scene.live(20, 20)
    follow(db, scene)
    with db.begin() as session:
        newest = session.scalars(sa.select(IndexedBlock).order_by(IndexedBlock.number.desc()).limit(1)).one()
        newest.hash = bytes(32)
    with db.read() as session, pytest.raises(ChainMoved):
        audit_session(session, scene.rpc, scene.deployment)
