"""Points on the merchant's own word: once, inside budget and caps, and large ones by two keys."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from gateway.chain.reads import Campaign as OnChain
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Merchant, Scope
from gateway.loyalty.campaigns.models import Campaign
from tests.gateway.earning.conftest import DAY, HUB, Room, address, wallet
from tests.support.races import together


def adjust(room: Room, who: int, points: int, **more: Any) -> Any:
    body = {"wallet": wallet(who), "points": points, "reason": "goodwill"}
    return room.call("POST", "/campaigns/1/adjustments", body, **more)


def second_key(room: Room) -> str:
    with room.db.begin() as session:
        return ApiKeys().issue(session, room.merchant, Scope.MANAGE, room.clock.now()).token


def approve(room: Room, grant: int, key: str) -> Any:
    return room.call("POST", f"/grants/{grant}/approve", key=key)


def code_of(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def given(room: Room, who: int) -> int:
    return room.hub.given.get((1, address(who)), 0)


def test_a_small_adjustment_is_given_at_once_and_once(room: Room) -> None:
    room.campaign()
    first = adjust(room, 5, 700, once="a")
    assert (first.status_code, first.json()["state"], first.json()["approved_by"]) == (201, "given", None)
    assert adjust(room, 5, 700, once="a").json() == first.json()
    assert code_of(adjust(room, 5, 701, once="a")) == (409, "idempotency-conflict")
    assert room.row().reserved == 700
    room.settle()
    assert given(room, 5) == 700
    room.check()


def test_a_large_one_waits_for_another_key_that_was_there_before(room: Room) -> None:
    room.campaign()
    second, third = second_key(room), second_key(room)
    room.clock.offset += 1
    late = second_key(room)  # in the very second of the asking, so perhaps made by who asks
    asked = adjust(room, 5, 10_001).json()
    assert code_of(approve(room, asked["id"], late)) == (403, "second-key-required")
    assert (asked["state"], room.row().reserved) == ("waiting", 0)
    assert code_of(approve(room, asked["id"], room.key)) == (403, "second-key-required")
    room.clock.offset += 5
    assert code_of(approve(room, asked["id"], second_key(room))) == (403, "second-key-required")
    done = approve(room, asked["id"], second)
    assert (done.status_code, done.json()["state"], room.row().reserved) == (200, "given", 10_001)
    assert done.json()["approved_by"] not in (None, asked["asked_by"])
    assert approve(room, asked["id"], second).json() == done.json()  # the answer was lost: said again
    assert code_of(approve(room, asked["id"], third)) == (409, "grant-decided")
    room.settle()
    assert given(room, 5) == 10_001
    room.check()


def test_an_approval_that_does_not_come_lapses(room: Room) -> None:
    room.campaign()
    second = second_key(room)
    asked = adjust(room, 5, 20_000).json()
    room.clock.offset += 7 * DAY
    assert room.call("GET", f"/grants/{asked['id']}").json()["state"] == "lapsed"
    assert code_of(approve(room, asked["id"], second)) == (409, "grant-decided")
    assert room.row().reserved == 0


def test_many_small_ones_are_one_large_one(room: Room) -> None:
    room.campaign()
    states = [adjust(room, who, 4_000).json()["state"] for who in (5, 6, 7)]
    assert states == ["given", "given", "waiting"]
    # A second key has its own day, and withdrawing gives nothing back of it.
    assert adjust(room, 7, 4_000, key=second_key(room)).json()["state"] == "given"
    newest = room.call("GET", "/grants").json()["items"]
    assert [grant["state"] for grant in newest] == ["given", "waiting", "given", "given"]
    room.call("POST", f"/grants/{newest[-1]['id']}/withdraw")
    assert adjust(room, 8, 4_000).json()["state"] == "waiting"
    room.clock.offset += DAY
    assert adjust(room, 8, 4_000).json()["state"] == "given"


def test_what_is_withdrawn_goes_back_once(room: Room) -> None:
    room.campaign()
    waiting, early, late = adjust(room, 5, 20_000).json(), adjust(room, 6, 300).json(), adjust(room, 7, 500).json()
    assert room.call("POST", f"/grants/{waiting['id']}/withdraw").json()["state"] == "withdrawn"
    assert code_of(approve(room, waiting["id"], second_key(room))) == (409, "grant-decided")
    assert adjust(room, 8, 1).json()["state"] == "given"  # what was never given leaves the day as it was
    for _ in range(2):
        assert room.call("POST", f"/grants/{early['id']}/withdraw").json()["state"] == "withdrawn"
    room.settle()
    assert room.row().reserved == 0
    assert (given(room, 6), given(room, 7)) == (0, 500)
    room.call("POST", f"/grants/{late['id']}/withdraw")  # no hold: what the wallet has stays, later awards repay it
    room.settle()
    room.clock.offset += 10
    room.buy(7, 800)
    room.settle()
    assert given(room, 7) == 800
    room.check()


def opening(room: Room, points: int) -> int:
    answer = room.call("POST", "/campaigns/1/openings", {"points": points}).json()
    if answer["state"] == "waiting":
        with room.db.begin() as session:
            key = ApiKeys().issue(session, room.merchant, Scope.MANAGE, room.clock.now() - 1).token
        assert approve(room, answer["id"], key).status_code == 200
    return int(answer["id"])


def balances(room: Room, grant: int, *items: dict[str, Any]) -> Any:
    return room.call("POST", f"/grants/{grant}/balances", {"balances": list(items)})


def test_opening_balances_come_in_once_however_often_they_are_sent(room: Room) -> None:
    room.campaign()
    grant = opening(room, 50_000)
    items = [{"wallet": wallet(who), "points": 100 * who} for who in (5, 6, 7)] + [{"key": "m-1", "points": 999}]
    first = balances(room, grant, *items).json()["results"]
    assert [(r["status"], r["repeated"], r["points"]) for r in first] == [
        (202, False, points) for points in (500, 600, 700, 999)
    ]
    again = balances(room, grant, *reversed(items), items[0]).json()["results"]
    assert [r["repeated"] for r in again] == [True] * 5
    assert again[0]["claim"] == first[3]["claim"]
    differs = balances(room, opening(room, 5_000), {"wallet": wallet(5), "points": 501}, {"key": "m-1", "points": 1})
    assert [r["problem"]["code"] for r in differs.json()["results"]] == ["opening-differs"] * 2
    assert room.call("GET", f"/grants/{grant}").json()["used"] == room.row().reserved == 2_799
    assert room.claim(first[3]["claim"]["code"], 9).json()["points"] == 999
    room.settle()
    assert [given(room, who) for who in (5, 6, 7, 9)] == [500, 600, 700, 999]
    room.check()


def test_each_balance_is_judged_by_itself(room: Room) -> None:
    room.campaign(budget=1_000)
    grant = opening(room, 1_200)
    items: list[dict[str, Any]] = [
        {"wallet": wallet(5), "points": 900},
        {"wallet": wallet(6), "points": 200},
        {"wallet": wallet(7), "points": 400},
        {"wallet": wallet(int.from_bytes(HUB)), "points": 1},
        {"wallet": wallet(8), "points": 100},
    ]
    results = balances(room, grant, *items).json()["results"]
    codes = [(r.get("problem") or {}).get("code") for r in results]
    assert codes == [None, "budget-exhausted", "opening-exhausted", "wallet-refused", None]
    assert room.row().reserved == 1_000
    room.call("POST", f"/grants/{grant}/withdraw")
    assert code_of(balances(room, grant, items[0])) == (409, "grant-not-open")
    assert code_of(balances(room, welcome(room, 1)["id"], items[0])) == (409, "grant-not-open")
    both = balances(room, grant, {"wallet": wallet(5), "key": "k", "points": 1})
    assert (both.status_code, both.json()["field"]) == (422, "balances[0]")


def welcome(room: Room, points: int, uses: int = 1, key: str | None = None, **more: Any) -> Any:
    body = {"points": points, "uses": uses} | more
    answer = room.call("POST", "/campaigns/1/welcome-codes", body, once=f"w{uses}", key=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_welcome_is_for_so_many_wallets_and_once_for_each(room: Room) -> None:
    room.campaign()
    two = welcome(room, 300, uses=2)
    assert len(two["code"]) == 26
    assert two["used"] is None
    assert welcome(room, 300, uses=2) == two
    first = room.claim(two["code"], 5)
    assert (first.status_code, first.json()["points"]) == (200, 300)
    assert room.claim(two["code"].lower(), 5).json() == first.json()
    assert code_of(room.claim(welcome(room, 300, uses=3)["code"], 5)) == (409, "already-welcomed")
    assert room.claim(two["code"], 6).status_code == 200
    assert code_of(room.claim(two["code"], 7)) == (409, "claim-used")
    room.settle()
    assert [given(room, who) for who in (5, 6, 7)] == [300, 300, 0]
    room.check()


def test_a_welcome_ends_and_a_large_one_waits(room: Room) -> None:
    room.campaign()
    soon = welcome(room, 100, uses=9, valid_until=room.clock.now() + 60)
    large = welcome(room, 100, uses=101)
    assert (large["state"], large["code"]) == ("waiting", None)
    room.clock.offset += 60
    assert code_of(room.claim(soon["code"], 5)) == (410, "claim-lapsed")
    closed = welcome(room, 100, uses=5)
    assert room.call("POST", f"/grants/{closed['id']}/withdraw").json()["code"] is None
    assert code_of(room.claim(closed["code"], 5)) == (410, "claim-lapsed")
    assert code_of(room.claim("A" * 26, 5)) == (404, "claim-unknown")
    assert room.row().reserved == 0


def test_the_last_welcome_goes_to_one_of_many_at_once(room: Room) -> None:
    room.campaign()
    code = welcome(room, 100, uses=2)["code"]
    answers: list[int] = []

    def come(who: int) -> None:
        while True:
            answer = room.claim(code, who)
            if answer.status_code != 503:
                answers.append(answer.status_code)
                return

    together(partial(come, who) for who in range(5, 13))
    assert sorted(answers) == [200, 200] + [409] * 6
    assert room.row().reserved == 200
    room.check()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("adjustments", {"wallet": wallet(5), "points": 5, "reason": "because Ann asked"}),
        ("adjustments", {"wallet": wallet(5), "points": 0, "reason": "prize"}),
        ("adjustments", {"wallet": wallet(5), "points": 5, "reason": "opening"}),
        ("openings", {"points": 10**11}),
        ("welcome-codes", {"points": 999_999_999, "uses": 100_000}),
        ("welcome-codes", {"points": 5, "uses": 100_001}),
        ("welcome-codes", {"points": 5, "valid_until": 1_300_000_000}),
    ],
)
def test_what_no_grant_can_be(room: Room, path: str, body: dict[str, Any]) -> None:
    room.campaign()
    answer = room.call("POST", f"/campaigns/1/{path}", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.text
    assert room.call("GET", "/grants").json()["items"] == []


def test_only_the_owner_of_the_campaign_grants(room: Room) -> None:
    room.campaign()
    grant = adjust(room, 5, 700).json()["id"]
    _, other = room.new_merchant()
    assert code_of(adjust(room, 5, 700, key=other)) == (404, "unknown-campaign")
    for call in (
        ("GET", f"/grants/{grant}"),
        ("POST", f"/grants/{grant}/approve"),
        ("POST", f"/grants/{grant}/withdraw"),
    ):
        assert code_of(room.call(*call, key=other)) == (404, "unknown-grant")
    assert room.call("GET", "/grants", key=other).json() == {"items": [], "next": None}
    room.clock.offset += 37 * DAY
    assert code_of(adjust(room, 5, 700)) == (409, "campaign-ended")


def hand_over(room: Room) -> str:
    """The campaign becomes another merchant's, as the chain tells it; that one's key."""
    merchant, key = room.new_merchant()
    with room.db.begin() as session:
        row, owner = session.get_one(Campaign, 1), session.get_one(Merchant, merchant).address
        seen = OnChain(owner, row.end, row.hold, row.closed, 0, 0, 0, 0, row.terms_hash)
        room.campaigns._follow_terms(session, row, seen)
    assert room.row().merchant_id == merchant
    return key


def test_the_new_owner_can_stop_what_the_earlier_one_gave(room: Room) -> None:
    room.campaign()
    second = second_key(room)
    code = welcome(room, 300, uses=9)
    waiting = adjust(room, 5, 20_000).json()["id"]
    room.clock.offset += 1
    key = hand_over(room)
    assert room.claim(code["code"], 5).status_code == 200  # promised, as the codes of receipts are
    assert code_of(approve(room, waiting, second)) == (404, "unknown-grant")
    assert code_of(approve(room, waiting, key)) == (409, "grant-decided")
    assert code_of(room.call("POST", f"/grants/{code['id']}/withdraw")) == (404, "unknown-grant")
    assert room.call("GET", "/grants").json()["items"] == []
    assert {grant["id"] for grant in room.call("GET", "/grants", key=key).json()["items"]} == {code["id"], waiting}
    assert room.call("POST", f"/grants/{code['id']}/withdraw", key=key).json()["state"] == "withdrawn"
    assert code_of(room.claim(code["code"], 6)) == (410, "claim-lapsed")
    assert room.row().reserved == 300
    room.check()


def test_one_welcome_and_one_opening_whoever_owns_the_campaign(room: Room) -> None:
    room.campaign()
    lines = [{"wallet": wallet(6), "points": 50}, {"key": "member-1", "points": 70}]
    first = welcome(room, 300, uses=2)
    grant = room.call("POST", "/campaigns/1/openings", {"points": 1_000}).json()["id"]
    before = room.call("POST", f"/grants/{grant}/balances", {"balances": lines}).json()["results"]
    assert room.claim(first["code"], 5).status_code == 200
    key = hand_over(room)
    assert room.claim(first["code"], 5).json()["points"] == 300  # the answer was lost: the same once more
    assert code_of(room.claim(welcome(room, 200, uses=3, key=key)["code"], 5)) == (409, "already-welcomed")
    assert code_of(room.call("POST", f"/grants/{grant}/balances", {"balances": lines}, key=key)) == (
        409,
        "grant-not-open",
    )
    own = room.call("POST", "/campaigns/1/openings", {"points": 1_000}, key=key).json()["id"]
    after = room.call("POST", f"/grants/{own}/balances", {"balances": lines}, key=key).json()["results"]
    assert [line["repeated"] for line in after] == [True, False]  # the number is another member's
    assert after[1]["claim"]["code"] != before[1]["claim"]["code"]
    assert room.row().reserved == 300 + 50 + 70 + 70
    room.check()
