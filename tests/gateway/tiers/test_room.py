"""Ladders in the room: what counts, for whom it is judged, who sees it."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain import signatures
from gateway.chain.hexes import checksum, to_hex
from gateway.core.problems import Problem
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.earning import counting
from gateway.loyalty.earning.recount import Recounts
from gateway.loyalty.rules.document import RulesDocument
from gateway.loyalty.tiers import messages
from gateway.loyalty.tiers.models import TierBook, TierDay
from tests.gateway.earning.conftest import CHAIN, DAY, Room
from tests.support import pages
from tests.support.proving import proof

KEY = b"\x07" * 32
HOLDER = signatures.address_of(KEY)
RUNGS = [{"id": "member", "at": 0}, {"id": "silver", "at": 10_000}, {"id": "gold", "at": 20_000}]


def ladder(by: str = "points", **terms: Any) -> dict[str, Any]:
    return {"id": "status", "by": by, "window": "rolling", "days": 10, "rungs": RUNGS} | terms


PROGRAMME: dict[str, Any] = {
    "rules": [{"kind": "per_currency", "points": 100, "per": 100}, {"kind": "per_visit", "points": 500}],
    "ladders": [ladder()],
    "multipliers": [{"id": "tier", "by_tier": {"ladder": "status", "percents": [100, 150, 200]}}],
}


def earn(room: Room, amount: int | None, days_ago: int = 0, **fields: Any) -> dict[str, Any]:
    body = {"wallet": checksum(HOLDER), "amount": amount, "occurred_at": room.clock.now() - days_ago * DAY} | fields
    answer = room.report(**body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tiers(room: Room, asked: dict[str, Any]) -> Any:
    headers = proof(KEY, CHAIN, room.clock.now())
    return room.http.get(f"/v1/wallets/{checksum(HOLDER)}/tiers", headers=headers, params=asked)


def mine(room: Room) -> dict[str, Any]:
    answer = tiers(room, {})
    assert answer.status_code == 200, answer.text
    places = [place for place in answer.json()["items"] if place["ladder"] == "status"]
    return dict(places[0]) if places else {}


def counted(room: Room) -> list[tuple[Any, ...]]:
    table = TierDay.__table__
    query = sa.select(TierDay.wallet, TierDay.day, TierDay.points, TierDay.spend, TierDay.visits)
    with room.db.read() as session:
        rows = session.execute(query.order_by(*table.primary_key.columns)).tuples()
        return [row for row in rows if any(row[2:])]


def anew(room: Room) -> list[tuple[Any, ...]]:
    """What is counted when the campaign's past is counted from its actions."""
    with room.db.begin() as session:
        session.execute(sa.delete(TierBook))
    assert Recounts(room.db, room.tiers).recount_due() == 1
    assert Recounts(room.db, room.tiers).recount_due() == 0
    return counted(room)


def test_a_rung_is_reached_overnight_judges_and_is_lost_again(room: Room) -> None:
    room.campaign(programme=PROGRAMME, rules=PROGRAMME["rules"], lasts=90 * DAY)
    assert earn(room, 9_000)["points"] == 9_000
    place = mine(room)
    assert (place["rung"], place["next"]["rung"], place["next"]["missing"]) == ("member", "silver", 1_000)
    assert earn(room, 1_000)["points"] == 1_000  # what today counts for is seen tomorrow
    assert mine(room)["next"]["missing"] == 0
    room.clock.offset += DAY
    assert earn(room, 100)["points"] == 150
    place = mine(room)
    assert (place["rank"], place["rung"], place["counted"], place["vip"]) == (1, "silver", 10_150, False)
    assert [change["rung"] for change in place["changes"]] == ["silver"]
    assert earn(room, 100, days_ago=1)["points"] == 100  # judged by the standing of its own day
    room.clock.offset += 10 * DAY
    assert earn(room, 100)["points"] == 100
    assert [change["rung"] for change in mine(room)["changes"]] == ["member", "silver"]


