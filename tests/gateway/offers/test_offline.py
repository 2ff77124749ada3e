"""Signed codes from the order to the report of a till that had no network."""

from __future__ import annotations

import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain.hexes import to_hex
from gateway.commands import audit_rooms
from gateway.loyalty.offers import tokens
from gateway.loyalty.offers.models import Code, CodeState, OfflineUse
from gateway.loyalty.redemptions.sealing import unseal
from tests.gateway.redemptions.market import DAY
from tests.gateway.redemptions.world import SealKey, World, refused


@pytest.fixture
def offer(world: World) -> dict[str, Any]:
    key = world.call("GET", "/code-keys/1").json()["key"]
    return world.offer(document=world.full(code_key=key, code_valid=2 * DAY), source="signed")


def handed_out(world: World, offer: int, until: int | None = None) -> str:
    with world.db.begin() as session:
        drawn = world.codes.draw(session, world.codes.lock(session, offer), secrets.token_bytes(32), until)
        world.codes.deliver(session, drawn.id)
    return drawn.text.decode()


def report(world: World, *uses: tuple[str, int], till: str = "corner") -> list[dict[str, Any]]:
    body = {"uses": [{"code": code, "used_at": at} for code, at in uses]}
    answer = world.call("POST", "/codes/offline-uses", body, till)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_from_the_order_to_the_till(world: World, offer: dict[str, Any]) -> None:
    seal = SealKey.fresh()
    order = world.order(offer, seal_key=to_hex(seal.public))
    number = world.call("POST", "/redemptions", order).json()["id"]
    world.settle()
    delivered = world.call("GET", f"/redemptions/{number}").json()
    text = unseal(seal.secret, bytes.fromhex(delivered["box"][2:]))[1].decode()
    token = tokens.verify(world.codes.public_key(1), text, world.clock.now(), offer["id"])
    assert token.ends_at == delivered["expires_at"]
    assert token.ends_at >= order["deadline"] + 2 * DAY  # the whole validity, however late it is paid
    now = world.clock.now()
    assert report(world, (text, now)) == [
        {"outcome": "counted", "repeated": False, "offer": offer["id"], "first": None, "problem": None}
    ]
    refused(world.call("POST", "/codes/use", {"code": text}, "corner 2"), 409, "code-used", "code")


def test_reported_again_nothing_changes_and_two_tills_are_told(world: World, offer: dict[str, Any]) -> None:
    first, second, online = (handed_out(world, offer["id"]) for _ in range(3))
    now = world.clock.now()
    assert [use["outcome"] for use in report(world, (first, now - 60), (second, now))] == ["counted"] * 2
    again = report(world, (second, now), (first, now - 60))
    assert [(use["outcome"], use["repeated"]) for use in again] == [("counted", True)] * 2
    for _ in range(2):  # the other till took it a minute earlier, but says so later
        double = report(world, (first, now - 120), till="corner 2")[0]
        assert (double["outcome"], double["first"]) == ("double", {"key": 1, "at": now - 60})
    assert world.call("POST", "/codes/use", {"code": online}, "corner").status_code == 200
    assert report(world, (online, now), till="corner 2")[0]["outcome"] == "double"
    with world.db.read() as session:
        taken = session.scalar(sa.select(Code.used_at).where(Code.digest == world.codes.digest(1, online)))
    noted = report(world, (online, taken))[0]  # by the till itself, which took it with the network
    assert (noted["outcome"], noted["repeated"], noted["first"]) == ("counted", True, None)
    page = world.call("GET", "/codes/double-uses?limit=1", who="corner").json()
    rest = world.call("GET", f"/codes/double-uses?cursor={page['next']}", who="corner").json()
    assert [(use["first"]["key"], use["second"]["key"]) for use in page["items"] + rest["items"]] == [(1, 2), (1, 2)]
    assert page["items"][0]["second"]["at"] == now - 120
    assert world.call("GET", "/codes/double-uses", who="bakery").json() == {"items": [], "next": None}
    world.jobs.run_due(world.db)
    assert Counter(event for event, _ in world.seen) == {"code.used": 3, "code.used_twice": 2}
    with world.db.begin() as session:
        assert list(audit_rooms.offline_uses(session)) == []
        session.execute(sa.update(OfflineUse).values(merchant_id=2, counted=True))
        session.execute(sa.update(Code).values(state=CodeState.FREE))
        found = Counter(each.code for each in audit_rooms.offline_uses(session))
        assert found == {"offline-use-of-code": 4, "offline-use-merchant": 4, "offline-use-double": 2}


