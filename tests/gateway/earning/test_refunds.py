from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.problems import Problem
from gateway.loyalty.earning import returns
from gateway.loyalty.earning.returns import Left, Returned, Taken
from gateway.loyalty.rules.document import RulesDocument
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.judging import Count, measure, resolve
from gateway.loyalty.rules.programme import programme
from tests.gateway.earning.conftest import Room, wallet
from tests.gateway.earning.test_actions import line

PRODUCTS, CATEGORIES = ["a", "b", "c"], [None, "x", "y"]


class Line:
    quantity = 1
    brand = None

    def __init__(self, product: str, category: str | None, amount: int) -> None:
        self.product, self.category, self.amount = product, category, amount


lines = st.lists(
    st.builds(Line, st.sampled_from(PRODUCTS), st.sampled_from(CATEGORIES), st.integers(0, 5_000)),
    min_size=1,
    max_size=6,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    def conditions() -> dict[str, Any]:
        found: dict[str, Any] = {"min_amount": draw(st.none() | st.integers(1, 8_000))}
        for name, pool in (("products", PRODUCTS), ("categories", ["x", "y"])):
            for prefix in ("", "except_"):
                found[prefix + name] = draw(st.none() | st.lists(st.sampled_from(pool), min_size=1, unique=True))
        return {key: value for key, value in found.items() if value is not None}

    rates = st.integers(1, 1_000)
    found = [
        {"kind": "per_currency", "points": draw(rates), "per": draw(rates)} | conditions()
        for _ in range(draw(st.integers(1, 4)))
    ]
    return RulesDocument.model_validate({"rules": found}).dump()


def facts_of(total: int, bought: list[Line] | None) -> Facts:
    return Facts(Occasion.PURCHASE, 1_767_225_600, 1, total, lines=bought)


def left_of(document: str, bought: list[Line] | None, total: int | None = None) -> Left:
    facts = facts_of(returns.sum_of(bought or []) if total is None else total, bought)
    measures = measure(programme(document), facts)
    points = resolve(programme(document), facts, measures)
    return Left(facts.amount, {n: Count(n, eligible, points[n]) for n, eligible in measures.items()})


def take_back(document: str, left: Left, lines: list[Line] | None, amount: int | None) -> Taken:
    return returns.take_back(programme(document), facts_of(left.amount, None), left, Returned(lines, amount))


@given(documents(), lines, st.data())
def test_what_was_kept_earns_what_it_would_have_earned_alone(document: str, bought: list[Line], data: Any) -> None:
    """Lines come back one by one, in parts, in any order: always exactly the difference is taken."""
    earned = sum(count.points for count in left_of(document, bought).counts.values())
    left = left_of(document, bought)
    kept = [Line(line.product, line.category, line.amount) for line in bought]
    taken = 0
    for index in data.draw(st.permutations(range(len(kept)))):
        part = data.draw(st.integers(0, kept[index].amount))
        if left.nothing:
            break
        back = Line(kept[index].product, kept[index].category, part)
        taken += take_back(document, left, [back], None).points
        kept[index].amount -= part
        alone = left_of(document, kept)
        assert left.amount == alone.amount
        assert earned - taken == sum(count.points for count in alone.counts.values())
    if not left.nothing:
        taken += take_back(document, left, None, None).points
    assert taken == earned
    with pytest.raises(Problem, match="refund-duplicate"):
        take_back(document, left, None, None)


@given(documents(), st.integers(0, 10_000), st.lists(st.integers(1, 4_000), max_size=8))
def test_bare_sums_come_back_exactly_too(document: str, total: int, parts: list[int]) -> None:
    left = left_of(document, None, total)
    rest = total
    for part in parts:
        if part > rest:
            with pytest.raises(Problem, match="refund-exceeds-purchase" if rest else "refund-duplicate"):
                take_back(document, left, None, part)
            continue
        take_back(document, left, None, part)
        rest -= part
        assert left.amount == rest
        assert {n: c for n, c in left.counts.items() if c.eligible} == left_of(document, None, rest).counts


@given(documents(), lines, lines)
def test_more_than_was_bought_is_refused_and_changes_nothing(
    document: str, bought: list[Line], back: list[Line]
) -> None:
    left = left_of(document, bought)
    before = (left.amount, dict(left.counts))
    try:
        taken = take_back(document, left, back, None)
    except Problem:
        assert (left.amount, left.counts) == before
    else:
        assert taken.amount == returns.sum_of(back) <= before[0]
        assert all(count.points >= 0 for count in (*taken.counts, *left.counts.values()))


# ----------------------------------------------------------------------- walks


def test_a_refund_before_the_settlement_nets_out_and_frees_the_budget_with_it(room: Room) -> None:
    room.campaign(budget=1_000)
    action = room.buy(5, 1_000)
    assert room.report(wallet=wallet(6), amount=1).json()["code"] == "budget-exhausted"
    assert room.refund(action, amount=300).json()["points"] == 300
    assert room.report(wallet=wallet(6), amount=1).json()["code"] == "budget-exhausted"
    assert room.settle() == 1
    room.buy(6, 300)
    room.clock.offset += 10
    assert room.settle() == 1
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 700, (1, b"\0" * 19 + b"\6"): 300}
    assert (room.row().reserved, room.row().budget) == (0, 0)
    room.check()


