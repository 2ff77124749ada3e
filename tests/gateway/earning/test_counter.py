"""What comes the short way is answered as the route answers it that FastAPI declares."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.loyalty.earning import wire
from gateway.loyalty.earning.models import Action
from gateway.web.guard import Guard
from tests.gateway.earning.conftest import Room, wallet

JSON = "application/json"
#: How an API key may be written after its scheme.
SPELLINGS = ("{}", " {}", "\t{}", "{}  ", "{}\t", "\xa0{}", "{}\x85", "{} {}", "", " ", "x{}")
#: Bodies around one purchase; `%s` is its fields.
BODIES = (
    "{%s}",
    " {%s}\r\n",
    "\ufeff{%s}",
    '{%s, "amount": 7}',
    '{"amount": -1, %s}',
    '{%s, "amount": 7.0}',
    '{%s, "am\\u006funt": 8}',
    '{%s, "amount": NaN}',
    '{%s, "amount": 1e2}',
    '{%s, "amount": -0}',
    '{%s, "amount": "7"}',
    '{%s, "amount": true}',
    '{%s, "campaign": 18446744073709551617}',
    '{%s, "campaign": 9007199254740993}',
    '{%s, "action": "\\ud800"}',
    '{%s, "\\ud800": 1}',
    "{%s} {}",
    "{%s}\x00",
    "{%s,}",
    "[{%s}]",
    "",
)
TYPES = (JSON, "APPLICATION/JSON ;x", "application/json;charset=utf-16", "application/vnd.till+json", "text/plain", "")


@pytest.fixture
def plain(room: Room) -> TestClient:
    """The room without its short ways."""
    return TestClient(_without_ways(room))


def _without_ways(room: Room) -> ASGIApp:
    layers = FastAPI.build_middleware_stack(cast(FastAPI, room.http.app))
    guarded: ASGIApp = Guard(layers, max_body=2**24)
    return guarded


def told(room: Room, http: TestClient, path: str, body: bytes, headers: dict[str, bytes]) -> tuple[Any, ...]:
    """Status, headers and body of the answer, without what no two answers share, and what was taken."""
    before = taken(room)
    answer = http.post(path, content=body, headers={name.encode(): value for name, value in headers.items()})
    text = re.sub(r'"(id|code)":("[A-Z2-7]{26}"|\d+)', r'"\1":0', answer.text)
    names = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return answer.status_code, names, text, taken(room) - before


def taken(room: Room) -> int:
    with room.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Action)) or 0


def cases(room: Room) -> Iterator[tuple[str, bytes, dict[str, bytes]]]:
    """Path, body and headers; `@` is what differs between the two ways: part of a key."""
    fields = f'"campaign": 1, "kind": "purchase", "occurred_at": {room.clock.now()}, "wallet": "{wallet(1)}"'
    good = f'{{{fields}, "amount": 100}}'
    for number, spelling in enumerate(SPELLINGS):
        bearer = f"Bearer {spelling.replace('{}', room.key)}".encode("latin-1")
        yield "/v1/actions", good.encode(), {"Authorization": bearer, "Idempotency-Key": b"@spelled-%d" % number}
    for token in keys(room):
        yield "/v1/actions", good.encode(), {"Authorization": f"bearer {token}".encode(), "Idempotency-Key": b"@k"}
    for number, body in enumerate(BODIES):
        content = (body % f'{fields}, "amount": 100' if "%s" in body else body).encode()
        yield "/v1/actions", content, {"Idempotency-Key": b"@body-%d" % number}
        item = content.removeprefix(b"{").join([b'{"actions": [{"key": "@item-%d", ' % number, b"]}"])
        yield "/v1/actions/bulk", item, {}
    for number, kind in enumerate(TYPES):
        yield "/v1/actions", good.encode(), {"Content-Type": kind.encode(), "Idempotency-Key": b"@type-%d" % number}
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
        yield "/v1/actions", good.encode(encoding), {"Idempotency-Key": b"@" + encoding.encode()}
    for key in (b"", b"a b", b"\xc3\xa9", b"@" * 200, b"x" * 201):
        yield "/v1/actions", good.encode(), {"Idempotency-Key": key}


def keys(room: Room) -> list[str]:
    """API keys that may not report."""
    now = room.clock.now()
    with room.db.begin() as session:
        operator = ApiKeys().issue(session, None, Scope.ADMIN, now)
        manager = ApiKeys().issue(session, room.merchant, Scope.MANAGE, now)
        revoked = ApiKeys().issue(session, room.merchant, Scope.ACTIONS, now)
        revoked.key.revoked_at = now
        expired = ApiKeys().issue(session, room.merchant, Scope.ACTIONS, now)
        expired.key.expires_at = now
    issued = [key.token for key in (operator, manager, revoked, expired)]
    return [*issued, "loy_0000000000000000_" + "A" * 43, "loy_x"]


def test_both_ways_tell_the_same(room: Room, plain: TestClient) -> None:
    room.campaign()
    usual = {"Authorization": f"Bearer {room.key}".encode(), "Content-Type": JSON.encode()}
    seen = set()
    for path, body, headers in cases(room):
        ways = [
            told(
                room,
                http,
                path,
                body.replace(b"@", mark),
                {k: v.replace(b"@", mark) for k, v in (usual | headers).items()},
            )
            for mark, http in ((b"s", room.http), (b"p", plain))
        ]
        short, long = (
            [*way[:2], way[2].replace(f'"key":"{mark}', '"key":"@'), way[3]]
            for mark, way in zip("sp", ways, strict=True)
        )
        assert short == long, (path, body, headers)
        seen.add((path, short[0], short[3]))
    assert {("/v1/actions", 202, 1), ("/v1/actions", 401, 0), ("/v1/actions", 403, 0)} <= seen
    assert {("/v1/actions", 422, 0), ("/v1/actions", 400, 0), ("/v1/actions/bulk", 200, 1)} <= seen


def test_a_large_call_does_not_hold_up_everybody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words for a thousand reports take a second: in the event loop nobody else would hear anything meanwhile."""
    room.campaign()
    threads: list[int] = []
    encode = wire.bulk_bytes

    def watched(*args: Any) -> bytes:
        threads.append(threading.get_ident())
        return encode(*args)

    monkeypatch.setattr(wire, "bulk_bytes", watched)
    sold = {"key": "a", "campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "wallet": wallet(1)}
    body = json.dumps({"actions": [sold | {"amount": 100}], "explain": True})
    headers = {"Authorization": f"Bearer {room.key}", "Content-Type": JSON}

    async def ask() -> int:
        transport = httpx.ASGITransport(room.http.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            return (await http.post("/v1/actions/bulk", content=body, headers=headers)).status_code

    assert asyncio.run(ask()) == 200
    assert len(threads) == 1
    assert threads != [threading.get_ident()]
