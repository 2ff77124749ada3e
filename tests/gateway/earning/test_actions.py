from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from gateway.core.problems import Problem
from gateway.loyalty.earning.backlog import Backlog
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.schemas import ActionIn
from tests.gateway.earning.conftest import ASSET, DAY, HUB, TOKEN, Room, address, wallet
from tests.support.races import together


def line(amount: int, product: str = "p", **more: Any) -> dict[str, Any]:
    return {"product": product, "quantity": 1, "amount": amount} | more


def test_a_purchase_earns_by_every_rule_that_fires(room: Room) -> None:
    room.campaign()
    answer = room.report(wallet=wallet(5), lines=[line(250), line(200, category="books"), line(1, category="books")])
    assert answer.status_code == 202
    body = answer.json()
    assert (body["campaign"], body["kind"], body["points"], body["state"], body["claim"]) == (
        1,
        "purchase",
        518,
        "accepted",
        None,
    )
    assert body["rules"] == [
        {"rule": 0, "eligible": 451, "points": 451},
        {"rule": 1, "eligible": 201, "points": 67},
    ]
    assert room.row().reserved == 518
    assert room.events("test.accepted") == 1


def test_visits_and_custom_actions(room: Room) -> None:
    room.campaign()
    assert room.report(kind="visit", wallet=wallet(5)).json()["points"] == 500
    assert room.report(kind="custom", wallet=wallet(5), action="review").json()["points"] == 200
    unknown = room.report(kind="custom", wallet=wallet(5), action="dance")
    assert (unknown.status_code, unknown.json()["code"], unknown.json()["field"]) == (422, "unknown-action", "action")


def test_the_same_key_and_body_get_the_same_answer_code_included(room: Room) -> None:
    room.campaign()
    body = {"claim": True, "amount": 900, "occurred_at": room.clock.now()}
    first = room.report("a", **body)
    room.clock.offset += 40 * DAY  # whatever happens meanwhile
    again = room.report("a", **body)
    assert (again.status_code, again.json()) == (202, first.json())
    assert first.json()["claim"]["expires_at"] == body["occurred_at"] + 30 * DAY
    other = room.report("a", **(body | {"amount": 901}))
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (
        409,
        "idempotency-conflict",
        "Idempotency-Key",
    )
    assert room.row().reserved == 900


def test_one_address_in_two_spellings_is_one_body(room: Room) -> None:
    room.campaign()
    now = room.clock.now()
    text = wallet(0xABCDEF0123456789ABCDEF0123456789ABCDEF01)
    first = room.report("a", wallet=text, amount=5, occurred_at=now)
    assert room.report("a", wallet=text.lower(), amount=5, occurred_at=now).json() == first.json()


def test_two_merchants_may_use_the_same_key(room: Room) -> None:
    room.campaign()
    other, key = room.new_merchant()
    with room.db.begin() as session:
        from gateway.identity.merchants.models import Merchant

        room.campaigns.set_merchant(session, 1, room.merchant, session.get_one(Merchant, other), 10_000)
    mine, theirs = room.report("a", wallet=wallet(5), amount=5), room.report("a", key, wallet=wallet(6), amount=7)
    assert (mine.json()["points"], theirs.json()["points"]) == (5, 7)
    assert room.report(key=key, wallet=wallet(6), amount=10_000).json()["code"] == "quota-reached"


def test_a_till_without_a_campaign_learns_nothing(room: Room) -> None:
    room.campaign()
    _, key = room.new_merchant()
    for campaign in (1, 77):
        answer = room.report(key=key, wallet=wallet(5), amount=5, campaign=campaign)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-campaign")


