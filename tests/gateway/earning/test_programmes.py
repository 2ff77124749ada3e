"""Previews, verdicts, receipts and refund policies over the database."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from gateway.core.db import Database
from gateway.loyalty.earning.models import Action, Carry
from gateway.loyalty.rules.document import RulesDocument
from gateway.models import metadata
from tests.gateway.earning.conftest import DAY, RULES, Room, address, wallet
from tests.gateway.earning.test_actions import line

CHEAPEST = [
    {"kind": "per_currency", "points": 100, "per": 100, "id": "base"},
    {"kind": "cheapest_item", "points": 100, "per": 100, "id": "cheapest"},
    {"kind": "per_purchase", "points": 500, "id": "mixed", "when": "'wine' in categories && 'cheese' in categories"},
]
BASKET = [line(900, "merlot", category="wine"), line(500, "brie", category="cheese"), line(200, "loaf")]


def rows(db: Database) -> dict[str, int]:
    with db.read() as session:
        count = {t.name: session.scalar(sa.select(sa.func.count()).select_from(t)) for t in metadata.sorted_tables}
    return {name: number or 0 for name, number in count.items() if name != "api_keys"}


def test_a_preview_is_the_award_and_changes_nothing(room: Room) -> None:
    room.campaign(rules=CHEAPEST, programme={"caps": [{"id": "d", "per": "wallet", "period": "day", "points": 2_500}]})
    body = {"campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "lines": BASKET}
    for turn in range(3):
        before = rows(room.db)
        seen = room.call("POST", "/actions/preview", body | {"wallet": wallet(5)})
        assert (seen.status_code, rows(room.db)) == (200, before)
        award = room.report(f"a{turn}", wallet=wallet(5), lines=BASKET, occurred_at=room.clock.now()).json()
        assert {name: award[name] for name in seen.json()} == seen.json()
        assert award["points"] == sum(v["points"] for v in award["verdicts"]) == (2_300, 200, 0)[turn]
        assert award["wanted"] == sum(v["wanted"] for v in award["verdicts"]) == 2_300
    nobody = room.call("POST", "/actions/preview", body).json()
    assert nobody["points"] == 2_300
    back = {"campaign": 1, "kind": "refund", "occurred_at": room.clock.now(), "refers_to": award["id"]}
    assert room.call("POST", "/actions/preview", back).json()["points"] == 0
    assert room.call("POST", "/actions/preview", body | {"campaign": 9}).json()["code"] == "unknown-campaign"
    assert room.call("POST", "/actions/preview", body | {"kind": "visit"}).json()["code"] == "invalid-request"


def test_verdicts_are_told_in_bulk_on_request(room: Room) -> None:
    room.campaign(rules=CHEAPEST)
    item = {"campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "wallet": wallet(5), "amount": 700}
    plain = room.call("POST", "/actions/bulk", {"actions": [item | {"key": "a"}]}).json()["results"][0]["action"]
    told = room.call("POST", "/actions/bulk", {"actions": [item | {"key": "b"}], "explain": True})
    action = told.json()["results"][0]["action"]
    assert (plain["verdicts"], plain["points"]) == (None, 700)
    assert [v["why"] for v in action["verdicts"]] == [
        "1.00 points for every 1.00 of 7.00",
        "nothing here counts for it",
        "not: 'wine' in categories && 'cheese' in categories",
    ]


def test_nothing_of_an_explanation_or_a_basket_is_kept(room: Room) -> None:
    """The lines are there as a keyed digest alone; equal baskets cannot be told from it."""
    room.campaign(rules=CHEAPEST)
    for who in (5, 6):
        assert room.report(wallet=wallet(who), lines=BASKET).json()["verdicts"]
    with room.db.read() as session:
        digests = list(session.scalars(sa.select(Action.receipt)))
        texts = [
            str(row)
            for table in metadata.sorted_tables
            if table.info.get("side") != "merchant"
            for row in session.execute(sa.select(table))
        ]
    assert len(set(digests)) == 2
    assert not [text for text in texts if "merlot" in text or "wine" in text or "points for" in text]


def test_a_return_in_part_needs_the_receipt_where_the_basket_matters(room: Room) -> None:
    room.campaign(rules=CHEAPEST)
    bought = room.report(wallet=wallet(5), lines=BASKET).json()
    assert bought["points"] == 1_600 + 200 + 500
    for missing in ({"lines": BASKET[1:2]}, {"amount": 500}):
        answer = room.refund(bought["id"], **missing).json()
        assert (answer["code"], answer["field"]) == ("refund-receipt-required", "receipt")
    wrong = room.refund(bought["id"], lines=BASKET[1:2], receipt=BASKET[1:]).json()
    assert (wrong["code"], wrong["field"]) == ("receipt-mismatch", "receipt")
    too_much = room.refund(bought["id"], lines=[line(501, "brie", category="cheese")], receipt=BASKET).json()
    assert (too_much["code"], too_much["field"]) == ("refund-exceeds-purchase", "lines[0]")
    # The loaf was the cheapest; now the brie is and would earn more than the whole did: but a refund never gives.
    body = {"kind": "refund", "refers_to": bought["id"], "lines": BASKET[2:], "receipt": BASKET[::-1]}
    first = room.report("r1", occurred_at=room.clock.now(), **body).json()
    assert (first["points"], [(r["rule"], r["points"]) for r in first["rules"]]) == (0, [(0, 200), (1, -300), (2, 100)])
    assert room.report("r1", occurred_at=room.clock.now(), **body).json() == first
    assert room.refund(bought["id"], lines=BASKET[1:2], receipt=BASKET).json()["code"] == "receipt-mismatch"
    second = room.refund(bought["id"], lines=BASKET[1:2], receipt=first["left"]).json()
    assert second["points"] == 2_300 - 900 - 900
    assert room.refund(bought["id"]).json()["points"] == 1_800
    assert room.refund(bought["id"]).json()["code"] == "refund-duplicate"
    room.settle()
    assert room.hub.given == {}
    room.check()


def test_a_bare_sum_needs_no_receipt(room: Room) -> None:
    room.campaign(rules=CHEAPEST)
    action = room.buy(5, 900)
    assert room.refund(action, amount=300).json()["points"] == 300
    room.check()


def shortfall(room: Room) -> int:
    with room.db.read() as session:
        row = session.get(Carry, (1, address(5)))
        return row.owed if row else 0


@pytest.mark.parametrize("hold", [0, 5])
@pytest.mark.parametrize(("policy", "owed", "later"), [("later_awards", 700, 0), ("pending_only", 1_000, 300)])
def test_a_shortfall_is_repaid_by_later_awards(room: Room, policy: str, owed: int, later: int, hold: int) -> None:
    room.campaign(hold=hold, programme={"refunds": policy})
    action = room.buy(5, 1_000)
    room.settle()
    room.hub.pending.clear()  # matured meanwhile: nobody's but the holder's
    room.clock.offset += 10
    room.refund(action)
    room.settle()
    assert (room.hub.given[1, address(5)], shortfall(room)) == (1_000, 1_000)
    room.clock.offset += 10
    room.buy(5, 300)
    room.settle()
    assert (room.hub.given[1, address(5)], shortfall(room)) == (1_000 + later, owed)
    assert room.row().reserved == 0
    room.clock.offset += 10
    room.buy(5, 5_000)
    room.settle()
    assert room.hub.given[1, address(5)] == (5_300 if policy == "later_awards" else 6_300)
    room.check()


def test_in_one_settlement_a_late_refund_meets_what_waits_whatever_the_policy(room: Room) -> None:
    """As docs/walks/earn.md says; a settlement later the award would have gone out whole."""
    room.campaign(programme={"refunds": "pending_only"})
    action = room.buy(5, 1_000)
    room.settle()
    room.clock.offset += 10
    room.refund(action)
    room.buy(5, 300)
    room.settle()
    assert (room.hub.given[1, address(5)], shortfall(room)) == (1_000, 700)
    room.check()


def test_the_newest_rules_say_whether_a_shortfall_is_repaid(room: Room) -> None:
    room.campaign(programme={"refunds": "pending_only"})
    action = room.buy(5, 1_000)
    room.settle()
    room.clock.offset += 10
    room.refund(action)
    room.settle()
    rules = RulesDocument.model_validate({"rules": RULES, "refunds": "later_awards"})
    with room.db.begin() as session:
        room.campaigns.add_rules(session, 1, room.merchant, rules, None)
    room.clock.offset += 10
    room.buy(5, 300)
    room.settle()
    assert (room.hub.given[1, address(5)], shortfall(room)) == (1_000, 700)
    room.check()


def test_under_the_policy_nothing_what_was_settled_stays(room: Room) -> None:
    room.campaign(hold=5, programme={"refunds": "nothing"})
    early, late = room.buy(5, 1_000), room.buy(5, 400)
    room.refund(early, amount=300)  # nothing has been settled yet
    room.settle()
    assert room.refund(late).status_code == 202
    assert room.refund(early).status_code == 202
    assert room.settle() == 0
    assert (room.hub.given[1, address(5)], shortfall(room)) == (1_100, 0)
    assert room.refund(late).json()["code"] == "refund-duplicate"
    room.check()


def test_a_repayment_survives_a_reorganisation(room: Room) -> None:
    """The clawback found nothing, the shortfall was repaid; then the chain forgets the clawback and finds it again."""
    room.campaign(hold=5)
    action = room.buy(5, 1_000)
    room.settle()
    pending = dict(room.hub.pending)
    room.hub.pending.clear()
    room.refund(action)
    room.settle()
    fork = room.hub.block - 1
    room.clock.offset += 10
    room.buy(5, 600)
    room.settle()
    assert shortfall(room) == 400
    room.hub.rewind(fork)
    room.hub.pending = pending  # on the other branch it had not matured
    for _ in range(20):
        room.drain()
        room.clock.offset += 900
        room.landing.resend_due()
        room.settler.settle_due()
        room.hub.mine()
    room.drain()
    room.check()
    room.buy(5, 100)
    room.settle()
    assert room.hub.given[1, address(5)] - shortfall(room) == 700
    assert room.row().reserved == 0


def test_each_action_is_judged_by_the_version_of_its_time(room: Room) -> None:
    room.campaign(rules=[CHEAPEST[0]])
    bought = room.buy(5, 1_000)
    at = room.clock.now()
    double: dict[str, Any] = {"rules": [CHEAPEST[0] | {"points": 200}]}
    with room.db.begin() as session:
        room.campaigns.add_rules(session, 1, room.merchant, RulesDocument.model_validate(double), at + DAY)
    assert room.report(wallet=wallet(5), amount=1_000).json()["points"] == 1_000
    room.clock.offset += 2 * DAY
    assert room.report(wallet=wallet(5), amount=1_000).json()["points"] == 2_000
    assert room.report(wallet=wallet(5), amount=1_000, occurred_at=at + 5).json()["points"] == 1_000
    assert room.refund(bought, amount=500).json()["points"] == 500
    room.check()


def test_new_rules_are_tried_on_the_past(room: Room) -> None:
    base, books = CHEAPEST[0], {"kind": "per_currency", "points": 1, "per": 2, "categories": ["books"], "id": "books"}
    visit = {"kind": "per_visit", "points": 500}
    room.campaign(rules=[base, books, visit])
    room.report(wallet=wallet(5), lines=[line(1_000), line(600, category="books")])
    room.report(wallet=wallet(6), amount=700)
    room.report(kind="visit", wallet=wallet(6))
    new: dict[str, Any] = {"rules": [base | {"points": 200}, books | {"points": 3}, visit | {"points": 100}]}
    before = rows(room.db)
    seen = room.call("POST", "/campaigns/1/rules/preview", new)
    assert seen.json() == {
        "actions": 3,
        "unknown": 0,
        "awarded": 1_600 + 300 + 700 + 500,
        "before": 3_100,
        "after": 3_200 + 900 + 1_400 + 100,
        "by_rule": {"base": 4_600, "books": 900, "rule 2": 100},
        "rungs": {},
    }
    assert rows(room.db) == before
    wine: dict[str, Any] = {"rules": [base, {"kind": "any_item", "points": 50, "categories": ["wine"]}, visit]}
    assert room.call("POST", "/campaigns/1/rules/preview", wine).json()["unknown"] == 2
    body = {"campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "lines": BASKET}
    shown = room.call("POST", "/campaigns/1/rules/preview", wine | {"actions": [body]}).json()
    assert (shown["before"], shown["after"], shown["unknown"]) == (1_600, 1_650, 0)
    _, key = room.new_merchant()
    assert room.call("POST", "/campaigns/1/rules/preview", new, key=key).json()["code"] == "unknown-campaign"
    assert room.call("POST", "/campaigns/1/rules/preview", {"rules": []}).json()["field"] == "rules"


def test_new_ladders_are_tried_on_the_past(room: Room) -> None:
    base = CHEAPEST[0]
    room.campaign(rules=[base], began=20 * DAY)
    now = room.clock.now()
    for who, days_ago, amount in ((5, 9, 1_000), (5, 8, 500), (5, 3, 500), (6, 9, 400), (6, 3, 400)):
        room.report(wallet=wallet(who), amount=amount, occurred_at=now - days_ago * DAY)
    code = room.report(claim=True, amount=5_000, occurred_at=now - 9 * DAY).json()["claim"]["code"]
    assert room.http.post("/v1/claims", json={"code": code, "wallet": wallet(6)}).status_code == 200
    rungs = [{"id": "low", "at": 0}, {"id": "high", "at": 1_000}]
    ladder = {"id": "status", "by": "points", "window": "ever", "rungs": rungs}
    twice = {"id": "twice", "by_tier": {"ladder": "status", "percents": [100, 200]}}
    new: dict[str, Any] = {"rules": [base], "ladders": [ladder], "multipliers": [twice]}
    seen = room.call("POST", "/campaigns/1/rules/preview", new).json()
    # Nine days ago wallet 5 came to 10 points: what it bought later counts twice. Whose code it was the merchant must
    # not learn, so it lifts nobody.
    assert (seen["before"], seen["after"]) == (7_800, 7_800 + 500 + 500)
    assert seen["rungs"] == {"status": {"low": 1, "high": 1}}
    told = [
        {"campaign": 1, "kind": "purchase", "wallet": wallet(7), "amount": 1_000, "occurred_at": now - n * DAY}
        for n in (1, 3, 2)
    ]
    shown = room.call("POST", "/campaigns/1/rules/preview", new | {"actions": told}).json()
    assert (shown["before"], shown["after"], shown["rungs"]) == (3_000, 5_000, {"status": {"high": 1}})
