"""The client against a real HTTP server that behaves badly."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway.client import AsyncClient, Client, ProblemAnswer, Unreachable, calls, core
from gateway.client.types import ActionOut


@dataclass
class Server:
    """Gives the planned (status, headers, body) answers in turn; keeps what was asked. Status 0 hangs up."""

    url: str = ""
    plan: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(core, "PAUSES", (0.01, 0.01))
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.asked.append({"path": self.path, "method": self.command, "body": body, "headers": dict(self.headers)})
            status, headers, document = state.plan.pop(0)
            if status == 0:
                self.connection.close()
                return
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_a_write_keeps_its_idempotency_key_over_every_attempt(server: Server) -> None:
    server.plan = [(503, {}, {}), (0, {}, None), (202, {}, {"id": 7})]
    with Client(server.url, "loy_key") as client:
        assert client.report({"campaign": 1}, "receipt-1") == {"id": 7}
    assert [asked["headers"]["Idempotency-Key"] for asked in server.asked] == ["receipt-1"] * 3
    assert len({asked["body"] for asked in server.asked}) == 1
    assert server.asked[0]["headers"]["Authorization"] == "Bearer loy_key"


def test_a_fresh_key_is_the_same_over_all_attempts_of_one_write_and_new_for_the_next(server: Server) -> None:
    server.plan = [(503, {}, {}), (201, {}, {}), (201, {}, {})]
    with Client(server.url, "loy_key") as client:
        client.create_key(["codes"])
        client.create_key(["codes"])
    first, again, second = (asked["headers"]["Idempotency-Key"] for asked in server.asked)
    assert first == again != second


def test_a_refusal_is_not_tried_again_and_names_code_and_field(server: Server) -> None:
    server.plan = [(409, {}, {"code": "stale-nonce", "field": "nonce", "title": "Stale", "detail": "expected 3"})]
    with Client(server.url) as client, pytest.raises(ProblemAnswer) as caught:
        client.move({"kind": "leave"})
    assert (caught.value.code, caught.value.field, caught.value.status) == ("stale-nonce", "nonce", 409)
    assert len(server.asked) == 1
    assert "expected 3" in str(caught.value)


def test_holders_calls_carry_no_credentials_even_from_a_merchants_client(server: Server) -> None:
    server.plan = [(200, {}, {}), (200, {}, {"accounts": []}), (200, {}, {"items": []})]
    with Client(server.url, "loy_key") as client:
        client.claim("CODE", "0x00")
        client.wallet("0x00")
        client.inbox("0x00")
    assert all("Authorization" not in asked["headers"] for asked in server.asked)


def test_it_gives_up_after_the_last_attempt(server: Server) -> None:
    server.plan = [(0, {}, None)] * 3
    with Client(server.url) as client, pytest.raises(Unreachable):
        client.chain()
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "document"), [(200, "<html>"), (200, [1]), (404, "<html>"), (404, {"detail": "Not Found"}), (401, "")]
)
def test_another_server_at_the_url_is_told_as_that(server: Server, status: int, document: Any) -> None:
    """A page read as a document was an empty one: no campaigns, no balance."""
    server.plan = [(status, {}, document)]
    with Client(server.url) as client, pytest.raises(Unreachable, match=f"{server.url} is no gateway"):
        client.chain()


def test_a_problem_that_stays_is_told_after_the_last_attempt(server: Server) -> None:
    server.plan = [(503, {"Retry-After": "0"}, {"code": "busy", "title": "Busy"})] * 3
    with Client(server.url) as client, pytest.raises(ProblemAnswer, match="busy"):
        client.chain()


def test_nobody_waits_for_tomorrow(server: Server) -> None:
    server.plan = [(429, {"Retry-After": "80000"}, {"code": "orders-used-up", "title": "Used up"})]
    with Client(server.url) as client, pytest.raises(ProblemAnswer, match="orders-used-up"):
        client.chain()
    assert len(server.asked) == 1


def test_lists_are_read_to_their_end(server: Server) -> None:
    server.plan = [(200, {}, {"items": [{"id": 1}], "next": 1}), (200, {}, {"items": [{"id": 2}], "next": None})]
    with Client(server.url) as client:
        assert [item["id"] for item in client.items("/v1/offers", campaign=4)] == [1, 2]
    assert [asked["path"] for asked in server.asked] == ["/v1/offers?campaign=4", "/v1/offers?cursor=1&campaign=4"]


def test_lists_are_read_on_from_a_cursor(server: Server) -> None:
    server.plan = [(200, {}, {"items": [{"id": 5}], "next": 5}), (200, {}, {"items": [{"id": 6}], "next": None})]
    with Client(server.url) as client:
        assert [item["id"] for item in client.items("/v1/offers", cursor=4)] == [5, 6]
    assert [asked["path"] for asked in server.asked] == ["/v1/offers?cursor=4", "/v1/offers?cursor=5"]


def test_a_wallet_has_the_accounts_of_all_pages(server: Server) -> None:
    first = {"balance": 5, "accounts": [{"campaign": 1}], "next": 1}
    server.plan = [(200, {}, first), (200, {}, {"balance": 6, "accounts": [{"campaign": 2}], "next": None})]
    with Client(server.url) as client:
        assert client.wallet("0x00") == first | {"accounts": [{"campaign": 1}, {"campaign": 2}], "next": None}
    assert [asked["path"] for asked in server.asked] == ["/v1/wallets/0x00", "/v1/wallets/0x00?cursor=1"]


def test_both_clients_send_the_same_and_try_as_often(server: Server) -> None:
    request = calls.post_actions(
        {"campaign": 1, "kind": "visit", "occurred_at": 1_767_225_600, "wallet": "0x00"}, idempotency_key="till-1"
    )

    async def send() -> ActionOut:
        async with AsyncClient(server.url, "loy_key") as client:
            return await client.send(request)

    def send_and_wait() -> ActionOut:
        with Client(server.url, "loy_key") as client:
            return client.send(request)

    for answer in (send_and_wait, lambda: asyncio.run(send())):
        server.plan, server.asked = [(503, {}, {}), (0, {}, None), (202, {}, {"id": 7})], []
        assert answer()["id"] == 7
        assert [asked["headers"]["Idempotency-Key"] for asked in server.asked] == ["till-1"] * 3
        assert {asked["headers"]["Authorization"] for asked in server.asked} == {"Bearer loy_key"}
        assert {asked["path"] for asked in server.asked} == {"/v1/actions"}
        assert {json.loads(asked["body"])["kind"] for asked in server.asked} == {"visit"}


def test_lists_are_read_to_their_end_without_waiting_too(server: Server) -> None:
    server.plan = [(200, {}, {"items": [{"id": 1}], "next": 1}), (200, {}, {"items": [{"id": 2}], "next": None})]

    async def read() -> list[int]:
        async with AsyncClient(server.url) as client:
            return [item["id"] async for item in client.items(lambda cursor: calls.get_offers(cursor=cursor, limit=1))]

    assert asyncio.run(read()) == [1, 2]
    assert [asked["path"] for asked in server.asked] == ["/v1/offers?limit=1", "/v1/offers?cursor=1&limit=1"]
