"""Challenges and streaks: rewarded once, whenever they are told of; taken back with what they were reached by."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.chain import signatures
from gateway.chain.hexes import checksum
from gateway.chain.indexer.models import EventKind
from gateway.core.jobs import Job
from gateway.loyalty.campaigns import promises, schedule
from gateway.loyalty.earning.models import Action, ActionKind
from gateway.loyalty.earning.play.goals import Deed, course
from gateway.loyalty.rules.calendar import Local
from gateway.loyalty.rules.document import RulesDocument
from gateway.loyalty.rules.play import Challenge, Streak
from tests.gateway.earning.conftest import CHAIN, DAY, Room
from tests.support import pages
from tests.support.proving import proof

KEY = b"\x05" * 32
HOLDER = signatures.address_of(KEY)
#: A Monday, long ago enough for whole weeks and near enough for claims.
RULES = [{"kind": "per_currency", "points": 100, "per": 100, "id": "base"}, {"kind": "per_visit", "points": 10}]
THREE = {"id": "three", "counts": "days", "target": 3, "period": "campaign", "points": 500}
TWICE = {"id": "spender", "counts": "spend", "target": 10_000, "period": "campaign", "points": 100, "times": 2}
DAILY = {"id": "daily", "period": "day", "length": 3, "points": 700, "repeat": True}


def act(room: Room, days_ago: int = 0, amount: int | None = 100, **fields: Any) -> int:
    kind = {"kind": "visit"} if amount is None else {"amount": amount}
    when = room.clock.now() - days_ago * DAY
    answer = room.report(**{"wallet": checksum(HOLDER), "occurred_at": when} | kind | fields)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def follow(room: Room) -> None:
    while room.jobs.run_due(room.db):
        pass
    room.check()


def rewards(room: Room) -> int:
    """Hundredths that the holder has of bonuses, less what was taken back."""
    follow(room)
    with room.db.read() as session:
        given = sa.select(sa.func.coalesce(sa.func.sum(Action.points), 0))
        bonus = sa.select(Action.id).where(Action.kind == ActionKind.BONUS)
        back = session.scalar(given.where(Action.refers_to.in_(bonus)))
        return int(session.scalar(given.where(Action.kind == ActionKind.BONUS)) or 0) - int(back or 0)


def goals(room: Room, asked: dict[str, Any]) -> Any:
    headers = proof(KEY, CHAIN, room.clock.now())
    return room.http.get(f"/v1/wallets/{checksum(HOLDER)}/goals", headers=headers, params=asked)


def mine(room: Room) -> dict[str, Any]:
    answer = goals(room, {})
    assert answer.status_code == 200, answer.text
    return {goal["goal"]: goal for goal in answer.json()["items"]}


def test_a_challenge_and_a_streak_in_any_order_and_once(room: Room) -> None:
    room.campaign(rules=RULES, programme={"challenges": [THREE, TWICE], "streaks": [DAILY]}, began=20 * DAY)
    act(room, days_ago=8)
    act(room, days_ago=6)
    assert rewards(room) == 0
    assert mine(room)["three"] | {"counted": 2, "times": 0, "most": 1} == mine(room)["three"]
    act(room, days_ago=7)  # told late
    assert rewards(room) == 500 + 700
    act(room, days_ago=3)
    act(room, days_ago=4)
    act(room, days_ago=5)
    assert rewards(room) == 500 + 2 * 700
    act(room, amount=35_000)
    assert rewards(room) == 500 + 2 * 700 + 2 * 100
    now = mine(room)
    assert (now["spender"]["counted"], now["spender"]["times"]) == (35_600, 2)
    assert (now["daily"]["in_a_row"], now["daily"]["times"], now["daily"]["length"]) == (1, 2, 3)
    with room.db.begin() as session:  # told twice
        ids = list(session.scalars(sa.select(Action.id).where(Action.kind == ActionKind.PURCHASE)))
        session.add_all([Job(kind="earning.play", ref=id, run_at=room.clock.now()) for id in ids])
    assert rewards(room) == 500 + 2 * 700 + 2 * 100
    room.clock.offset += 10
    room.settle()
    assert room.hub.given[1, HOLDER] == 35_600 + 2_100


def test_refunds_take_it_back_and_it_can_be_reached_again(room: Room) -> None:
    room.campaign(rules=RULES, programme={"challenges": [THREE]}, began=20 * DAY, hold=10 * DAY)
    ids = [act(room, days_ago=n) for n in range(3)]
    assert rewards(room) == 500
    room.settle()
    assert room.refund(ids[0]).status_code == 202
    assert rewards(room) == 0
    act(room, days_ago=3)
    assert rewards(room) == 500
    room.clock.offset += 10
    room.settle()
    room.settle()
    assert room.hub.given[1, HOLDER] == 300 + 500


def test_codes_count_when_they_are_claimed_and_rules_choose(room: Room) -> None:
    visits = THREE | {"counts": "actions", "rules": ["coming"], "merchants": [room.merchant]}
    rules = [RULES[0], RULES[1] | {"id": "coming"}]
    room.campaign(rules=rules, programme={"challenges": [visits]}, began=20 * DAY)
    act(room)
    act(room, amount=None)
    act(room, amount=None)
    code = room.report(kind="visit", claim=True).json()["claim"]["code"]
    assert rewards(room) == 0
    assert room.http.post("/v1/claims", json={"code": code, "wallet": checksum(HOLDER)}).status_code == 200
    assert (rewards(room), mine(room)["three"]["counted"]) == (0, 2)
    room.settle()
    assert rewards(room) == 500


def test_the_free_budget_is_the_same_whether_a_code_was_claimed_refunded_or_lapsed(room: Room) -> None:
    """Between two settlements nothing of a code moves it, bonuses included: a till finds it out with real reports."""
    visits = THREE | {"counts": "actions", "points": 500}
    programme = {"challenges": [visits], "streaks": [DAILY], "referral": {"newcomer": 900, "levels": [300]}}
    room.campaign(rules=RULES, programme=programme, began=20 * DAY, budget=10_000, settle_every=DAY, lasts=60 * DAY)
    room.clock.offset += DAY - room.clock.now() % DAY + 60
    room.settle()
    told = [room.report(kind="purchase", amount=100, claim=True).json() for _ in range(5)]

    def free() -> tuple[int, int]:
        follow(room)
        room.claims.lapse_due()
        with room.db.read() as session:
            allowance = promises.allowance(session, room.row(), room.merchant, None, room.clock.now())
            return allowance.budget_left, allowance.cap_left

    def claim(code: dict[str, Any]) -> None:
        body = {"code": code["claim"]["code"], "wallet": checksum(HOLDER)}
        assert room.http.post("/v1/claims", json=body).status_code == 200

    before = free()
    for code in told[:4]:
        claim(code)
        assert free() == before
    for code in told[2:]:  # one undoes the challenge, one has no owner
        assert room.refund(code["id"], amount=100).status_code == 202
        assert free() == before
    refused = room.report(amount=before[0] + 1, wallet=checksum(HOLDER))
    assert refused.json()["code"] == "budget-exhausted"
    room.clock.offset += DAY
    room.settle()
    assert free() == (before[0] + 200, 10**9)


def test_a_bonus_for_what_the_last_settlement_took_is_still_given(room: Room) -> None:
    room.campaign(rules=RULES, programme={"challenges": [THREE | {"target": 1}]}, settle_every=7 * DAY, lasts=DAY)
    code = room.report(amount=100, claim=True).json()["claim"]["code"]
    room.clock.offset += 7 * DAY - 1
    assert room.http.post("/v1/claims", json={"code": code, "wallet": checksum(HOLDER)}).status_code == 200
    room.clock.offset += 2
    room.settle()
    assert rewards(room) == 500
    room.clock.offset += schedule.STRAGGLERS
    room.settle()
    assert room.hub.given[1, HOLDER] == 600


def test_points_that_a_cap_kept_back_count_for_no_goal(room: Room) -> None:
    earner = {"id": "earner", "counts": "points", "target": 1_001, "period": "campaign", "points": 500}
    cap = {"id": "cap", "per": "wallet", "period": "day", "points": 1_000}
    room.campaign(rules=RULES, programme={"challenges": [earner], "caps": [cap]}, began=20 * DAY)
    act(room, amount=700)
    told = room.report(amount=900, claim=True).json()
    body = {"code": told["claim"]["code"], "wallet": checksum(HOLDER)}
    assert room.http.post("/v1/claims", json=body).json()["points"] == 300
    room.settle()
    assert (rewards(room), mine(room)["earner"]["counted"]) == (0, 1_000)
    room.refund(told["id"], amount=500)
    assert (rewards(room), mine(room)["earner"]["counted"]) == (0, 1_000)
    room.refund(told["id"], amount=200)
    assert mine(room)["earner"]["counted"] == 900


def test_a_reward_waits_for_the_budget(room: Room) -> None:
    room.campaign(rules=RULES, programme={"challenges": [THREE]}, began=20 * DAY, budget=600)
    ids = [act(room, days_ago=n) for n in range(3)]
    assert rewards(room) == 0
    room.refund(ids[0], amount=50)
    act(room, amount=None, days_ago=4)
    assert rewards(room) == 0
    assert {job.kind for job in _waiting(room)} == {"earning.play"}
    fund(room)
    assert rewards(room) == 500
    assert _waiting(room) == []


def test_a_reward_that_does_not_fit_holds_no_other_up_and_nothing_back(room: Room) -> None:
    other, large = THREE | {"id": "other"}, THREE | {"id": "large", "counts": "spend", "target": 1_000, "points": 900}
    programme = {"challenges": [THREE | {"points": 300}, other | {"points": 300}, large]}
    room.campaign(rules=RULES, programme=programme, began=20 * DAY, budget=700 + 1_000)
    ids = [act(room, days_ago=n) for n in range(3)]
    act(room, amount=1_000)  # 400 are left: enough for one of three
    assert rewards(room) == 300
    assert room.row().reserved == 1_600
    room.refund(ids[2])  # of three days two are left, but the spending still counts
    assert rewards(room) == 0
    fund(room)
    assert rewards(room) == 900
    assert _waiting(room) == []


def fund(room: Room) -> None:
    """Somebody funds the campaign, and what waited is tried again."""
    room.tell(1, EventKind.FUNDED, amount=10_000, extra=0)
    room.clock.offset += 3_600


def _waiting(room: Room) -> list[Job]:
    with room.db.read() as session:
        return list(session.scalars(sa.select(Job).where(Job.kind.like("earning.%"))))


def test_goals_come_in_pages_and_other_rules_move_none_of_them(room: Room) -> None:
    for campaign in (1, 2, 3):
        room.campaign(campaign, rules=RULES, programme={"challenges": [TWICE, THREE], "streaks": [DAILY]}, began=DAY)
    act(room, campaign=3)
    act(room, campaign=1)
    names = [(goal["campaign"], goal["goal"]) for goal in pages.check(lambda asked: goals(room, asked))]
    assert names == [(campaign, goal) for campaign in (1, 3) for goal in ("daily", "spender", "three")]

    def edit() -> None:
        first = {**THREE, "id": "another"}
        rules = RulesDocument.model_validate({"rules": RULES, "challenges": [first, THREE], "streaks": [DAILY]})
        with room.db.begin() as session:
            room.campaigns.add_rules(session, 1, room.merchant, rules, None)

    found = pages.read(lambda asked: goals(room, asked), 1, meanwhile=edit)
    names.remove((1, "spender"))
    assert [(goal["campaign"], goal["goal"]) for goal in found] == names


def test_only_the_wallet_sees_its_goals(room: Room) -> None:
    assert room.http.get(f"/v1/wallets/{checksum(HOLDER)}/goals").json()["code"] == "proof-required"


GOALS = (
    Challenge.model_validate(THREE | {"period": "week"}),
    Challenge.model_validate(TWICE | {"period": "month"}),
    Streak.model_validate(DAILY),
    Streak.model_validate(DAILY | {"id": "weekly", "period": "week", "length": 2, "repeat": False}),
)


@settings(max_examples=60, deadline=None)
@given(deeds=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12_000)), max_size=25), seed=st.integers(0, 1_000))
def test_what_is_due_depends_on_no_order_and_only_grows(deeds: list[tuple[int, int]], seed: int) -> None:
    def made(pairs: list[tuple[int, int]]) -> list[Deed]:
        return [Deed(n, 86_400 * d, Local(86_400 * d, "UTC"), spend, 0, GOALS) for n, (d, spend) in enumerate(pairs)]

    def due(found: list[Deed]) -> dict[tuple[str, int, int], int]:
        return {(r.goal, r.period, r.place): r.points for r in course(found).reached}

    all_of_them = made(deeds)
    shuffled = random.Random(seed).sample(all_of_them, len(all_of_them))
    assert course(shuffled).reached == course(all_of_them).reached
    assert due(all_of_them[:-1]).keys() <= due(all_of_them).keys()
    days = {d for d, _ in deeds}
    runs, here = [], 0
    for day in range(42):
        here = here + 1 if day in days else 0
        runs.append(here)
    expected = sum(1 for length in runs if length and length % 3 == 0)
    assert sum(1 for goal, _, _ in due(all_of_them) if goal == "daily") == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"challenges": [THREE | {"points": 0}]},
        {"challenges": [THREE, THREE]},
        {"challenges": [THREE], "streaks": [DAILY | {"id": "three"}]},
        {"challenges": [THREE | {"rules": ["nobody"]}]},
        {"challenges": [THREE | {"when": "'wine' in categories"}]},
        {"streaks": [DAILY | {"length": 1}]},
        {"streaks": [DAILY | {"period": "campaign"}]},
        {"streaks": [DAILY | {"counts": "days", "target": 2}]},
    ],
)
def test_goals_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RulesDocument.model_validate({"rules": RULES} | wrong)
