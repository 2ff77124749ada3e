"""Bad input to every route: a problem with a known code, never a stack trace, never a half-done thing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway import app
from gateway.core.problems import REGISTRY
from tests.functional.house import House, done
from tests.functional.people import Holder, Merchant
from tests.functional.surface import Route, places, put, routes

assert app, "importing it declares every refusal"

DEEP = 5_000
VALUES: list[Any] = [
    None,
    -1,
    0,
    2**63,
    10**40,
    1.5,
    float("nan"),
    True,
    "",
    "x" * 70_000,
    "\u0000",
    "\ud800",
    "\u202e💥ß",
    "'; DROP TABLE actions; --",
    "${jndi:ldap://127.0.0.1/x}",
    [],
    {},
]
BODIES: list[bytes] = [
    b"",
    b"null",
    b"{",
    b"[]",
    b'"text"',
    b"NaN",
    b"-0",
    b"1" * 6_000,
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b'{"id":1,"id":2}',
    b"%PDF-1.7",
    b"code\n" + b"A" * 200_000,
]
MEDIA = [
    "text/plain",
    "application/xml",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "application/problem+json",
    "nonsense",
]
IN_PATH = [
    "-1",
    "0",
    "1.5",
    "NaN",
    "abc",
    "%00",
    "%F0%9F%92%A5",
    "%2e%2e%2fetc",
    "9" * 40,
    "0x" + "f" * 40,
    "A" * 3_000,
]
IN_QUERY = ["-1", "1.5", "NaN", "abc", "%00", "%F0%9F%92%A5", "9" * 40, "", "201", "x" * 5_000]
IN_HEADER = [
    b"",
    b"\xff\xfe",
    b"x" * 3_000,
    b"Basic eDp5",
    b"Bearer",
    b"Bearer \xc3\xa9",
    b"0.0x",
    b"1.0x" + b"0" * 130,
]
#: All that may be taken in a body, reviewed: (route, place, start of the value).
TAKEN = {
    # Names and categories are text of the merchant's own; SQL and templates in them mean nothing.
    ("POST /v1/merchants", "name", "'; DROP TABLE"),
    ("PUT /v1/campaigns/{id}/name", "name", "'; DROP TABLE"),
    ("PUT /v1/campaigns/{id}/name", "name", "${jndi:ldap:/"),
    ("POST /v1/campaigns/{id}/rules", "rules.0.except_categories.0", "'; DROP TABLE"),
    ("POST /v1/campaigns/{id}/rules", "rules.0.except_categories.0", "${jndi:ldap:/"),
    ("POST /v1/campaigns/{id}/rules/preview", "rules.0.except_categories.0", "'; DROP TABLE"),
    ("POST /v1/campaigns/{id}/rules/preview", "rules.0.except_categories.0", "${jndi:ldap:/"),
    # null is as good as left out where a field need not be there.
    ("POST /v1/keys", "merchant_id", "None"),
    ("POST /v1/campaigns/{id}/rules", "rules.0.except_categories", "None"),
    ("POST /v1/campaigns/{id}/rules/preview", "rules.0.except_categories", "None"),
    ("POST /v1/campaigns/{id}/welcome-codes", "valid_until", "None"),
    # At once, on a local chain.
    ("PUT /v1/campaigns/{id}/settlement", "settle_every", "0"),
    # Told only when no code is left.
    ("PUT /v1/offers/{id}/codes", "low_stock", "0"),
}
LEAKS = (
    "Traceback",
    'File "',
    "site-packages",
    "sqlalchemy",
    "psycopg",
    "sqlite3",
    "gateway/",
    "pydantic",
    "DROP TABLE",
    "jndi",
)


@dataclass
class Prober:
    """Sends requests and keeps what was wrong with the answers."""

    house: House
    key: str
    values: dict[str, str]
    wrong: list[str]
    count: int = 0

    def send(self, route: Route, what: str, url: str | None = None, **request: Any) -> httpx.Response:
        headers = route.headers(self.house, self.key) | request.pop("headers", {})
        answer = self.house.http.request(route.method, url or route.url(self.values), headers=headers, **request)
        self.count += 1
        if problem := fault(answer):
            self.wrong.append(f"{route} {what}: {answer.status_code} {problem}: {answer.text[:200]}")
        return answer


def fault(answer: httpx.Response) -> str | None:
    """What is wrong with an answer, whatever was asked."""
    if answer.status_code >= 500:
        return "server error"
    if any(leak in answer.text for leak in LEAKS) and answer.status_code >= 400:
        return "leaks"
    if answer.status_code < 400:
        return None
    if answer.headers.get("content-type") != "application/problem+json":
        return "no problem document"
    problem = answer.json()
    if problem.get("code") not in REGISTRY or problem["status"] != answer.status_code:
        return "unknown code"
    return "too long" if len(answer.text) > 1_000 else None


def took(answer: httpx.Response) -> bool:
    """Whether the gateway did what was asked; of a bulk call, any part of it."""
    if not answer.is_success:
        return False
    results = answer.json().get("results")
    return results is None or any(
        result.get("status", 200) < 400 and result.get("outcome") != "refused" for result in results
    )


def test_the_check_can_fail() -> None:
    problem = {"code": "not-found", "status": 404}
    media = {"content-type": "application/problem+json"}
    assert fault(httpx.Response(404, json=problem, headers=media)) is None
    assert fault(httpx.Response(500, json=problem, headers=media)) == "server error"
    assert fault(httpx.Response(404, json=problem)) == "no problem document"
    assert fault(httpx.Response(422, json=problem, headers=media)) == "unknown code"
    assert fault(httpx.Response(404, json={**problem, "code": "oops"}, headers=media)) == "unknown code"
    assert fault(httpx.Response(400, text='File "gateway/app.py", line 1')) == "leaks"
    assert took(httpx.Response(201, json={"id": 1}))
    assert took(httpx.Response(200, json={"results": [{"status": 422}, {"status": 202}]}))
    assert took(httpx.Response(200, json={"results": [{"outcome": "refused"}, {"outcome": "used"}]}))
    assert not took(httpx.Response(200, json={"results": [{"status": 422}, {"outcome": "refused"}]}))
    assert not took(httpx.Response(409, json={}))


@pytest.fixture(scope="module")
def surface(house: House) -> list[Route]:
    return routes(house)


@pytest.fixture
def prober(house: House, shop: dict[str, str]) -> Iterator[Prober]:
    prober = Prober(house, shop["key"], shop, [])
    yield prober
    assert prober.count > 0, "something was tried"
    assert not prober.wrong, f"{len(prober.wrong)} of {prober.count}:\n" + "\n".join(prober.wrong[:40])
    assert all(process.poll() is None for process in house.running.values())
    assert "request.failed" not in house.logs["gateway"].read_text()


@pytest.fixture(scope="module")
def shop(house: House) -> dict[str, str]:
    """Real ids for the paths, and a merchant's key."""
    merchant = Merchant.join(house)
    campaign, offer = merchant.campaign(), merchant.offer(2_500, codes=1)
    return {
        "key": merchant.token,
        "id": str(campaign),
        "merchant_id": str(merchant.id),
        "address": Holder.fresh(house).name,
        "offer": str(offer["id"]),
        "badge": "1",
        "version": "1",
    }


