"""Codes at the till: checked, used once, taken back."""

from __future__ import annotations

import hashlib
import secrets
import time

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.idempotency import IdempotentWrite
from gateway.loyalty.offers.misses import HOUR, MOST, Misses
from gateway.loyalty.offers.models import Code, CodeMiss
from tests.gateway.redemptions.market import DAY
from tests.gateway.redemptions.world import World, refused
from tests.support.races import on_postgresql, overlap


@pytest.fixture
def code(world: World) -> str:
    """A code that was handed out."""
    offer = world.offer(codes=3, code_valid=2 * DAY, low_stock=0)["id"]
    with world.db.begin() as session:
        drawn = world.codes.draw(session, world.codes.lock(session, offer), secrets.token_bytes(32))
        world.codes.deliver(session, drawn.id)
    return drawn.text.decode()


def test_check_use_and_use_again(world: World, code: str) -> None:
    seen = world.call("POST", "/codes/check", {"code": code}, "corner").json()
    assert (seen["title"], seen["state"], seen["used_at"]) == ("Coffee", "delivered", None)
    assert 0 <= seen["expires_at"] - world.clock.now() - 2 * DAY <= DAY
    assert seen["expires_at"] % DAY == 0  # else it told the till when the code was paid for
    first = world.call("POST", "/codes/use", {"code": code.lower().replace("-", " ")}, "corner", once="till-1")
    assert (first.status_code, first.json()["state"]) == (200, "used")
    again = world.call("POST", "/codes/use", {"code": code}, "corner", once="till-1")
    assert (again.status_code, again.text) == (200, first.text)
    second = world.call("POST", "/codes/use", {"code": code}, "corner", once="till-2")
    refused(second, 409, "code-used", "code")
    used_at = time.strftime("%Y-%m-%d at %H:%M UTC", time.gmtime(first.json()["used_at"]))
    assert second.json()["detail"] == f"on {used_at}"  # a cashier reads it
    assert world.call("POST", "/codes/check", {"code": code}, "corner").json()["state"] == "used"
    world.jobs.run_due(world.db)
    with world.db.read() as session:
        used = session.scalars(sa.select(Code.id).where(Code.used_at.is_not(None))).one()
    assert world.seen == [("code.used", used)]


def test_undo_is_for_the_same_till_within_minutes(world: World, code: str) -> None:
    body = {"code": code}
    refused(world.call("POST", "/codes/undo", body, "corner"), 409, "code-not-used", "code")
    assert world.call("POST", "/codes/use", body, "corner").status_code == 200
    refused(world.call("POST", "/codes/undo", body, "corner 2"), 409, "undo-refused", "code")
    assert world.call("POST", "/codes/undo", body, "corner").json()["state"] == "delivered"
    assert world.call("POST", "/codes/use", body, "corner 2").status_code == 200
    world.clock.offset += 601
    refused(world.call("POST", "/codes/undo", body, "corner 2"), 409, "undo-refused", "code")
    refused(world.call("POST", "/codes/use", body, "corner"), 409, "code-used", "code")


def test_an_expired_code(world: World, code: str) -> None:
    world.clock.offset += 3 * DAY + 60
    assert world.call("POST", "/codes/check", {"code": code}, "corner").json()["state"] == "expired"
    refused(world.call("POST", "/codes/use", {"code": code}, "corner"), 409, "code-expired", "code")


@pytest.mark.parametrize("verb", ["check", "use", "undo"])
def test_a_code_that_was_not_handed_out_is_unknown(world: World, code: str, verb: str) -> None:
    free = world.offer(codes=1)["id"]
    reserved = world.offer(codes=1)["id"]
    with world.db.begin() as session:
        world.codes.draw(session, world.codes.lock(session, reserved), secrets.token_bytes(32))
    path = f"/codes/{verb}"
    for text in (f"CODE-{free:02}-0001", f"CODE-{reserved:02}-0001", "NO-SUCH-CODE"):
        refused(world.call("POST", path, {"code": text}, "corner"), 404, "code-unknown", "code")
    refused(world.call("POST", path, {"code": code}, "bakery"), 404, "code-unknown", "code")


@pytest.mark.parametrize("verb", ["check", "use", "undo"])
def test_hostile_requests(world: World, code: str, verb: str) -> None:
    path = f"/codes/{verb}"
    for value in ("", " ", "--", "x" * 128, "ä", "a\x00b", "☕", 5, None, True, ["A"]):
        answer = world.call("POST", path, {"code": value}, "corner")
        refused(answer, 422, "invalid-request", "code")
    refused(world.call("POST", path, {"code": code, "name": "Jane"}, "corner"), 422, "invalid-request", "body")
    refused(world.call("POST", path, {"code": code}), 401, "unauthenticated", "Authorization")
    cookie = world.call("POST", path, {"code": code}, "corner", headers={"Cookie": "session=1"})
    refused(cookie, 400, "credentials-refused", "Cookie")


def test_what_is_kept_of_a_request_does_not_help_to_guess_codes(world: World, code: str) -> None:
    world.call("POST", "/codes/use", {"code": code}, "corner")
    with world.db.read() as session:
        row = session.scalars(sa.select(IdempotentWrite).order_by(IdempotentWrite.created_at.desc())).all()
    guesses = {
        hashlib.sha256(route + body).digest()
        for route in (b"POST /codes/use\0", b"")
        for body in (code.encode(), f'{{"code":"{code}"}}'.encode(), f"code\n{code}\n".encode())
    }
    assert not guesses & {each.body_hash for each in row}
    assert not any(code in each.response for each in row)


def test_a_merchant_cannot_watch_its_own_pool(world: World, code: str) -> None:
    """Else it saw which code was delivered when the chain shows a payment, and knew the wallet at its till."""
    for number in range(MOST):
        verb = ("check", "use", "undo")[number % 3]
        refused(world.call("POST", f"/codes/{verb}", {"code": f"N-{number}"}, "corner"), 404, "code-unknown", "code")
    for text in (code, "N-1"):  # no difference between what is known and what is not
        answer = world.call("POST", "/codes/check", {"code": text}, "corner 2")
        refused(answer, 429, "too-many-misses", "code")
        assert 1 <= int(answer.headers["Retry-After"]) <= 3_600
    refused(world.call("POST", "/codes/check", {"code": code}, "bakery"), 404, "code-unknown", "code")
    world.clock.offset += 3_600
    assert world.call("POST", "/codes/use", {"code": code}, "corner").status_code == 200


@on_postgresql
def test_two_tills_may_miss_for_the_first_time_at_once(world: World) -> None:
    corner, hour = 1, world.clock.now() // HOUR

    def miss(session: Session) -> None:
        session.add(CodeMiss(merchant_id=corner, hour=hour, misses=1))

    overlap(world.db, miss, lambda: Misses(world.db, world.clock)._count(corner, hour))
    with world.db.read() as session:
        assert session.get_one(CodeMiss, corner).misses == 2