def test_many_in_one_call_are_judged_as_one_by_one(room: Room) -> None:
    now = room.clock.now()
    for campaign in (1, 2):
        room.campaign(campaign, programme=PROGRAMME, rules=PROGRAMME["rules"], began=80 * DAY)
    dice = random.Random(5)
    told = [
        {"wallet": checksum(bytes([dice.randrange(1, 9)]) * 20), "amount": dice.randrange(1, 9_000), "occurred_at": at}
        for at in sorted(now - dice.randrange(60 * DAY) for _ in range(150))
    ]
    items = [{"key": f"k{n}", "campaign": 1, "kind": "purchase"} | body for n, body in enumerate(told)]
    mixed = dice.sample(items, len(items))
    answers = room.call("POST", "/actions/bulk", {"actions": mixed}).json()["results"]
    bulk = {item["key"]: answer["action"]["points"] for item, answer in zip(mixed, answers, strict=True)}
    single = {f"k{n}": room.report(campaign=2, **body).json()["points"] for n, body in enumerate(told)}
    assert bulk == single
    assert sum(single.values()) > sum(body["amount"] for body in told)


def test_counted_as_it_comes_is_counted_anew(room: Room) -> None:
    room.campaign(programme=PROGRAMME, rules=PROGRAMME["rules"], began=9 * DAY)
    ids = [earn(room, 3_000, days_ago=n % 3)["id"] for n in range(6)]
    visit = earn(room, None, kind="visit")["id"]
    code = room.report(claim=True, amount=7_000).json()["claim"]["code"]
    room.claim(code, 9)
    late = room.report(claim=True, amount=500).json()
    room.claim(late["claim"]["code"], 9)
    assert room.refund(ids[0], amount=1_000).status_code == 202
    assert room.refund(ids[1]).status_code == 202
    assert room.refund(visit).status_code == 202
    room.settle()
    room.refund(late["id"])
    room.clock.offset += 10
    room.settle()
    before = counted(room)
    assert sum(row[2] for row in before) == 6 * 3_000 - 1_000 - 3_000 + 7_000
    assert sum(row[3] for row in before) == 6 * 3_000 - 1_000 - 3_000
    assert sum(row[4] for row in before) == 5
    assert anew(room) == before


def test_the_first_ladder_counts_what_was_before(room: Room) -> None:
    room.campaign(rules=PROGRAMME["rules"])
    bought = earn(room, 12_000, days_ago=1)["id"]
    assert counted(room) == []
    with room.db.begin() as session:
        room.campaigns.add_rules(session, 1, room.merchant, RulesDocument.model_validate(PROGRAMME), None)
    assert Recounts(room.db, room.tiers).recount_due() == 1
    assert mine(room)["rung"] == "silver"
    assert earn(room, 100)["points"] == 150
    assert room.refund(bought, amount=5_000).status_code == 202  # of an action from before there were ladders
    assert mine(room)["rung"] == "member"


def test_a_claimed_code_counts_when_the_chain_knows_and_for_points_alone(room: Room) -> None:
    both = [ladder(), ladder("spend", id="spent"), ladder("visits", id="came")]
    room.campaign(programme=PROGRAMME | {"ladders": both}, rules=PROGRAMME["rules"], settle_every=2 * DAY)
    code = room.report(claim=True, amount=15_000).json()["claim"]["code"]
    assert room.http.post("/v1/claims", json={"code": code, "wallet": checksum(HOLDER)}).status_code == 200
    assert counted(room) == []
    assert mine(room) == {}
    room.clock.offset += 2 * DAY
    room.settle()
    assert [row[2:] for row in counted(room)] == [(15_000, 0, 0)]
    room.clock.offset += DAY
    assert mine(room)["rung"] == "silver"
    with room.db.read() as session:
        assert [p.rank for p in room.tiers.places(session, HOLDER, (0, ""), 50)] == [0, 0, 1]
        assert [tally[3:] for tally in counting.everything(session, 1)] == [(15_000, 0, 0)]


@pytest.mark.parametrize("by_code", [True, False])
def test_an_opening_balance_counts_for_no_ladder(room: Room, by_code: bool) -> None:
    room.campaign(programme=PROGRAMME, rules=PROGRAMME["rules"])
    grant = room.call("POST", "/campaigns/1/openings", {"points": 9_000}).json()
    who = {"key": "m-1"} if by_code else {"wallet": checksum(HOLDER)}
    told = room.call("POST", f"/grants/{grant['id']}/balances", {"balances": [who | {"points": 9_000}]}).json()
    if by_code:
        body = {"code": told["results"][0]["claim"]["code"], "wallet": checksum(HOLDER)}
        assert room.http.post("/v1/claims", json=body).status_code == 200
    assert room.settle() == 1
    assert counted(room) == anew(room) == []