def with_bodies(surface: list[Route]) -> list[Route]:
    found = [route for route in surface if route.media]
    assert len(found) > 12
    return found


def test_every_field_of_every_body(prober: Prober, surface: list[Route]) -> None:
    taken = set()
    for route in with_bodies(surface):
        if route.media != "application/json":
            continue
        example = real(route.example, prober.values)
        for place in places(example):
            for value in VALUES:
                body = json.dumps(put(example, place, value)).encode()
                what = f"{place} = {str(value)[:30]!r}"
                answer = prober.send(route, what, content=body, headers={"Content-Type": "application/json"})
                if took(answer):
                    taken.add((str(route), ".".join(map(str, place)), str(value)[:13]))
        extra = json.dumps({**example, "surprise": 1} if isinstance(example, dict) else 1).encode()
        answer = prober.send(route, "surprise", content=extra, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), f"{route}: {answer.text}"
    assert taken == TAKEN


def real(example: Any, values: dict[str, str]) -> Any:
    """The published example with a campaign, an offer and a wallet that exist, so that more than the shape is tried."""
    if not isinstance(example, dict):
        return example
    known = {"campaign": int(values["id"]), "offer": int(values["offer"]), "wallet": values["address"]}
    return {name: known.get(name, value) for name, value in example.items()}


