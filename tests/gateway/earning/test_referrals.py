"""Referrals: both sides, several levels; named by the newcomer, rewarded once, taken back with the action."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.hexes import checksum, to_hex
from gateway.core.jobs import Job
from gateway.loyalty.earning.models import Action, ActionKind
from gateway.loyalty.earning.referrals.messages import message
from gateway.loyalty.earning.referrals.models import Referral
from gateway.loyalty.rules.referral import Referral as Terms
from tests.gateway.earning.conftest import CHAIN, DAY, HUB, Room
from tests.support.races import on_postgresql, overlap

KEYS = [bytes([n]) * 32 for n in range(1, 8)]
PEOPLE = [signatures.address_of(key) for key in KEYS]
TERMS = {"referral": {"newcomer": 500, "levels": [300, 100], "min_amount": 1_000}}


def who(number: int) -> str:
    return checksum(PEOPLE[number])


def name(room: Room, newcomer: int, referrer: int | bytes, signer: int | None = None, campaign: int = 1) -> Any:
    above = PEOPLE[referrer] if isinstance(referrer, int) else referrer
    digest = signatures.personal(message(PEOPLE[newcomer], above, campaign, CHAIN).encode())
    signature = signatures.sign(KEYS[newcomer if signer is None else signer], digest)
    body = {"wallet": who(newcomer), "referrer": checksum(above), "signature": to_hex(signature)}
    return room.http.post(f"/v1/campaigns/{campaign}/referrals", json=body)


def buy(room: Room, person: int, amount: int = 1_000, **fields: Any) -> int:
    answer = room.report(wallet=who(person), amount=amount, **fields)
    assert answer.status_code == 202, answer.text
    follow(room)
    return int(answer.json()["id"])


def follow(room: Room) -> None:
    while room.jobs.run_due(room.db):
        pass
    room.check()


def given(room: Room) -> list[int]:
    """What each person has on the chain when all is settled."""
    room.clock.offset += 10
    room.settle()
    room.check()
    return [room.hub.given.get((1, person), 0) for person in PEOPLE]


def test_both_sides_and_several_levels(room: Room) -> None:
    room.campaign(programme=TERMS)
    buy(room, 0)  # the first of a chain has earned before
    for newcomer in (1, 2, 3):
        assert name(room, newcomer, newcomer - 1).status_code == 200
        assert name(room, newcomer, newcomer - 1).status_code == 200
        buy(room, newcomer)
        buy(room, newcomer)  # rewarded once
    assert given(room)[:4] == [1_000 + 300 + 100, 2_000 + 500 + 300 + 100, 2_000 + 500 + 300, 2_000 + 500]


def test_who_cannot_be_a_referrer(room: Room) -> None:
    room.campaign(programme=TERMS)
    assert name(room, 0, 0).json()["code"] == "referral-refused"
    assert name(room, 0, HUB).json()["code"] == "referral-refused"
    assert name(room, 1, 0).status_code == 200
    assert name(room, 2, 1).status_code == 200
    assert name(room, 0, 2).json()["code"] == "referral-refused"  # a ring of three
    assert name(room, 1, 3).json()["code"] == "referral-exists"
    assert name(room, 3, 1, signer=1).json()["code"] == "bad-signature"
    buy(room, 4, amount=1)
    assert name(room, 4, 1).json()["code"] == "not-a-newcomer"
    assert name(room, 5, 1, campaign=9).json()["code"] == "unknown-campaign"
    room.campaign(2)
    assert name(room, 5, 1, campaign=2).json()["code"] == "no-referrals"


def test_a_newcomer_is_named_before_the_campaign_begins(room: Room) -> None:
    room.campaign(programme=TERMS, began=-DAY)
    assert name(room, 1, 0).status_code == 200
    room.clock.offset += DAY
    buy(room, 0)
    buy(room, 1)
    assert given(room)[:2] == [1_000 + 300, 1_000 + 500]


def test_a_referrer_that_never_earned_gets_nothing(room: Room) -> None:
    room.campaign(programme=TERMS)
    name(room, 1, 0)
    buy(room, 1)
    assert given(room)[:2] == [0, 1_500]


def test_a_first_action_that_is_too_small_waits_for_a_larger_one(room: Room) -> None:
    room.campaign(programme=TERMS)
    buy(room, 0)
    name(room, 1, 0)
    buy(room, 1, amount=999)
    assert given(room)[:2] == [1_000, 999]
    buy(room, 1)
    assert given(room)[:2] == [1_300, 2_499]


def test_only_so_many_are_rewarded(room: Room) -> None:
    room.campaign(programme={"referral": TERMS["referral"] | {"most": 2}})
    buy(room, 0)
    for newcomer in (1, 2, 3):
        name(room, newcomer, 0)
        buy(room, newcomer)
    assert given(room)[:4] == [1_600, 1_500, 1_500, 1_500]


def test_newcomers_brought_through_others_count_as_well(room: Room) -> None:
    room.campaign(programme={"referral": TERMS["referral"] | {"most": 2}})
    buy(room, 0)
    for newcomer, referrer in ((1, 0), (2, 1), (3, 1), (4, 3)):
        name(room, newcomer, referrer)
        buy(room, newcomer)
    assert given(room)[:5] == [1_000 + 300 + 100, 1_500 + 2 * 300, 1_500, 1_500 + 300, 1_500]


def test_what_is_taken_back_makes_room_for_another(room: Room) -> None:
    room.campaign(programme={"referral": TERMS["referral"] | {"most": 1}}, hold=9)
    buy(room, 0)
    name(room, 1, 0)
    first = buy(room, 1)
    room.refund(first)
    name(room, 2, 0)
    buy(room, 2)
    assert given(room)[:3] == [1_300, 0, 1_500]


def test_a_refund_takes_the_bonuses_back(room: Room) -> None:
    room.campaign(programme=TERMS, hold=9)
    buy(room, 0)
    name(room, 1, 0)
    first = buy(room, 1, amount=3_000)
    room.refund(first, amount=1_500)
    follow(room)
    assert given(room)[:2] == [1_300, 2_000]  # enough of it is left
    room.refund(first, amount=1_000)
    follow(room)
    given(room)
    assert given(room)[:2] == [1_000, 500]
    buy(room, 1)  # and another one earns them again
    assert given(room)[:2] == [1_300, 2_000]


def test_shares_of_what_was_earned_go_with_it(room: Room) -> None:
    shares = {"newcomer": {"percent": 50}, "levels": [{"percent": 10, "most": 400}, 70]}
    room.campaign(programme={"referral": shares}, hold=9)
    buy(room, 5)
    name(room, 0, 5)
    buy(room, 0, amount=1)  # half of it is nothing: but there are levels
    name(room, 1, 0)
    first = buy(room, 1, amount=3_990)
    assert given(room)[:6] == [1 + 300, 3_990 + 1_900, 0, 0, 0, 1_000 + 70]
    room.refund(first, amount=990)
    follow(room)
    assert given(room)[:6] == [1 + 300, 3_000 + 1_500, 0, 0, 0, 1_070]
    room.refund(first, amount=1_500)
    follow(room)
    follow(room)
    given(room)
    assert given(room)[:6] == [1 + 100, 1_500 + 700, 0, 0, 0, 1_070]
    room.refund(first)
    follow(room)
    given(room)
    assert given(room)[:6] == [1, 0, 0, 0, 0, 1_070 - 70]
    buy(room, 1, amount=9_000)
    assert given(room)[:6] == [1 + 400, 9_000 + 4_500, 0, 0, 0, 1_070]


def test_a_share_of_too_little_waits_for_more(room: Room) -> None:
    room.campaign(programme={"referral": {"levels": [{"percent": 10}]}})
    buy(room, 0)
    name(room, 1, 0)
    buy(room, 1, amount=999)
    assert given(room)[:2] == [1_000, 999]
    buy(room, 1, amount=1_999)
    buy(room, 1, amount=5_000)
    assert given(room)[:2] == [1_100, 7_998]


@pytest.mark.parametrize(
    "wrong",
    [{"percent": 0}, {"percent": 10, "step": 99}, {"percent": "10"}, {"percent": 10, "of": "spend"}, -1, 0, "5"],
)
def test_shares_that_are_none(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate({"levels": [wrong]})


def test_a_settlement_frees_what_was_refunded_before(room: Room) -> None:
    room.campaign(programme=TERMS)
    buy(room, 0)
    name(room, 1, 0)
    first = buy(room, 1)
    assert room.row().reserved == 1_000 + 1_000 + 800
    room.refund(first)
    follow(room)
    assert room.row().reserved == 1_000 + 1_000 + 800  # else a till saw what a claimed code had brought
    assert given(room)[:2] == [1_000, 0]
    assert room.row().reserved == 0


def test_a_claimed_code_completes_a_referral(room: Room) -> None:
    room.campaign(programme=TERMS)
    buy(room, 0)
    name(room, 1, 0)
    told = room.report(claim=True, amount=1_000).json()
    follow(room)
    answer = room.http.post("/v1/claims", json={"code": told["claim"]["code"], "wallet": who(1)})
    assert answer.json()["points"] == 1_000
    follow(room)
    assert given(room)[:2] == [1_000, 1_000]
    follow(room)
    assert given(room)[:2] == [1_300, 1_500]


def test_who_brought_somebody_has_earned_once_the_chain_shows_it(room: Room) -> None:
    """Else a newcomer of the merchant's own would tell whether a wallet has claimed a code."""
    room.campaign(programme=TERMS)
    told = room.report(claim=True, amount=1_000).json()
    room.http.post("/v1/claims", json={"code": told["claim"]["code"], "wallet": who(0)})
    name(room, 1, 0)
    buy(room, 1)
    assert room.row().reserved == 1_000 + 1_000 + 500
    assert given(room)[:2] == [1_000, 1_500]
    name(room, 2, 0)
    buy(room, 2)
    assert given(room)[0] == 1_300


