"""Caps over the database: partial awards, claims, refunds, many threads, and in whatever order things are told."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.earning.answers import Answer
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.models import CapUse
from gateway.loyalty.earning.schemas import ActionIn
from tests.gateway.earning.conftest import DAY, Room, address, wallet
from tests.support.races import on_postgresql, overlap, together

BASE = {"kind": "per_currency", "points": 100, "per": 100, "id": "base"}
VISIT = {"kind": "per_visit", "points": 500, "id": "visit"}


def capped(**cap: Any) -> dict[str, Any]:
    return {"caps": [{"id": "cap", "per": "wallet", "period": "day"} | cap]}


def used(room: Room) -> list[int]:
    with room.db.read() as session:
        return sorted(session.scalars(sa.select(CapUse.used)))


def test_a_partial_award_tells_what_was_wanted_and_what_was_given(room: Room) -> None:
    room.campaign(rules=[BASE, VISIT], programme=capped(points=1_200))
    assert room.report(wallet=wallet(5), amount=1_000).json()["points"] == 1_000
    cut = room.report("a", wallet=wallet(5), amount=900, occurred_at=room.clock.now()).json()
    assert (cut["points"], cut["wanted"], room.row().reserved) == (200, 900, 1_200)
    assert cut["verdicts"][0]["why"] == (
        "1.00 points for every 1.00 of 9.00: 9.00 wanted, 2.00 given, "
        "because cap allows 12.00 points a day for each wallet; 2.00 were left"
    )
    assert cut["verdicts"][1]["why"] == "for visits only"
    assert room.report("a", wallet=wallet(5), amount=900, occurred_at=room.clock.now()).json() == cut
    assert room.report(wallet=wallet(6), amount=900).json()["points"] == 900
    assert room.report(wallet=wallet(5), amount=900, occurred_at=room.clock.now() - DAY).json()["points"] == 900
    room.settle()
    assert room.hub.given[1, address(5)] == 2_100
    room.check()


def test_only_the_cap_that_cut_is_named(room: Room) -> None:
    caps = [
        {"id": "of_the_shop", "per": "merchant", "period": "month", "points": 100_000},
        {"id": "a_day", "per": "wallet", "period": "day", "points": 1_000},
        {"id": "at_once", "per": "wallet", "period": "action", "points": 700, "rules": ["base"]},
    ]
    room.campaign(rules=[BASE, VISIT], programme={"caps": caps})
    a_day = "a_day allows 10.00 points a day for each wallet; 10.00 were left"
    at_once = "at_once allows 7.00 points at once for each wallet; 7.00 were left"

    def why(key: str, amount: int) -> str:
        told = room.report(key, wallet=wallet(5), amount=amount, occurred_at=room.clock.now()).json()["verdicts"][0]
        return str(told["why"]).partition("because ")[2]

    assert why("a", 900) == at_once
    assert why("b", 400) == a_day.replace("; 10.00", "; 3.00")
    assert why("c", 1_500) == f"{a_day.replace('; 10.00', '; 0.00')}"
    # Told again, what caps had left is not known any more: a month's is as likely as a day's.
    assert why("a", 900).split(" or ")[-1] == at_once
    assert "of_the_shop" in why("a", 900)
    assert "at_once" not in why("b", 400)


def test_a_refund_gives_the_cap_back(room: Room) -> None:
    room.campaign(rules=[BASE], programme=capped(points=1_000))
    first, second = room.buy(5, 800), room.buy(5, 800)
    assert room.refund(second, amount=500).json()["points"] == 0  # what is left of it still earns the room it had
    assert room.refund(second, amount=200).json()["points"] == 100
    assert room.refund(second).json()["points"] == 100
    assert room.refund(first, amount=300).json()["points"] == 300
    assert used(room) == [500]
    assert room.report(wallet=wallet(5), amount=900).json()["points"] == 500
    room.check()


@pytest.mark.parametrize(("per", "first", "second"), [("merchant", 700, 300), ("campaign", 700, 300)])
def test_caps_of_all_wallets_together(room: Room, per: str, first: int, second: int) -> None:
    room.campaign(rules=[BASE], programme=capped(per=per, points=1_000, period="week"))
    assert room.report(wallet=wallet(5), amount=700).json()["points"] == first
    assert room.report(claim=True, amount=700).json()["points"] == second


def test_a_number_of_times(room: Room) -> None:
    room.campaign(rules=[BASE, VISIT], programme=capped(times=2, rules=["visit"]))
    gave = [room.report(kind="visit", wallet=wallet(5)).json()["points"] for _ in range(3)]
    assert gave == [500, 500, 0]
    assert room.report(wallet=wallet(5), amount=100).json()["points"] == 100


def test_an_anniversary_comes_once_a_year(room: Room) -> None:
    room.campaign(rules=[VISIT, {"kind": "anniversary", "points": 1_000}], began=900 * DAY)
    now = room.clock.now()
    gave = [
        room.report(kind="visit", wallet=wallet(5), occurred_at=now - days * DAY).json()["points"]
        for days in (800, 700, 400, 300, 10, 0)
    ]
    assert gave == [500, 500, 1_500, 500, 1_500, 500]


def test_an_anniversary_counts_from_what_was_told_before(room: Room) -> None:
    room.campaign(rules=[VISIT, {"kind": "anniversary", "points": 1_000}], began=900 * DAY)
    now = room.clock.now()

    def gave(who: int, *days: int) -> list[int]:
        visits = [{"wallet": wallet(who), "occurred_at": now - ago * DAY} for ago in days]
        return [room.report(kind="visit", **visit).json()["points"] for visit in visits]

    assert gave(5, 400, 0) == [500, 1_500]
    assert gave(6, 0, 400) == [500, 500]


def test_in_one_call_the_earlier_action_comes_first(room: Room) -> None:
    room.campaign(rules=[BASE], programme=capped(points=1_000))
    now = room.clock.now()
    items = [
        {"key": f"k{n}", "campaign": 1, "kind": "purchase", "occurred_at": now - n, "wallet": wallet(5), "amount": 400}
        for n in range(4)
    ]
    results = room.call("POST", "/actions/bulk", {"actions": items}).json()["results"]
    assert [r["action"]["points"] for r in results] == [0, 200, 400, 400]


def test_a_cap_of_the_wallet_counts_a_code_when_it_is_claimed(room: Room) -> None:
    room.campaign(rules=[BASE], programme=capped(points=1_000))
    room.buy(5, 700)
    told = room.report(claim=True, amount=900).json()
    assert told["points"] == 900
    before = room.row().reserved
    claimed = room.claim(told["claim"]["code"], 5).json()
    assert (claimed["points"], claimed["wanted"]) == (300, 900)
    assert room.claim(told["claim"]["code"], 5).json() == claimed
    # The till learns nothing of it, not even from the budget.
    assert room.row().reserved == before
    seen = room.call("GET", f"/actions/{told['id']}").json()
    assert (seen["points"], seen["state"], seen["refunded"]) == (900, "code-issued", 0)
    room.check()
    room.settle()
    assert room.hub.given[1, address(5)] == 1_000
    assert room.row().reserved == 0
    room.check()


@pytest.mark.parametrize("settled", [False, True])
def test_refunds_of_a_claimed_code_take_no_more_than_it_gave(room: Room, settled: bool) -> None:
    room.campaign(rules=[BASE], programme=capped(points=1_000), hold=9)
    room.buy(5, 700)
    told = room.report(claim=True, amount=900).json()
    room.claim(told["claim"]["code"], 5)
    if settled:
        room.settle()
    assert room.refund(told["id"], amount=500).json()["points"] == 500  # as the till is told
    room.check()
    assert room.refund(told["id"], amount=200).json()["points"] == 200
    assert room.refund(told["id"]).json()["points"] == 200
    room.check()
    room.settle()
    room.settle()
    assert room.hub.given[1, address(5)] == 700
    assert room.row().reserved == 0
    room.check()


@pytest.mark.parametrize("per", ["wallet", "merchant", "campaign"])
def test_caps_hold_when_many_tills_report_at_once(room: Room, per: str) -> None:
    room.campaign(rules=[BASE], programme=capped(per=per, points=1_000))
    given: list[int] = []

    def till(number: int) -> None:
        for n in range(4):
            who = wallet(5 if per == "wallet" else 5 + number)
            given.append(room.report(f"t{number}-{n}", wallet=who, amount=130).json()["points"])

    together(partial(till, number) for number in range(4))
    assert sum(given) == 1_000
    assert used(room) == [1_000]
    room.check()


@on_postgresql
@pytest.mark.parametrize("per", ["wallet", "campaign"])
def test_caps_hold_where_two_gateways_judge_at_once(room: Room, per: str) -> None:
    """Each in a transaction of its own: calls to one gateway share theirs (decision 0104)."""
    room.campaign(rules=[BASE], programme=capped(per=per, points=1_000))
    room.buy(5, 100)  # a use that is there: of two that begin one, the second fails by itself
    given: list[int] = []

    def take(key: str, session: Session) -> None:
        action = ActionIn(campaign=1, kind="purchase", occurred_at=room.clock.now(), wallet=wallet(5), amount=800)
        (answer,) = room.earning.accept_bulk(session, room.merchant, [Report(key, action)])
        assert isinstance(answer, Answer)
        given.append(answer.points)

    def other() -> None:
        with room.db.begin() as session:
            take("b", session)

    overlap(room.db, partial(take, "a"), other)
    assert given == [800, 100]
    assert used(room) == [1_000]
    room.check()


def test_a_preview_tells_nothing_of_what_is_left_of_budget_and_cap(room: Room) -> None:
    """Else a till that asks before and after saw a code lapse, or a bonus that a claim was worth."""
    room.campaign(rules=[BASE], budget=1_000, cap=1_000)
    asked = {"campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "amount": 10**7}
    before = room.call("POST", "/actions/preview", asked)
    assert (before.status_code, before.json()["points"]) == (200, 10**7), before.text
    room.buy(5, 400)
    assert room.call("POST", "/actions/preview", asked).json() == before.json()
    refused = room.report(wallet=wallet(5), amount=601)
    assert (refused.json()["code"], "left" in refused.text) == ("budget-exhausted", False)
    room.campaign(2, budget=10**6, cap=1_000)
    refused = room.report(wallet=wallet(5), campaign=2, amount=1_001)
    assert (refused.json()["code"], "left" in refused.text) == ("daily-cap-reached", False)
    assert room.call("POST", "/actions/preview", asked | {"campaign": 2}).status_code == 200