def test_what_earns_nothing_is_accepted_and_never_batched(room: Room) -> None:
    room.campaign(rules=[{"kind": "per_currency", "points": 1, "per": 100}])
    nothing = room.report(wallet=wallet(5), amount=99).json()
    assert (nothing["points"], nothing["state"]) == (0, "accepted")
    assert room.report(claim=True, amount=99).json()["claim"] is None
    assert room.report(kind="visit", wallet=wallet(5)).json()["points"] == 0
    assert room.settle() == 0
    assert room.call("GET", f"/actions/{nothing['id']}").json()["state"] == "settled"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"occurred_at": 301}, "occurred-in-future", "occurred_at"),
    ({"occurred_at": -2 * DAY}, "campaign-not-started", "occurred_at"),
    ({"wallet": "0x" + "00" * 20}, "wallet-refused", "wallet"),
    ({"wallet": "0x" + HUB.hex()}, "wallet-refused", "wallet"),
    ({"wallet": "0x" + TOKEN.hex()}, "wallet-refused", "wallet"),
    ({"wallet": "0x" + ASSET.hex()}, "wallet-refused", "wallet"),
    ({"wallet": "0x12"}, "invalid-request", "wallet"),
    ({"wallet": "jane@example.org"}, "invalid-request", "wallet"),
    ({"wallet": None}, "invalid-request", "wallet"),
    ({"claim": True}, "invalid-request", "claim"),
    ({"claim": "yes"}, "invalid-request", "claim"),
    ({"amount": -1}, "invalid-request", "amount"),
    ({"amount": 1.0}, "invalid-request", "amount"),
    ({"amount": "1"}, "invalid-request", "amount"),
    ({"amount": True}, "invalid-request", "amount"),
    ({"amount": 10**9}, "invalid-request", "amount"),
    ({"amount": 10**400}, "invalid-request", "amount"),
    ({"amount": None}, "invalid-request", "lines"),
    ({"lines": [line(1)]}, "invalid-request", "amount"),
    ({"amount": None, "lines": []}, "invalid-request", "lines"),
    ({"amount": None, "lines": [line(-1)]}, "invalid-request", "lines[0].amount"),
    ({"amount": None, "lines": [line(1), line(1, product="é")]}, "invalid-request", "lines[1].product"),
    ({"amount": None, "lines": [line(1, product="x" * 65)]}, "invalid-request", "lines[0].product"),
    ({"amount": None, "lines": [line(1, quantity=0)]}, "invalid-request", "lines[0].quantity"),
    ({"amount": None, "lines": [line(1, note="for Jane")]}, "invalid-request", "lines[0]"),
    ({"amount": None, "lines": [line(999_999_999), line(1)]}, "invalid-request", "lines"),
    ({"amount": None, "lines": [line(1)] * 2_001}, "invalid-request", "lines"),
    ({"action": "review"}, "invalid-request", "action"),
    ({"refers_to": 1}, "invalid-request", "refers_to"),
    ({"kind": "visit"}, "invalid-request", "amount"),
    ({"kind": "custom", "amount": None}, "invalid-request", "action"),
    ({"kind": "gift"}, "invalid-request", "kind"),
    ({"campaign": 0}, "invalid-request", "campaign"),
    ({"campaign": True}, "invalid-request", "campaign"),
    ({"campaign": 10**30}, "invalid-request", "campaign"),
    ({"email": "jane@example.org"}, "invalid-request", "body"),
]


def test_every_refusal_names_its_field_and_changes_nothing(room: Room) -> None:
    room.campaign()
    for change, code, field in REFUSED:
        if "occurred_at" in change:
            change = {"occurred_at": room.clock.now() + change["occurred_at"]}
        answer = room.report(**({"wallet": wallet(5), "amount": 100} | change))
        assert (answer.json()["code"], answer.json()["field"]) == (code, field), change
        assert answer.headers["content-type"] == "application/problem+json"
        assert "example.org" not in answer.text
    assert room.row().reserved == 0
    assert room.events("test.accepted") == 0


