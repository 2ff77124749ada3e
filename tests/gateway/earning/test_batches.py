from __future__ import annotations

import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.schedule import GRACE
from gateway.loyalty.earning import batches as batches_file
from gateway.loyalty.earning import settlement
from gateway.loyalty.earning.intake import Report
from gateway.loyalty.earning.models import Action, Batch, BatchEntry, BatchState, LandingTime
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.settlement import Waiting
from gateway.loyalty.wallet_views.queries import pending
from tests.gateway.earning.conftest import DAY, OPERATOR, Room, address, batches, transactions, wallet
from tests.support.checks import checks
from tests.support.races import on_postgresql, overlap


def to_window(room: Room) -> None:
    """Turns the clock to the campaign's next fixed time."""
    room.clock.offset += room.row().settle_at - room.clock.now()


def test_a_wallets_actions_are_one_entry_and_every_action_is_in_one_batch(room: Room) -> None:
    room.campaign()
    for who in (5, 6, 5, 7, 5):
        room.buy(who, 100)
    assert room.settle() == 1
    assert room.hub.given == {(1, address(5)): 300, (1, address(6)): 100, (1, address(7)): 100}
    (batch,) = batches(room)
    assert (batch.state, batch.number, batch.total) == (BatchState.LANDED, 1, 500)
    assert (room.row().reserved, room.row().budget, room.row().next_number) == (0, 10**9 - 500, 2)
    assert room.events("test.landed") == 1
    assert room.settle() == 0
    room.check()