def test_an_undone_use_does_not_come_back_with_its_report(world: World, offer: dict[str, Any]) -> None:
    code, now = handed_out(world, offer["id"]), world.clock.now()
    report(world, (code, now))
    assert world.call("POST", "/codes/undo", {"code": code}, "corner").status_code == 200
    assert report(world, (code, now))[0]["repeated"] is True
    assert world.call("POST", "/codes/check", {"code": code}, "corner").json()["state"] == "delivered"


def test_what_is_not_recorded(world: World, offer: dict[str, Any]) -> None:
    good, now = handed_out(world, offer["id"]), world.clock.now()
    pool = world.offer(codes=1)["id"]
    with world.db.begin() as session:
        kept = world.codes.draw(session, world.codes.lock(session, offer["id"]), secrets.token_bytes(32)).text.decode()
    cases = [
        (("A" * 127, now), "code-forged"),
        ((f"CODE-{pool:02}-0001", now), "code-forged"),  # a pool cannot be watched from here
        ((good, now + 3_600), "used-in-future"),
        ((good, now + 4 * DAY), "used-in-future"),
        ((kept, now), "code-unknown"),
    ]
    results = report(world, *(use for use, _ in cases))
    assert [use["problem"]["code"] for use in results] == [code for _, code in cases]
    world.clock.offset += 5 * DAY
    assert report(world, (good, now + 4 * DAY))[0]["problem"]["code"] == "code-expired"
    assert report(world, (good, now))[0]["outcome"] == "counted"  # it was good when it was taken
    assert report(world, (good, now), till="bakery")[0]["problem"]["code"] == "code-forged"
    for body in ({"uses": []}, {"uses": [{"code": good}]}, {"uses": [{"code": good, "used_at": now, "who": "Jane"}]}):
        assert world.call("POST", "/codes/offline-uses", body, "corner").status_code == 422


def test_many_tills_at_once_use_it_once(world: World, offer: dict[str, Any]) -> None:
    codes, now = [handed_out(world, offer["id"]) for _ in range(4)], world.clock.now()

    def till(number: int) -> int:
        body = {"uses": [{"code": code, "used_at": now - number} for code in codes[:: 1 if number % 2 else -1]]}
        who = ("corner", "corner 2")[number % 2]
        while (answer := world.call("POST", "/codes/offline-uses", body, who)).status_code == 503:
            pass
        return sum(use["outcome"] == "counted" and not use["repeated"] for use in answer.json()["results"])

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(till, range(6))) == 4
    with world.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(OfflineUse.counted == 1)) == 4
        assert set(session.scalars(sa.select(Code.state))) == {CodeState.USED}


def test_a_code_that_was_put_back_is_signed_anew(world: World, offer: dict[str, Any]) -> None:
    with world.db.begin() as session:
        dead = world.codes.draw(session, world.codes.lock(session, offer["id"]), secrets.token_bytes(32))
        world.codes.free(session, dead.id)
    text = handed_out(world, offer["id"], world.clock.now() + 3 * DAY)
    assert text != dead.text.decode()
    assert tokens.verify(world.codes.public_key(1), text).ends_at >= world.clock.now() + 5 * DAY
    old = report(world, (dead.text.decode(), world.clock.now()))[0]
    assert old["problem"]["code"] == "code-unknown"


def test_where_the_key_stands(world: World, offer: dict[str, Any]) -> None:
    key = world.call("GET", "/code-keys/1").json()["key"]
    for source, terms, field in (
        ("signed", {}, "document.code_key"),
        ("signed", {"code_key": "0x" + "11" * 32}, "document.code_key"),
        ("pool", {"code_key": key}, "document.code_key"),
        ("signed", {"code_key": key, "links": True}, "document.links"),
    ):
        body = world.offer_body(document=world.full(**terms), source=source)
        refused(world.call("POST", "/offers", body, "corner"), 422, "offer-malformed", field)
    body = world.offer_body(document=world.full(code_key=key), source="signed", pattern="*" * 12)
    refused(world.call("POST", "/offers", body, "corner"), 422, "invalid-request", "pattern")
    refused(world.call("GET", "/code-keys/99"), 404, "not-found", "merchant_id")
