"""Never more promised than budget, cap and quota allow, however many promise at once."""

from __future__ import annotations

import pytest

from gateway.chain import calls
from gateway.chain.indexer.models import EventKind
from gateway.core.problems import Problem
from gateway.loyalty.campaigns import promises
from tests.gateway.campaigns.conftest import OPERATOR, Room
from tests.support.races import together


def fund(room: Room, campaign: int, budget: int, cap: int) -> None:
    room.apply(
        room.event(EventKind.FUNDED, 1, campaign=campaign, amount=budget, extra=0),
        room.event(EventKind.OPERATOR_SET, 1, campaign=campaign, counterparty=OPERATOR, amount=cap),
    )


def reserve(room: Room, campaign: int, merchant: int, points: int) -> str:
    try:
        with room.db.begin() as session:
            room.campaigns.reserve(session, campaign, merchant, points, room.clock.now())
    except Problem as problem:
        return problem.refusal.code
    return "ok"


def test_the_budget_is_the_end(room: Room) -> None:
    number, _, owner, _ = room.registered()
    fund(room, number, 100, 1_000)
    assert [reserve(room, number, owner, points) for points in (60, 41, 40, 1, 0)] == [
        "ok",
        "budget-exhausted",
        "ok",
        "budget-exhausted",
        "ok",
    ]
    assert room.row(number).reserved == 100


def test_the_cap_is_shared_by_all_merchants_and_new_each_utc_day(room: Room) -> None:
    number, _, owner, key = room.registered()
    _, other, _ = room.merchant()
    room.call("PUT", f"/campaigns/{number}/merchants/{other}", key, {"daily_quota": 70})
    fund(room, number, 10_000, 100)
    assert reserve(room, number, other, 71) == "quota-reached"
    assert reserve(room, number, other, 70) == "ok"
    assert reserve(room, number, other, 1) == "quota-reached"
    assert reserve(room, number, owner, 31) == "daily-cap-reached"
    assert reserve(room, number, owner, 30) == "ok"
    room.clock.offset += 86_400
    assert reserve(room, number, other, 70) == "ok"


def test_who_is_not_in_the_campaign_promises_nothing(room: Room) -> None:
    number, *_ = room.registered()
    _, stranger, _ = room.merchant()
    fund(room, number, 100, 100)
    assert reserve(room, number, stranger, 1) == "unknown-campaign"
    assert reserve(room, number + 1, stranger, 1) == "unknown-campaign"


def test_what_was_released_can_be_promised_again_and_nothing_twice(room: Room) -> None:
    number, _, owner, _ = room.registered()
    fund(room, number, 100, 1_000)
    reserve(room, number, owner, 100)
    with room.db.begin() as session:
        promises.lock(session, [number])
        promises.release(session, number, 30)
    assert reserve(room, number, owner, 30) == "ok"
    with room.db.begin() as session, pytest.raises(RuntimeError):
        promises.release(session, number, 101)
    assert room.row(number).reserved == 100


def test_many_at_once_never_overspend(room: Room) -> None:
    number, _, owner, _ = room.registered()
    fund(room, number, 100, 1_000)
    answers: list[str] = []

    def spend() -> None:
        for _ in range(6):
            answers.append(reserve(room, number, owner, 7))

    together([spend] * 6)
    assert answers.count("ok") == 14
    assert answers.count("budget-exhausted") == 22
    assert room.row(number).reserved == 98


def test_a_former_owner_has_what_the_new_one_lets_it_have(room: Room) -> None:
    """Also one that was owner for a moment that a reorganisation took back."""
    number, owner, merchant, _ = room.registered()
    heir, other, heir_key = room.merchant()
    funded = room.event(EventKind.FUNDED, 1, campaign=number, amount=1_000, extra=0)
    room.apply(funded, room.event(EventKind.OPERATOR_SET, 1, campaign=number, counterparty=OPERATOR, amount=1_000))
    for giver, taker in ((owner, heir), (heir, owner), (owner, heir)):
        room.hub.send(giver, calls.offer_ownership(number, taker.address))
        room.hub.send(taker, calls.accept_ownership(number))
        room.clock.offset += 301
        room.campaigns.refresh_due()
        former, now_owner = (merchant, other) if giver is owner else (other, merchant)
        assert (reserve(room, number, former, 10), reserve(room, number, now_owner, 10)) == ("quota-reached", "ok")
    # Of 20 a day it took 10 while it was the owner.
    path = f"/campaigns/{number}/merchants/{merchant}"
    assert room.call("PUT", path, heir_key, {"daily_quota": 20}).status_code == 200
    assert (reserve(room, number, merchant, 10), reserve(room, number, merchant, 1)) == ("ok", "quota-reached")