def test_a_whole_refund_before_the_settlement_leaves_nothing(room: Room) -> None:
    room.campaign()
    action = room.buy(5, 1_000)
    room.refund(action)
    assert room.settle() == 0
    assert room.row().reserved == 0
    assert room.call("GET", f"/actions/{action}").json() | {"rules": []} == {
        "id": action,
        "campaign": 1,
        "version": 1,
        "kind": "purchase",
        "points": 1_000,
        "state": "settled",
        "claim": None,
        "rules": [],
        "occurred_at": room.call("GET", f"/actions/{action}").json()["occurred_at"],
        "refunded": 1_000,
        "owed": None,
    }
    room.check()


def test_a_refund_by_key(room: Room) -> None:
    room.campaign()
    room.buy(5, 1_000, once="till-1-77")
    body = {"kind": "refund", "refers_to_key": "till-1-77", "amount": 1, "occurred_at": room.clock.now()}
    answer = room.report("refund-77", **body)
    assert (answer.status_code, answer.json()["points"]) == (202, 1)
    again = room.report("refund-77", **body)
    assert again.json() == answer.json()


def test_a_refund_after_landing_takes_back_what_is_held(room: Room) -> None:
    room.campaign(hold=5)
    action = room.buy(5, 1_000)
    room.settle()
    refund = room.refund(action, amount=400).json()["id"]
    assert room.settle() == 1
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 600}
    assert room.call("GET", f"/actions/{refund}").json()["state"] == "landed"
    assert room.call("GET", f"/actions/{refund}").json()["owed"] == 0
    assert room.row().budget == 10**9 - 600
    room.check()


def test_what_is_no_longer_held_is_recorded_as_owed(room: Room) -> None:
    room.campaign(hold=5)
    action = room.buy(5, 1_000)
    room.settle()
    room.hub.pending.clear()  # matured meanwhile
    refund = room.refund(action).json()["id"]
    room.settle()
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 1_000}
    assert room.call("GET", f"/actions/{refund}").json()["owed"] == 1_000
    room.check()


def test_without_a_hold_a_late_refund_is_owed_and_nothing_is_sent(room: Room) -> None:
    room.campaign()
    action = room.buy(5, 1_000)
    room.settle()
    refund = room.refund(action).json()["id"]
    assert room.settle() == 0
    assert room.call("GET", f"/actions/{refund}").json()["owed"] == 1_000
    room.check()


def test_a_late_refund_is_first_taken_from_what_waits(room: Room) -> None:
    room.campaign(hold=5)
    old = room.buy(5, 1_000)
    room.settle()
    room.buy(5, 300)
    room.refund(old)
    assert room.settle() == 1
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 300}
    assert room.row().reserved == 0
    room.check()


def test_a_refund_waits_until_what_it_takes_back_has_landed(room: Room) -> None:
    room.campaign(hold=5)
    action = room.buy(5, 1_000)
    room.settler.settle_due()  # on its way
    room.refund(action)
    room.clock.offset += 10
    assert room.settler.settle_due() == 0
    room.check()
    room.hub.mine()
    room.drain()
    room.clock.offset += 10
    assert room.settle() == 1
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 0}
    room.check()


