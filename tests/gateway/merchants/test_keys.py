from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.idempotency import IdempotentWrite
from gateway.core.problems import Problem
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import TOKEN, ApiKeys, Caller
from gateway.identity.merchants.models import ApiKey, Scope
from tests.gateway.merchants.conftest import Room
from tests.support.races import on_postgresql, together
from tests.support.waiting import PATIENCE


def test_only_a_hash_of_a_key_is_kept(room: Room) -> None:
    key = room.key(room.merchant(), "actions")
    assert TOKEN.fullmatch(key)
    secret = key.split("_", 2)[2]
    with room.db.read() as session:
        kept = [repr(row) for table in (ApiKey, IdempotentWrite) for row in session.execute(sa.select(table.__table__))]
    assert len(kept) == 4
    assert not any(secret in row or secret.encode().hex() in row for row in kept)


def test_issuing_twice_under_one_idempotency_key_gives_one_key(room: Room) -> None:
    body = {"merchant_id": room.merchant(), "scopes": ["codes", "actions"]}
    first = room.call("POST", "/keys", room.operator, body, once="a").json()
    assert room.call("POST", "/keys", room.operator, body, once="a").json() == first
    assert first["scopes"] == ["actions", "codes"]
    assert len(room.call("GET", "/keys", room.operator).json()["items"]) == 2


def test_a_merchant_issues_keys_for_itself_alone(room: Room) -> None:
    mine, other = room.merchant(), room.merchant()
    manage = room.key(mine, "manage")
    assert room.call("POST", "/keys", manage, {"scopes": ["actions"]}).json()["merchant_id"] == mine
    assert room.call("POST", "/keys", manage, {"merchant_id": other, "scopes": ["actions"]}).status_code == 403
    refused = room.call("POST", "/keys", manage, {"scopes": ["admin"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "scopes-refused")
    assert {item["merchant_id"] for item in room.call("GET", "/keys", manage).json()["items"]} == {mine}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"merchant_id": 1, "scopes": ["actions", "admin"]}, "scopes-refused"),
        ({"scopes": ["actions"]}, "scopes-refused"),
        ({"merchant_id": 999, "scopes": ["actions"]}, "unknown-merchant"),
        ({"merchant_id": 1, "scopes": []}, "invalid-request"),
        ({"merchant_id": 1, "scopes": ["everything"]}, "invalid-request"),
        ({"merchant_id": True, "scopes": ["actions"]}, "invalid-request"),
        ({"merchant_id": -1, "scopes": ["actions"]}, "invalid-request"),
        ({"merchant_id": 10**30, "scopes": ["actions"]}, "invalid-request"),
        ({"merchant_id": 1, "scopes": ["actions"], "note": "till of Jane"}, "invalid-request"),
    ],
)
def test_keys_that_make_no_sense_are_refused(room: Room, body: dict[str, object], code: str) -> None:
    assert room.merchant() == 1
    assert room.call("POST", "/keys", room.operator, body).json()["code"] == code


@pytest.mark.parametrize("token", ["", "x", "loy_", "loy_" + "0" * 16 + "_" + "A" * 43, "loy_é", "loy_" + "0" * 5000])
def test_no_door_opens_to_what_is_no_key(room: Room, token: str) -> None:
    with room.db.read() as session:
        assert room.keys.check_all(session, [token], room.clock.now()) == {token: None}


def test_which_keys_work_is_known_without_asking(room: Room) -> None:
    merchant = room.merchant()
    till = room.key(merchant, "manage")
    auth = Auth(room.db, room.keys, room.clock)
    assert not auth.knows(till.encode())
    auth.remember()
    assert auth.knows(till.encode())
    assert not auth.knows(till[:-1].encode())
    later = room.key(merchant, "actions")
    with room.db.read() as session:
        assert auth.callers(session, [later, "made-up"])["made-up"] is None
    assert auth.knows(later.encode())
    assert not auth.knows(b"made-up")
    number = room.call("GET", "/keys", till).json()["items"][0]["id"]
    assert room.call("DELETE", f"/keys/{number}", till).status_code < 300
    with room.db.read() as session:
        assert auth.callers(session, [till]) == {till: None}
    assert not auth.knows(till.encode())


