from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.loyalty.earning.models import Action
from tests.gateway.earning.conftest import DAY, HUB, Room, wallet
from tests.support.races import together


def code(room: Room, amount: int = 1_000) -> str:
    return str(room.report(claim=True, amount=amount).json()["claim"]["code"])


def test_a_code_is_claimed_once_and_again_by_the_same_wallet(room: Room) -> None:
    room.campaign()
    text = code(room)
    first = room.claim(text, 5)
    assert (first.status_code, first.json()) == (
        200,
        {"campaign": 1, "points": 1_000, "wanted": 1_000, "state": "accepted"},
    )
    assert room.claim(text.lower(), 5).json() == first.json()
    other = room.claim(text, 6)
    assert (other.status_code, other.json()["code"]) == (409, "claim-used")
    assert room.events("test.claimed") == 1
    room.settle()
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 1_000}
    assert room.claim(text, 5).json() == first.json()
    room.check()


def test_only_a_hash_of_a_code_is_kept(room: Room) -> None:
    room.campaign()
    text = code(room)
    with room.db.read() as session:
        rows = repr(session.execute(sa.select(Action.__table__)).all())
    assert text not in rows


def test_nothing_tells_the_till_whether_a_code_was_claimed(room: Room) -> None:
    room.campaign()
    action = room.report(claim=True, amount=1_000).json()
    refund = room.refund(action["id"], amount=1).json()

    def seen() -> list[Any]:
        return [room.call("GET", f"/actions/{id}").json() for id in (action["id"], refund["id"])]

    before = seen()
    assert before[0]["state"] == "code-issued"
    room.claim(action["claim"]["code"], 5)
    assert seen() == before
    room.settle()
    assert seen() == before


REFUSED: list[tuple[object, object, str, str]] = [
    ("A" * 26, wallet(5), "claim-unknown", "code"),
    ("A" * 25, wallet(5), "invalid-request", "code"),
    ("A" * 5_000, wallet(5), "invalid-request", "code"),
    ("1" * 26, wallet(5), "invalid-request", "code"),
    ("é" * 26, wallet(5), "invalid-request", "code"),
    (5, wallet(5), "invalid-request", "code"),
    (None, wallet(5), "invalid-request", "code"),
    ("A" * 26, "jane@example.org", "invalid-request", "wallet"),
    ("A" * 26, "0x" + "00" * 20, "wallet-refused", "wallet"),
    ("A" * 26, "0x" + HUB.hex(), "wallet-refused", "wallet"),
]


def test_claims_that_cannot_be(room: Room) -> None:
    for text, who, problem, field in REFUSED:
        answer = room.http.post("/v1/claims", json={"code": text, "wallet": who})
        assert (answer.json()["code"], answer.json()["field"]) == (problem, field), text


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_a_claim_brings_no_credentials(room: Room, header: str) -> None:
    body = {"code": "A" * 26, "wallet": wallet(5)}
    answer = room.http.post("/v1/claims", json=body, headers={header: "x=y"})
    assert (answer.status_code, answer.json()["code"]) == (400, "credentials-refused")


def test_codes_lapse_and_free_the_budget_once(room: Room) -> None:
    room.campaign(lasts=60 * DAY)
    text, other = code(room), code(room, 300)
    half = room.report(claim=True, amount=50).json()
    room.refund(half["id"], amount=20)
    room.claim(other, 5)
    room.clock.offset += 30 * DAY
    late = room.claim(text, 5)
    assert (late.status_code, late.json()["code"]) == (410, "claim-lapsed")
    assert room.claims.lapse_due() == 2
    assert room.claims.lapse_due() == 0
    assert room.row().reserved == 300
    assert room.claim(text, 5).json()["code"] == "claim-lapsed"
    room.check()
    # The goods come back after that: nothing to take, and nothing shows that the code had lapsed.
    assert room.refund(half["id"]).json()["points"] == 30
    assert room.row().reserved == 300
    room.settle()
    room.check()


def test_codes_lapse_a_day_before_the_chain_closes_and_what_was_claimed_is_settled(room: Room) -> None:
    room.campaign(lasts=5 * DAY, settle_every=7 * DAY, min_wallets=1_000, step=400)
    first, second = code(room), code(room)
    closing = room.row().end + 7 * DAY
    room.claim(first, 5)
    room.clock.offset += closing - DAY - room.clock.now()
    assert room.claim(second, 6).json()["code"] == "claim-lapsed"
    assert room.claims.lapse_due() == 1
    assert room.settle() == 1
    assert room.hub.given == {(1, b"\0" * 19 + b"\5"): 1_000}  # the carried 200 too
    assert room.row().reserved == 0
    room.check()


def test_a_code_claimed_by_many_at_once_has_one_owner(room: Room) -> None:
    room.campaign()
    text = code(room)
    answers: list[int] = []

    def claim(who: int) -> None:
        answers.append(room.claim(text, who).status_code)

    together(partial(claim, who) for who in range(1, 7))
    assert sorted(answers) == [200, 409, 409, 409, 409, 409]
    room.settle()
    assert sum(room.hub.given.values()) == 1_000


def test_a_refund_and_a_claim_at_once_agree(room: Room) -> None:
    room.campaign()
    for turn in range(5):
        action = room.report(claim=True, amount=100).json()
        claim = partial(room.claim, action["claim"]["code"], turn + 1)
        together([claim, partial(room.refund, action["id"], amount=40)])
    room.check()
    room.settle()
    assert sorted(room.hub.given.values()) == [60] * 5
    room.check()