def test_every_body_as_a_whole(prober: Prober, surface: list[Route]) -> None:
    for route in with_bodies(surface):
        for number, body in enumerate(BODIES):
            prober.send(route, f"body {number}", content=body, headers={"Content-Type": route.media or ""})
        for media in MEDIA:
            body = json.dumps(route.example).encode()
            prober.send(route, f"as {media}", content=body, headers={"Content-Type": media})
        prober.send(route, "without content type", content=json.dumps(route.example).encode())


def test_every_parameter(prober: Prober, surface: list[Route]) -> None:
    for route in surface:
        body = {"json": route.example} if route.media == "application/json" else {}
        for name in route.names("path"):
            for value in IN_PATH:
                url = route.url(prober.values, **{name: value})
                prober.send(route, f"{name} = {value[:20]}", url=url, **body)
        for name in route.names("query"):
            for value in IN_QUERY:
                prober.send(route, f"?{name}={value[:20]}", url=f"{route.url(prober.values)}?{name}={value}")
        for name in {*route.names("header"), "Authorization"}:
            for raw in IN_HEADER:
                prober.send(route, f"{name}: {raw[:20]!r}", headers={name: raw}, **body)


def test_every_method_that_is_not_there(prober: Prober, surface: list[Route]) -> None:
    known: dict[str, set[str]] = {}
    for route in surface:
        known.setdefault(route.path, set()).add(route.method)
    for route in surface:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - known[route.path]:
            answer = prober.house.http.request(method, route.url(prober.values))
            prober.count += 1
            # 401 and 422: another route's path has a parameter that this one fits.
            if answer.status_code not in (401, 404, 405, 422) or fault(answer):
                prober.wrong.append(f"{method} {route.path}: {answer.status_code}")
    for path in ("/", "/v1", "/v1/nothing", "/v2/actions", "/v1/wallets/", "/..%2f..%2fetc/passwd", "/.env"):
        answer = prober.house.http.get(path)
        assert answer.status_code in (404, 422), path
        assert fault(answer) is None, path


def test_a_body_that_is_too_large(prober: Prober, surface: list[Route]) -> None:
    route = next(route for route in surface if str(route) == "POST /v1/actions/bulk")
    answer = prober.send(route, "17 MB", content=b"[" + b" " * (17 * 2**20))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_no_secured_route_answers_without_a_key(house: House, surface: list[Route], shop: dict[str, str]) -> None:
    secured = [route for route in surface if route.secured]
    assert len(secured) > 20
    for route in secured:
        body = {"json": route.example} if route.media == "application/json" else {}
        answer = house.http.request(route.method, route.url(shop), headers={"Idempotency-Key": "k"}, **body)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), str(route)


def test_who_brings_no_key_keeps_no_till_waiting(house: House, merchant: Merchant) -> None:
    """One client holds more places than there are, with bodies that never end."""
    campaign = merchant.campaign()
    with ExitStack() as stack:
        url = stack.enter_context(house.another_gateway({"LOYALTY_MAX_REQUESTS": "40"}))
        lines = stack.enter_context(ExitStack())

        def full() -> bool:
            """What asks takes a place for a moment, so that one of the lines may find none: then they come again."""
            for number in range(60):
                line = lines.enter_context(socket.create_connection(("127.0.0.1", urlsplit(url).port), 10))
                key = ("", "Authorization: Bearer loy_made-up\r\n")[number % 2]
                start = f"POST /v1/claims HTTP/1.1\r\nHost: here\r\n{key}Content-Length: 99\r\n"
                line.sendall(f"{start}Content-Type: application/json\r\n\r\n{{".encode())
            return house.call("GET", "/chain", at=url).status_code == 429

        house.until(full, "strangers' places are taken")
        for _ in range(10):
            action = merchant.purchase(campaign, 1_000, wallet=Holder.fresh(house).name)
            done(merchant.call("POST", "/actions", action, at=url), 202)
        done(merchant.call("GET", f"/campaigns/{campaign}", at=url))
        lines.close()
        house.until(lambda: house.call("GET", "/chain", at=url).status_code == 200, "their places are free again")


def test_the_house_still_works(house: House, merchant: Merchant) -> None:
    """After all of that."""
    campaign = merchant.campaign()
    holder = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 1_000, wallet=holder.name)), 202)
    holder.until_points(1_000)