@pytest.mark.parametrize("raw", [b'{"amount": NaN}', b'{"amount": Infinity}', b"[", b'"x"', b"\xff", b"{}", b""])
def test_bodies_that_are_no_report(room: Room, raw: bytes) -> None:
    headers = {"Authorization": f"Bearer {room.key}", "Idempotency-Key": "a", "Content-Type": "application/json"}
    answer = room.http.post("/v1/actions", content=raw, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


@pytest.mark.parametrize(("key", "code"), [("", "idempotency-key-required"), ("x" * 201, "invalid-request")])
def test_odd_keys(room: Room, key: str, code: str) -> None:
    room.campaign()
    headers = {"Authorization": f"Bearer {room.key}", "Idempotency-Key": key}
    body = {"campaign": 1, "kind": "visit", "occurred_at": room.clock.now(), "wallet": wallet(5)}
    assert room.http.post("/v1/actions", json=body, headers=headers).json()["code"] == code


def test_windows_open_and_close(room: Room) -> None:
    room.campaign(lasts=10 * DAY, began=-DAY)
    purchase = {"wallet": wallet(5), "amount": 100}
    assert room.report(**purchase).json()["code"] == "campaign-not-started"
    room.clock.offset += DAY
    assert room.report(**purchase).status_code == 202
    with room.db.begin() as session:
        room.campaigns.pause(session, 1, room.merchant, True)
    assert room.report(**purchase).json()["code"] == "campaign-paused"
    with room.db.begin() as session:
        room.campaigns.pause(session, 1, room.merchant, False)
    room.clock.offset += 9 * DAY + 60
    end = room.row().end
    assert room.report(**purchase).json()["code"] == "campaign-ended"
    assert room.report(**purchase, occurred_at=end).status_code == 202  # told late, happened in time
    room.clock.offset += 6 * DAY
    assert room.report(**purchase, occurred_at=end).json()["code"] == "campaign-ended"


def test_rules_of_the_moment_count(room: Room) -> None:
    room.campaign()
    before = room.clock.now()
    room.clock.offset += 100
    with room.db.begin() as session:
        from gateway.loyalty.rules.document import RulesDocument

        new = RulesDocument.model_validate({"rules": [{"kind": "per_visit", "points": 7}]})
        room.campaigns.add_rules(session, 1, room.merchant, new, None)
    assert room.report(kind="visit", wallet=wallet(5)).json()["points"] == 7
    assert room.report(kind="visit", wallet=wallet(5), occurred_at=before).json()["points"] == 500
    assert room.report(kind="custom", wallet=wallet(5), action="review").json()["code"] == "unknown-action"


def test_one_action_cannot_earn_more_than_a_row_holds(room: Room) -> None:
    room.campaign(rules=[{"kind": "per_currency", "points": 1_000_000, "per": 1}])
    answer = room.report(wallet=wallet(5), amount=1_000)
    assert (answer.status_code, answer.json()["code"]) == (422, "too-many-points")


def test_an_action_is_shown_to_its_own_merchant_only(room: Room) -> None:
    room.campaign()
    id = room.buy(5, 300)
    shown = room.call("GET", f"/actions/{id}").json()
    assert (shown["points"], shown["state"], shown["refunded"]) == (300, "accepted", 0)
    _, key = room.new_merchant()
    assert room.call("GET", f"/actions/{id}", key=key).json()["code"] == "not-found"
    assert room.call("GET", f"/actions/{id + 1}").json()["code"] == "not-found"


# ------------------------------------------------------------------------ bulk


def item(key: str, now: int, **fields: Any) -> dict[str, Any]:
    base = {"key": key, "campaign": 1, "kind": "purchase", "occurred_at": now, "wallet": wallet(5), "amount": 100}
    return {name: value for name, value in (base | fields).items() if value is not None}


def test_each_item_of_a_bulk_stands_for_itself(room: Room) -> None:
    room.campaign(budget=250)
    now = room.clock.now()
    refund = {"kind": "refund", "wallet": None, "amount": None}
    actions: list[Any] = [
        item("refund", now, **refund, refers_to_key="a"),  # of a later item of the same call
        item("a", now),
        item("a", now),
        item("a", now, amount=7),
        item("b", now, wallet="nobody"),
        "not an object",
        {"key": 5},
        item("c", now, campaign=99),
        item("d", now, amount=200),  # more than what the budget has left
        item("e", now, amount=150),
        item("f", now, **refund, refers_to_key="d"),
        item("g", now, extra=1),
    ]
    answer = room.call("POST", "/actions/bulk", {"actions": actions})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(r["key"], r["status"], (r["problem"] or {}).get("code")) for r in results] == [
        ("refund", 202, None),
        ("a", 202, None),
        ("a", 202, None),
        ("a", 409, "idempotency-conflict"),
        ("b", 422, "invalid-request"),
        (None, 422, "invalid-request"),
        (None, 422, "invalid-request"),
        ("c", 404, "unknown-campaign"),
        ("d", 409, "budget-exhausted"),
        ("e", 202, None),
        ("f", 404, "refund-without-purchase"),
        ("g", 422, "invalid-request"),
    ]
    assert results[1]["action"] == results[2]["action"]
    assert [r["repeated"] for r in results[:3]] == [False, False, True]
    assert results[4]["problem"]["field"] == "wallet"
    assert room.row().reserved == 250  # a refund frees nothing before the settlement
    room.check()


