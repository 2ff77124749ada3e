"""What passes a settlement that is being written, and what waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.campaigns import promises
from gateway.loyalty.earning.batches import PUT_OFF, Settlement
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.models import Action, ActionKind, ActionState
from gateway.loyalty.earning.recount import Recounts
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.tiers.models import TierDay
from tests.gateway.earning.conftest import Room, address, batches, wallet
from tests.support.races import on_postgresql, overlap, until_ended_or_waiting
from tests.support.waiting import PATIENCE

pytestmark = on_postgresql
Begin = Callable[[Callable[[], Any]], "Future[Any]"]


@contextmanager
def written(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Everything of a settlement is written but what needs the promises' lock; at the end it goes on. Gives what begins
    something beside it, in a thread of its own."""
    reached, go_on = threading.Event(), threading.Event()
    lock = Settlement._lock

    def halt(self: Settlement) -> None:
        reached.set()
        assert go_on.wait(PATIENCE)
        lock(self)

    monkeypatch.setattr(Settlement, "_lock", halt)
    with ThreadPoolExecutor(4) as pool:
        settling = pool.submit(room.settler.settle_due)
        assert reached.wait(PATIENCE)
        try:
            yield pool.submit
        finally:
            go_on.set()
            monkeypatch.undo()
        assert settling.result(PATIENCE) == 1


def until_it_waits(room: Room, doing: Future[Any]) -> None:
    """Until it waits for a lock of somebody else."""
    until_ended_or_waiting(room.db, doing)
    assert not doing.done(), "it did not wait"


def test_awards_pass_a_settlement_that_is_being_written(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.campaign()
    room.buy(1, 100)
    with written(room, monkeypatch) as begin:
        assert begin(lambda: room.buy(2, 300)).result(PATIENCE)
        assert begin(lambda: room.buy(1, 50)).result(PATIENCE)
        assert room.row().reserved == 450
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(1)): 100}
    assert room.row().reserved == 350
    room.check()
    assert room.settle() == 1
    assert room.hub.given == {(1, address(1)): 150, (1, address(2)): 300}
    assert [batch.number for batch in batches(room)] == [1, 2]
    assert room.row().reserved == 0
    room.check()


def test_what_is_being_settled_is_not_taken_back_at_that_moment(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a programme that takes nothing back once it is settled, a refund must not see it as it was before."""
    room.campaign(programme={"refunds": "nothing"})
    bought = room.buy(1, 100)
    with written(room, monkeypatch) as begin:
        refunding = begin(lambda: room.refund(bought))
        until_it_waits(room, refunding)
    assert refunding.result(PATIENCE).status_code == 202
    with room.db.read() as session:
        (refund,) = session.scalars(sa.select(Action).where(Action.kind == ActionKind.REFUND))
    assert (refund.state, refund.withheld) == (ActionState.SETTLED, 100)
    room.settle()
    assert room.hub.given == {(1, address(1)): 100}
    room.check()


def test_a_refund_that_waits_keeps_no_award_waiting(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.campaign()
    bought = room.buy(1, 100)
    with written(room, monkeypatch) as begin:
        refunding = begin(lambda: room.refund(bought))
        until_it_waits(room, refunding)
        assert begin(lambda: room.buy(2, 300)).result(PATIENCE)
        assert not refunding.done()
    assert refunding.result(PATIENCE).status_code == 202
    room.settle()
    room.settle()
    assert room.hub.given == {(1, address(1)): 100, (1, address(2)): 300}
    room.check()


def test_another_settlement_waits_and_finds_nothing_to_do(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.campaign()
    room.buy(1, 100)
    with written(room, monkeypatch) as begin:
        second = begin(room.settler.settle_due)
        until_it_waits(room, second)
    assert second.result(PATIENCE) == 0
    assert len(batches(room)) == 1
    assert room.row().settle_at < room.clock.now() + PUT_OFF, "it ran into the first one"
    room.check()


def test_what_landed_is_followed_once_the_next_settlement_is_written(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have to change what wallets carry and owe, with which the settlement counts."""
    room.campaign()
    room.buy(1, 100)
    room.settler.settle_due()
    room.hub.mine()
    room.buy(1, 200)
    with written(room, monkeypatch) as begin:
        landing = begin(room.drain)
        until_it_waits(room, landing)
    landing.result(PATIENCE)
    assert room.row().reserved == 200
    room.check()


def test_codes_count_for_ladders_after_an_award_that_counts_there(room: Room) -> None:
    """Both read what was counted, add to it and write it again."""
    rungs = [{"id": "a", "at": 0}, {"id": "b", "at": 10_000}]
    room.campaign(programme={"ladders": [{"id": "status", "by": "points", "window": "ever", "rungs": rungs}]})
    Recounts(room.db, room.tiers).recount_due()
    room.buy(1, 100)
    code = room.report(claim=True, amount=200).json()["claim"]["code"]
    assert room.claim(code, 1).status_code == 200

    def award(session: Session) -> None:
        fields: dict[str, Any] = {"occurred_at": room.clock.now(), "wallet": wallet(1), "amount": 400}
        action = ActionIn(campaign=1, kind="purchase", **fields)
        room.earning.accept_bulk(session, room.merchant, [Report("till", action)])

    overlap(room.db, award, room.settler.settle_due)
    with room.db.read() as session:
        assert list(session.scalars(sa.select(TierDay.points))) == [700]
    assert len(batches(room)) == 1
    room.check()


def test_however_many_campaigns_there_are_all_can_be_locked_at_once(room: Room) -> None:
    """As a reorganisation does. PostgreSQL keeps its advisory locks in a table of a fixed size."""
    with room.db.begin() as session:
        promises.lock_settlements(session, range(1, 50_001))
        kept = session.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"))
    assert kept == promises.SLOTS