def give(
    room: Room, last: str, rung: str = "gold", signed: str | None = None, key: str | None = None, **changed: str
) -> Any:
    until = date(2031, 12, 31)
    digest = signatures.personal(messages.message(HOLDER, 1, CHAIN, "status", signed or rung, until).encode())
    body = {
        "wallet": checksum(HOLDER),
        "ladder": "status",
        "rung": rung,
        "last": last,
        "until": until.isoformat(),
        "signature": to_hex(signatures.sign(KEY, digest)),
    }
    return room.call("PUT", "/campaigns/1/vips", body | changed, key=key)


def test_a_rung_is_given_at_the_wallets_own_wish(room: Room) -> None:
    room.campaign(programme=PROGRAMME, rules=PROGRAMME["rules"])
    assert give(room, "2030-12-31", signed="silver").json()["code"] == "bad-signature"
    assert give(room, "2030-12-31", rung="tin").json()["code"] == "unknown-rung"
    assert give(room, "2032-01-01").json()["code"] == "beyond-wish"
    assert give(room, "2032-01-01", until="2032-01-01").json()["code"] == "bad-signature"
    assert give(room, "2031-12-31").status_code == 200
    assert give(room, "2020-01-01").status_code == 200
    assert give(room, "2030-12-31", key=room.new_merchant()[1]).json()["code"] == "unknown-campaign"
    assert earn(room, 100)["points"] == 100
    assert give(room, "2030-12-31").status_code == 200
    assert earn(room, 100)["points"] == 200
    place = mine(room)
    assert (place["rung"], place["vip"], place["through"], place["next"]) == ("gold", True, "2030-12-31", None)
    with room.db.read() as session:  # as a price by standing asks, of campaigns that may not be here too
        asked = (HOLDER, room.clock.now())
        assert room.tiers.ranks(session, 1, [asked]) == {asked: {"status": 2}}
        assert room.tiers.ranks(session, 99, [asked]) == {}
    assert give(room, "2020-01-01").status_code == 200
    assert earn(room, 100)["points"] == 100


def test_a_year_of_membership_begins_with_the_wallets_own_first_day(room: Room) -> None:
    programme = PROGRAMME | {"ladders": [ladder(window="anniversary", days=None, keep=0)]}
    room.campaign(programme=programme, rules=PROGRAMME["rules"], began=900 * DAY)
    earn(room, 100, days_ago=800)
    assert earn(room, 10_000, days_ago=100)["points"] == 10_000  # in the second year, which ends 70 days ago
    assert earn(room, 100, days_ago=80)["points"] == 150
    assert earn(room, 100, days_ago=60)["points"] == 100
    assert (mine(room)["rung"], mine(room)["counted"]) == ("member", 100)
    assert counted(room) == anew(room)


def test_tiers_come_in_pages(room: Room) -> None:
    several = [ladder(), ladder("spend", id="spent"), ladder("visits", id="came")]
    for campaign in (1, 2, 3):
        programme = PROGRAMME | {"ladders": several[:campaign]}
        room.campaign(campaign, programme=programme, rules=PROGRAMME["rules"], began=DAY)
    for campaign in (3, 1):
        earn(room, 100, campaign=campaign)
    found = pages.check(lambda asked: tiers(room, asked))
    assert [(place["campaign"], place["ladder"]) for place in found] == [
        (1, "status"),
        *((3, name) for name in ("came", "spent", "status")),
    ]


def test_only_the_wallet_sees_where_it_stands(room: Room) -> None:
    room.campaign(programme=PROGRAMME, rules=PROGRAMME["rules"])
    path = f"/v1/wallets/{checksum(HOLDER)}/tiers"
    assert room.http.get(path).json()["code"] == "proof-required"
    assert room.http.get(path, headers={"Authorization": f"Bearer {room.key}"}).json()["code"] == "credentials-refused"


def test_what_a_wallet_spent_elsewhere_is_not_for_other_merchants(room: Room) -> None:
    room.campaign(programme=PROGRAMME | {"ladders": [ladder("spend")]}, rules=PROGRAMME["rules"])
    guest = room.new_merchant()[0]
    with pytest.raises(Problem, match="ladder-not-shared"), room.db.begin() as session:
        room.campaigns.set_merchant(session, 1, room.merchant, session.get_one(Merchant, guest), 1_000)
    room.campaign(2)
    by_spend = RulesDocument.model_validate(PROGRAMME | {"ladders": [ladder("spend")]})
    with room.db.begin() as session:
        room.campaigns.set_merchant(session, 2, room.merchant, session.get_one(Merchant, guest), 1_000)
    with pytest.raises(Problem, match="ladder-not-shared"), room.db.begin() as session:
        room.campaigns.add_rules(session, 2, room.merchant, by_spend, None)