def test_a_bulk_sent_again_changes_nothing(room: Room) -> None:
    room.campaign()
    now = room.clock.now()
    actions = [item(f"k{n}", now, wallet=None, claim=True) for n in range(20)]
    first = room.call("POST", "/actions/bulk", {"actions": actions}).json()["results"]
    again = room.call("POST", "/actions/bulk", {"actions": actions}).json()["results"]
    assert [r["action"] for r in again] == [r["action"] for r in first]
    assert all(r["repeated"] for r in again)
    assert len({r["action"]["claim"]["code"] for r in first}) == 20
    assert room.row().reserved == 2_000
    # The single call knows the keys of the bulk.
    single = room.report("k3", claim=True, amount=100, occurred_at=now).json()
    assert single | {"wanted": None, "verdicts": None} == first[3]["action"]


@pytest.mark.parametrize("actions", [[], [{}] * 1_001, None, {}, "x"])
def test_a_bulk_of_one_to_a_thousand(room: Room, actions: object) -> None:
    answer = room.call("POST", "/actions/bulk", {"actions": actions})
    assert (answer.status_code, answer.json()["field"]) == (422, "actions")


def test_the_bulk_is_described(room: Room) -> None:
    schema = room.http.get("/openapi.json").json()["components"]["schemas"]
    items = schema["BulkIn"]["properties"]["actions"]["items"]
    assert {"key", "campaign", "kind", "occurred_at"} == set(items["required"])
    assert "key" in items["examples"][0]


def report(key: str, now: int, amount: int, who: int = 5, campaign: int = 1) -> Report:
    action = ActionIn(campaign=campaign, kind="purchase", occurred_at=now, wallet=wallet(who), amount=amount)
    assert action.wallet == address(who)
    return Report(key, action)


def test_many_tills_never_overspend_a_small_budget(room: Room) -> None:
    room.campaign(budget=1_000)
    now = room.clock.now()
    codes: list[str] = []

    def till(number: int) -> None:
        for turn in range(5):
            items = [report(f"{number}-{turn}-{n}", now, 7 + n) for n in range(5)]
            with room.db.begin() as session:
                for result in room.earning.accept_bulk(session, room.merchant, items):
                    codes.append(result.refusal.code if isinstance(result, Problem) else "ok")

    together(partial(till, number) for number in range(6))
    assert set(codes) == {"ok", "budget-exhausted"}
    assert 1_000 - 6 <= room.row().reserved <= 1_000
    room.check()


def test_one_key_at_once_is_one_action(room: Room) -> None:
    room.campaign(1)
    room.campaign(2)
    now = room.clock.now()
    answers: list[Any] = []

    def till(campaign: int) -> None:
        with room.db.begin() as session:
            answers.extend(
                room.earning.accept_bulk(session, room.merchant, [report("same", now, 10, campaign=campaign)])
            )

    together(partial(till, campaign) for campaign in (1, 2, 1, 2, 1, 2))
    accepted = [answer for answer in answers if not isinstance(answer, Problem)]
    assert len({answer.id for answer in accepted}) == 1
    assert sum(not answer.repeated for answer in accepted) == 1
    assert {answer.refusal.code for answer in answers if isinstance(answer, Problem)} == {"idempotency-conflict"}
    assert room.row(1).reserved + room.row(2).reserved == 10


def test_a_campaign_whose_actions_wait_too_long_takes_no_more(room: Room) -> None:
    room.earning.intake.backlog = Backlog(21_600)
    room.campaign()
    room.campaign(2, settle_every=DAY, min_wallets=1)
    body = {"wallet": wallet(1), "amount": 100, "occurred_at": room.clock.now()}
    first = room.report("a", **body)
    old = room.report(amount=100, claim=True).json()["claim"]["code"]

    def answers() -> list[tuple[int, str | None]]:
        reported = [room.report(campaign=number, wallet=wallet(2), amount=100) for number in (1, 2)]
        return [(answer.status_code, answer.headers.get("Retry-After")) for answer in reported]

    room.clock.offset += 21_600 - 10
    assert answers() == [(202, None), (202, None)]
    room.clock.offset += 20
    assert answers() == [(429, "60"), (202, None)], "the other campaign's day is not over"
    refused = room.report(wallet=wallet(2), amount=100).json()
    assert (refused["code"], refused["field"]) == ("backlog", "campaign")
    assert room.report("a", **body).json() == first.json(), "what was accepted is"
    assert room.refund(first.json()["id"]).status_code == 202

    room.settler.settle_due()
    room.clock.offset += 21_600
    assert answers()[0] == (429, "60"), "the batch has not landed"
    room.settle()
    room.clock.offset += 10
    assert room.claim(old, 3).status_code == 200, "a code is as old as its receipt, and waits for nothing yet"
    assert answers()[0] == (202, None)