def test_a_known_prefix_with_another_secret_is_refused(room: Room) -> None:
    forged = room.operator[:-1] + ("A" if room.operator[-1] != "A" else "B")
    assert room.call("GET", "/keys", forged).status_code == 401


def test_a_rotated_key_works_for_its_grace(room: Room) -> None:
    old = room.key(room.merchant(), "manage")
    id = room.call("GET", "/keys", old).json()["items"][0]["id"]
    new = room.call("POST", f"/keys/{id}/rotate", old, {"grace": 3600}).json()["key"]
    assert new != old
    assert room.call("GET", "/keys", old).status_code == room.call("GET", "/keys", new).status_code == 200
    room.clock.offset += 3600
    assert (room.call("GET", "/keys", old).status_code, room.call("GET", "/keys", new).status_code) == (401, 200)
    assert room.call("POST", f"/keys/{id}/rotate", new, {}).json()["code"] == "key-revoked"


def test_rotating_again_does_not_prolong_a_key(room: Room) -> None:
    old = room.key(room.merchant(), "manage")
    id = room.call("GET", "/keys", old).json()["items"][0]["id"]
    room.call("POST", f"/keys/{id}/rotate", old, {"grace": 60})
    room.call("POST", f"/keys/{id}/rotate", old, {"grace": 86_400})
    room.clock.offset += 61
    assert room.call("GET", "/keys", old).status_code == 401


def test_a_revoked_key_is_dead_at_once(room: Room) -> None:
    key = room.key(room.merchant(), "manage")
    id = room.call("GET", "/keys", key).json()["items"][0]["id"]
    assert room.call("DELETE", f"/keys/{id}", room.operator).status_code == 204
    assert room.call("DELETE", f"/keys/{id}", room.operator).status_code == 204
    assert room.call("GET", "/keys", key).status_code == 401


def test_nobody_else_touches_a_key(room: Room) -> None:
    key, other = room.key(room.merchant(), "manage"), room.key(room.merchant(), "manage")
    id = room.call("GET", "/keys", key).json()["items"][0]["id"]
    for answer in (room.call("DELETE", f"/keys/{id}", other), room.call("POST", f"/keys/{id}/rotate", other, {})):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-key")
    assert room.call("GET", "/keys", key).status_code == 200


def test_the_last_operator_key_stays(room: Room) -> None:
    refused = room.call("DELETE", "/keys/1", room.operator)
    assert (refused.status_code, refused.json()["code"]) == (409, "last-operator-key")
    new = room.call("POST", "/keys/1/rotate", room.operator, {"grace": 60}).json()
    # The rotated one runs out by itself, so the new one is the last.
    assert room.call("DELETE", f"/keys/{new['id']}", room.operator).json()["code"] == "last-operator-key"
    assert room.call("DELETE", "/keys/1", new["key"]).status_code == 204


def test_two_operators_cannot_revoke_each_other_at_once(room: Room) -> None:
    room.call("POST", "/keys", room.operator, {"scopes": ["admin"]})
    refused: list[str] = []

    def revoke(me: int, other: int) -> None:
        try:
            with room.db.begin() as session:
                room.keys.revoke(session, Caller(me, None, Scope.ADMIN), other, room.clock.now())
        except Exception as error:
            refused.append(str(error))

    together([partial(revoke, 1, 2), partial(revoke, 2, 1)])
    assert len(refused) == 1
    with room.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(ApiKey.revoked_at.is_(None))) == 1


@on_postgresql
def test_two_operators_who_revoke_each_other_do_not_wait_in_a_circle(room: Room) -> None:
    room.call("POST", "/keys", room.operator, {"scopes": ["admin"]})
    both = threading.Barrier(2)

    class Meeting(ApiKeys):
        def _operator_keys(self, session: Session, now: int) -> list[ApiKey]:
            both.wait(PATIENCE)
            return super()._operator_keys(session, now)

    def revoke(me: int) -> str:
        try:
            with room.db.begin() as session:
                Meeting().revoke(session, Caller(me, None, Scope.ADMIN), 3 - me, room.clock.now())
        except Problem as problem:
            return problem.refusal.code
        return ""

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(revoke, (1, 2))) == ["", "last-operator-key"]