def test_what_does_not_wait_is_never_settled_whoever_says_so(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.campaign()
    first = room.buy(1, 1_000)
    assert room.settle() == 1
    room.buy(2, 1_000)
    fold = settlement.fold
    again = Waiting(first, address(1), 1_000)
    monkeypatch.setattr(settlement, "fold", lambda waiting, *rest: fold([*waiting, again], *rest))
    assert room.settle() == 0
    monkeypatch.undo()
    assert len(batches(room)) == 1
    to_window(room)
    assert room.settle() == 1
    assert room.hub.given == {(1, address(1)): 1_000, (1, address(2)): 1_000}
    room.check()


def test_the_order_of_entries_tells_nothing(room: Room) -> None:
    room.campaign()
    for who in range(1, 40):
        room.buy(who, 100)
    room.settle()
    with room.db.read() as session:
        ids = dict(session.execute(sa.select(Action.wallet, Action.id)).tuples().all())
    (tx,) = transactions(room)
    words = [tx.data[start : start + 20] for start in range(4 + 4 * 32, len(tx.data), 32)]
    order = [ids[word] for word in words]
    assert sorted(order) == list(range(1, 40))
    assert order != sorted(order)


def test_a_campaign_settles_at_fixed_times(room: Room) -> None:
    room.campaign(settle_every=DAY)
    room.buy(5, 100)
    assert room.settle() == 0
    to_window(room)
    assert room.clock.now() % DAY == 0
    assert room.settle() == 1
    room.buy(5, 100)
    assert room.settle() == 0


def test_too_few_wallets_wait_a_week_at_most(room: Room) -> None:
    room.campaign(settle_every=DAY, min_wallets=3)
    to_window(room)
    room.settle()  # nothing waits
    room.buy(5, 100)
    room.buy(6, 100)
    bought = room.clock.now()
    turns = 0
    while not room.hub.given:
        to_window(room)
        room.settle()
        turns += 1
    assert turns == 7
    assert room.clock.now() - bought <= 7 * DAY
    room.buy(5, 100)
    room.buy(6, 100)
    room.buy(7, 100)
    to_window(room)
    assert room.settle() == 1


def test_amounts_are_rounded_and_the_rest_is_carried_on_to_the_end(room: Room) -> None:
    room.campaign(step=500, lasts=10 * DAY, settle_every=DAY)
    room.buy(5, 700)
    room.buy(6, 499)
    to_window(room)
    room.settle()
    assert room.hub.given == {(1, address(5)): 500}
    assert room.row().reserved == 699
    room.check()
    room.buy(5, 350)
    to_window(room)
    room.settle()
    assert room.hub.given == {(1, address(5)): 1_000}
    room.check()
    room.clock.offset += room.row().end + GRACE - DAY - room.clock.now()
    room.settle()
    assert room.hub.given == {(1, address(5)): 1_050, (1, address(6)): 499}
    assert room.row().reserved == 0
    room.check()


def test_carried_points_alone_do_not_keep_the_settlement_busy(room: Room) -> None:
    room.campaign(step=500)
    room.buy(5, 100)
    room.settle()
    calls = room.hub.calls
    assert room.settle() == 0
    assert room.hub.calls == calls
    with room.db.read() as session:
        (underway,) = room.earning.underway(session, address(5))
    assert (underway.campaign, underway.waiting, underway.carried, underway.sent) == (1, 100, 100, 0)


def test_what_is_under_way_is_shown(room: Room) -> None:
    room.campaign(settle_every=DAY)
    action = room.buy(5, 900)
    room.refund(action, amount=200)

    def seen() -> tuple[int, int, int]:
        with room.db.read() as session:
            (underway,) = room.earning.underway(session, address(5)) or [None]
        return (0, 0, 0) if underway is None else (underway.waiting, underway.sent, underway.settle_at)

    assert seen() == (700, 0, room.row().settle_at)
    to_window(room)
    room.settler.settle_due()
    assert seen()[:2] == (0, 700)
    room.hub.mine()
    room.drain()
    assert seen() == (0, 0, 0)


def test_batches_fit_into_the_days_cap(room: Room) -> None:
    room.campaign(cap=1_000, settle_every=DAY)
    for _ in range(3):
        for who in range(1, 6):
            room.buy(who, 190)
        room.clock.offset += DAY
    to_window(room)
    while room.settle():
        to_window(room)
    assert all(batch.total <= 1_000 for batch in batches(room))
    assert sum(batch.total for batch in batches(room)) == 3 * 5 * 190
    room.check()


def test_without_a_cap_nothing_is_sent_and_nothing_lost(room: Room) -> None:
    from gateway.chain.indexer.models import ChainEvent, EventKind

    room.campaign()
    room.buy(5, 100)

    def cap(amount: int) -> None:
        with room.db.begin() as session:
            session.add(
                ChainEvent(
                    kind=EventKind.OPERATOR_SET,
                    block=2,
                    block_time=room.clock.now(),
                    log_index=amount,
                    tx_hash=bytes(32),
                    campaign=1,
                    counterparty=OPERATOR,
                    amount=amount,
                )
            )
        room.drain()

    cap(0)
    assert room.report(wallet=wallet(5), amount=1).json()["code"] == "daily-cap-reached"
    assert room.settle() == 0
    cap(1_000)
    room.clock.offset += 10
    assert room.settle() == 1
    room.check()


def crowd(room: Room) -> None:
    """1,200 wallets earn 1, 2, … hundredths in campaign 1."""
    now = room.clock.now()
    items = [
        Report(f"k{n}", ActionIn(campaign=1, kind="purchase", occurred_at=now, wallet=wallet(n), amount=n))
        for n in range(1, 1_201)
    ]
    with room.db.begin() as session:
        room.earning.accept_bulk(session, room.merchant, items)


def test_a_large_campaign_does_not_stand_before_a_small_one(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_file, "MAX_BATCHES", 1)
    room.campaign()
    small = room.campaign(2)
    crowd(room)
    for _ in range(3):
        room.settler.settle_due()
        room.clock.offset += 1
    room.buy(5, 100, campaign=small)
    room.settler.settle_due()
    assert [batch.campaign_id for batch in batches(room)] == [1, small]
    for _ in range(3):
        room.clock.offset += 2
        room.settle()
    assert room.hub.given == {(1, address(n)): n for n in range(1, 1_201)} | {(small, address(5)): 100}
    room.check()


def test_settlements_that_are_overdue_are_told(room: Room) -> None:
    check = checks(room.db, room.clock)
    room.clock.offset += DAY - room.clock.now() % DAY  # midnight: the other campaign settles at the next one
    room.campaign()
    room.campaign(2, settle_every=DAY)
    room.clock.offset += 3_600  # nobody did anything, so nothing is overdue
    for campaign in (1, 2):
        room.buy(5, 100, campaign=campaign)
    assert check.settlement().ok
    room.clock.offset += 900
    assert (check.settlement().ok, check.settlement().value) == (False, 1)
    assert room.settle() == 1
    assert check.settlement().ok


def test_what_a_campaign_had_accepted_when_it_closed_is_told(room: Room) -> None:
    """No worker for longer than the grace: nothing can be minted any more, and nobody must think that all is well."""
    room.campaign(lasts=5 * DAY, settle_every=DAY)
    room.buy(5, 100)
    room.clock.offset += 12 * DAY
    assert room.settle() == 0
    finding = checks(room.db, room.clock).settlement()
    assert (finding.ok, finding.value) == (False, 1)
    assert finding.detail.endswith("1 closed before what they had accepted was settled: it can land no more")
    with room.db.read() as session:
        (waiting,) = pending(session, address(5), room.clock.now(), None, 10)
    assert (waiting.too_late, waiting.expected_at, waiting.points) == (True, None, 100)
    room.clock.offset += 31 * DAY
    assert room.settle() == 0
    assert checks(room.db, room.clock).settlement().ok, "it was told for a month"


def test_a_campaign_that_cannot_be_settled_stops_no_other(room: Room) -> None:
    """Its books are wrong, say: it is put off, and those that come after it have their turn."""
    for campaign in (1, 2):
        room.campaign(campaign)
        room.buy(5, 100, campaign=campaign)
    room.refund(room.buy(6, 50), amount=50)
    with room.db.begin() as session:
        session.get_one(Campaign, 1).reserved = 0
    with structlog.testing.capture_logs() as logs:
        assert room.settle() == 1
        assert room.settle() == 0
    assert [(entry["event"], entry["campaign"], entry["error"]) for entry in logs] == [
        ("settlement.refused", 1, "RuntimeError")
    ]
    assert [batch.campaign_id for batch in batches(room)] == [2]
    with room.db.begin() as session:
        session.get_one(Campaign, 1).reserved = 150
    room.clock.offset += 600
    assert room.settle() == 1
    assert room.hub.given == {(1, address(5)): 100, (2, address(5)): 100}
    room.check()


def test_a_crowd_goes_out_in_many_batches(room: Room) -> None:
    room.campaign()
    crowd(room)
    assert room.settle() == 3
    assert room.hub.given == {(1, address(n)): n for n in range(1, 1_201)}
    with room.db.read() as session:
        sizes = session.scalars(sa.select(sa.func.count()).select_from(BatchEntry).group_by(BatchEntry.batch_id)).all()
    assert sorted(sizes) == [200, 500, 500]
    room.check()


def test_the_owner_settles_early_only_with_a_crowd(room: Room) -> None:
    room.campaign(settle_every=DAY, min_wallets=3)
    room.buy(5, 100)
    room.buy(6, 100)
    few = room.call("POST", "/campaigns/1/settle")
    assert (few.status_code, few.json()["code"]) == (409, "too-few-wallets")
    room.buy(7, 100)
    _, stranger = room.new_merchant()
    assert room.call("POST", "/campaigns/1/settle", key=stranger).json()["code"] == "unknown-campaign"
    answer = room.call("POST", "/campaigns/1/settle")
    assert answer.status_code == 202
    assert answer.json()["settle_at"] <= room.clock.now()
    assert room.settle() == 1


def test_releases_are_sent_once_at_a_time(room: Room) -> None:
    from gateway.chain.relayer.queue import Queue
    from gateway.loyalty.earning.release import AGAIN_AFTER, Releaser

    room.campaign(1, hold=5)
    room.campaign(2, hold=5, closed=True)
    room.campaign(3)
    asked: list[int] = []

    def matured(_session: object, campaign: int, _now: int, limit: int) -> list[bytes]:
        asked.append(campaign)
        return [address(5), address(6)][:limit]

    releaser = Releaser(room.db, room.clock, Queue(room.clock, (OPERATOR,)), b"h" * 20, matured)
    assert [releaser.release_due(), releaser.release_due()] == [1, 0]
    room.clock.offset += 120
    assert releaser.release_due() == 0  # still under way
    (tx,) = transactions(room)
    assert (tx.purpose, tx.ref, tx.recipient) == (Purpose.RELEASE, 1, b"h" * 20)
    assert tx.data[4:36] == (1).to_bytes(32, "big")
    assert tx.data.endswith(address(5).rjust(32, b"\0") + address(6).rjust(32, b"\0"))
    with room.db.begin() as session:
        session.get_one(ChainTx, tx.id).state = TxState.DONE
    room.clock.offset += AGAIN_AFTER
    assert releaser.release_due() == 1
    assert set(asked) == {1}


def test_who_was_paid_here_is_known_by_what_was_settled(room: Room) -> None:
    """Whose orders are relayed from a budget of their own: nothing that anybody can do without a merchant opens it."""
    room.campaign(settle_every=DAY, rules=[{"kind": "per_currency", "points": 1, "per": 100}])

    def paid() -> list[int]:
        with room.db.read() as session:
            return [who for who in range(1, 5) if room.earning.has_paid(session, address(who))]

    bought = room.buy(1, 10_000)
    room.buy(2, 1)  # earns nothing
    code = room.report(claim=True, amount=10_000).json()["claim"]["code"]
    assert paid() == []
    room.clock.offset += DAY
    room.settle()
    assert paid() == [1]
    assert room.claim(code, 3).status_code == 200
    assert room.refund(bought).status_code == 202
    room.clock.offset += DAY
    room.settle()
    assert paid() == [1, 3]


@on_postgresql
def test_two_batches_that_land_at_once_are_both_timed(room: Room) -> None:
    """One may be found by whoever recovers what a restored database forgot."""
    room.campaign()
    room.buy(1, 100)
    room.settler.settle_due()
    (batch,) = batches(room)

    def first(session: Session) -> None:
        session.add(LandingTime(upto=min(LandingTime.UPTO), batches=1, seconds=0))

    def second() -> None:
        with room.db.begin() as session:
            room.landing._note_time(session, session.get_one(Batch, batch.id))

    overlap(room.db, first, second)
    with room.db.read() as session:
        assert session.scalars(sa.select(LandingTime.batches)).all() == [2]