def test_doing_it_twice_changes_nothing_and_an_empty_budget_waits(room: Room) -> None:
    room.campaign(programme=TERMS, budget=2_500)
    buy(room, 0)
    name(room, 1, 0)
    action = room.report(wallet=who(1), amount=1_000).json()["id"]
    follow(room)
    with room.db.read() as session:
        assert session.scalar(sa.select(Job.attempts).where(Job.kind == "earning.referrals")) == 1
    with room.db.begin() as session:
        from gateway.loyalty.campaigns.models import Campaign

        session.get_one(Campaign, 1).budget = 10_000
    room.clock.offset += DAY
    follow(room)
    with room.db.begin() as session:
        room.jobs.publish(session, "action.qualifies", action)
    follow(room)
    assert given(room)[:2] == [1_300, 1_500]


def test_the_till_sees_nothing_of_it_and_it_is_forgotten(room: Room) -> None:
    room.campaign(programme=TERMS)
    buy(room, 0)
    name(room, 1, 0)
    first = buy(room, 1)
    with room.db.read() as session:
        bonuses = list(session.scalars(sa.select(Action.id).where(Action.kind == ActionKind.BONUS)))
    assert len(bonuses) == 2
    for id in bonuses:
        assert room.call("GET", f"/actions/{id}").json()["code"] == "not-found"
        assert room.refund(id).json()["code"] == "refund-without-purchase"
    room.refund(first)
    follow(room)
    with room.db.read() as session:
        undone = list(session.scalars(sa.select(Action.id).where(Action.refers_to.in_(bonuses))))
    assert [room.call("GET", f"/actions/{id}").status_code for id in undone] == [404, 404]
    room.clock.offset += 38 * DAY
    from gateway.loyalty.earning.referrals.service import Referrals

    handler = room.jobs.registry.bulk["earning.referrals"].__self__  # type: ignore[attr-defined]
    assert isinstance(handler, Referrals)
    assert handler.forget_due() == 1
    with room.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Referral)) == 0


@on_postgresql
def test_a_refund_of_what_is_forgotten_at_that_moment_is_no_failure(room: Room) -> None:
    room.campaign(programme=TERMS)
    buy(room, 0)
    assert name(room, 1, 0).status_code == 200
    refund = room.refund(buy(room, 1))
    assert refund.status_code == 202

    def forget(session: Session) -> None:
        session.execute(sa.delete(Referral))

    def take_back() -> None:
        with room.db.begin() as session:
            room.jobs.registry.bulk["earning.referrals"](session, [refund.json()["id"]])

    overlap(room.db, forget, take_back)
    room.check()