def test_a_partial_refund_lowers_what_a_code_gives(room: Room) -> None:
    room.campaign()
    action = room.report(claim=True, amount=1_000).json()
    room.refund(action["id"], amount=400)
    assert room.row().reserved == 1_000
    assert room.claim(action["claim"]["code"], 5).json()["points"] == 600
    room.check()
    room.refund(action["id"], amount=100)
    room.check()
    room.settle()
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 500}
    assert room.row().reserved == 0
    room.check()


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"refers_to": 99}, "refund-without-purchase", "refers_to"),
    ({"refers_to": None}, "refund-without-purchase", "refers_to"),
    ({"refers_to": None, "refers_to_key": "nothing"}, "refund-without-purchase", "refers_to_key"),
    ({"refers_to_key": "both"}, "invalid-request", "refers_to_key"),
    ({"refers_to": -1}, "invalid-request", "refers_to"),
    ({"refers_to": True}, "invalid-request", "refers_to"),
    ({"campaign": 2}, "refund-without-purchase", "refers_to"),
    ({"campaign": 3}, "unknown-campaign", "campaign"),
    ({"amount": 1_001}, "refund-exceeds-purchase", "amount"),
    ({"lines": [line(1_001)]}, "refund-exceeds-purchase", "lines"),
    ({"lines": [line(301, category="books")]}, "refund-exceeds-purchase", "lines"),
    ({"amount": 500}, "refund-lines-required", "lines"),
    ({"amount": 0}, "invalid-request", "amount"),
    ({"amount": -5}, "invalid-request", "amount"),
    ({"amount": 5, "lines": [line(5)]}, "invalid-request", "amount"),
    ({"wallet": wallet(5)}, "invalid-request", "wallet"),
    ({"claim": True}, "invalid-request", "claim"),
    ({"action": "review"}, "invalid-request", "action"),
    ({"occurred_at": 301}, "occurred-in-future", "occurred_at"),
]


def test_refunds_that_cannot_be(room: Room) -> None:
    room.campaign()
    room.campaign(2)
    bought = room.report(wallet=wallet(5), lines=[line(700), line(300, category="books")]).json()
    for change, code, field in REFUSED:
        if "occurred_at" in change:
            change = {"occurred_at": room.clock.now() + 301}
        answer = room.report(kind="refund", **({"refers_to": bought["id"]} | change))
        assert (answer.json()["code"], answer.json()["field"]) == (code, field), change
    assert room.row().reserved == 1_100


def test_refunds_of_others_of_refunds_and_of_nothing_left(room: Room) -> None:
    room.campaign()
    action = room.buy(5, 1_000)
    _, key = room.new_merchant()
    assert room.refund(action, key=key).json()["code"] == "unknown-campaign"
    refund = room.refund(action).json()["id"]
    assert room.refund(refund).json()["code"] == "refund-without-purchase"
    duplicate = room.refund(action)
    assert (duplicate.status_code, duplicate.json()["code"]) == (409, "refund-duplicate")
    assert duplicate.json()["field"] == "refers_to"
    sold = room.report(once="sold", wallet=wallet(5), amount=100)
    assert sold.status_code == 202
    again = [room.report(kind="refund", refers_to_key="sold") for _ in range(2)]
    assert (again[0].status_code, again[1].json()["field"]) == (202, "refers_to_key")


def test_another_merchant_of_the_campaign_refunds_only_its_own(room: Room) -> None:
    from gateway.identity.merchants.models import Merchant

    room.campaign()
    action = room.buy(5, 1_000, once="till")
    other, key = room.new_merchant()
    with room.db.begin() as session:
        room.campaigns.set_merchant(session, 1, room.merchant, session.get_one(Merchant, other), 10_000)
    assert room.refund(action, key=key).json()["code"] == "refund-without-purchase"
    by_key = room.report(key=key, kind="refund", refers_to_key="till")
    assert by_key.json()["code"] == "refund-without-purchase"


def test_visits_come_back_whole(room: Room) -> None:
    room.campaign()
    visit = room.report(kind="visit", wallet=wallet(5)).json()["id"]
    assert room.refund(visit, amount=1).json()["field"] == "amount"
    assert room.refund(visit).json()["points"] == 500
    assert room.refund(visit).json()["code"] == "refund-duplicate"


def test_refunds_go_on_when_the_campaign_pauses_and_ends(room: Room) -> None:
    room.campaign(hold=5)
    action = room.buy(5, 1_000)
    room.settle()
    with room.db.begin() as session:
        room.campaigns.pause(session, 1, room.merchant, True)
    assert room.refund(action, amount=100).status_code == 202
    room.clock.offset += 60 * 86_400
    assert room.refund(action, amount=200).status_code == 202
    room.settle()
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 700}
    room.check()
