"""privacy.md, 2: whatever is sent with or inside a request, nothing of it is found anywhere afterwards.

The gateway runs as README.md says, and logs all it can; PostgreSQL logs every statement that writes or fails, with its
values.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa

from gateway.chain.hexes import from_hex
from gateway.client import Json, ProblemAnswer
from gateway.core.db import Database
from gateway.core.durations import DAY
from tests.functional.house import House, done, gateway_command, open_house
from tests.functional.people import Holder, Merchant
from tests.functional.receiver import Receiver
from tests.functional.surface import Route, places, put, routes
from tests.privacy.canaries import CANARIES, NUMERIC
from tests.support.postgres import postgres_url, server

ROOT = Path(__file__).parents[2]
#: What a merchant is told of: everything that `live` does.
TOLD = {"batch.landed", "redemption.delivered", "code.used"}
#: Sent with every request, good or bad.
HEADERS = {
    "User-Agent": CANARIES["user agent"],
    "Referer": f"https://shop.example/?email={CANARIES['e-mail']}",
    "X-Forwarded-For": CANARIES["ip"],
    "X-Real-IP": CANARIES["ip"],
    "Forwarded": f"for={CANARIES['ip']}",
    "From": CANARIES["e-mail"],
    "X-Customer-Name": CANARIES["name"],
    "X-Phone": CANARIES["phone"],
    "X-Address": CANARIES["postal address"],
    "Traceparent": CANARIES["card"],
    "Origin": f"https://{CANARIES['e-mail']}",
    "Accept-Language": CANARIES["name"],
}
COOKIE = "; ".join(f"c{number}={quote(text)}" for number, text in enumerate(CANARIES.values()))
#: What merchants write for people to read is theirs and kept, and so is what they grant in one sum with a key that no
#: till has: those fields are the control, not the search.
OWN_TEXTS = {
    ("PUT /v1/campaigns/{id}/name", "name"),
    ("POST /v1/merchants", "name"),
    ("POST /v1/campaigns", "name"),
    ("POST /v1/campaigns", "terms"),
    ("POST /v1/campaigns", "rules"),
    ("POST /v1/campaigns/{id}/rules", "rules"),
    ("POST /v1/offers", "document"),
    ("POST /v1/campaigns/{id}/openings", "points"),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house of its own that logs all it can, every request to it bearing canaries in its headers."""
    url = postgres_url() if request.param == "postgresql" else f"sqlite:///{tmp_path / 'loyalty.db'}"
    if request.param == "postgresql":
        server().tell_writes(url)
    limits = {"LOYALTY_MAX_ORDERS": "2", "LOYALTY_MAX_SHARED_ORDERS": "0"}
    with open_house(tmp_path, url, {"LOYALTY_LOG_LEVEL": "debug"} | limits, HEADERS) as running:
        yield running
    if request.param == "postgresql":
        server().drop_database(url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's own server, told of everything that happens."""
    with Receiver() as running:
        yield running


# -------------------------------------------------------------------- sending


def live(house: House, receiver: Receiver) -> dict[str, str]:
    """A till and a holder do everything once, with canaries wherever something free can be written."""
    merchant, holder, guest = Merchant.join(house), Holder.fresh(house), Holder.fresh(house)
    done(merchant.call("POST", "/webhooks", {"url": receiver.url}), 201)
    campaign = merchant.campaign(settle_every=DAY)
    lines = [
        {"product": text[:64], "category": text[:64], "quantity": 1, "amount": 1_000} for text in CANARIES.values()
    ]
    sold: Json = {"campaign": campaign, "kind": "purchase", "occurred_at": int(time.time()), "lines": lines}
    cookie = {"Cookie": COOKIE}
    keys = [quote(text, safe="@+:.,") for text in CANARIES.values()]
    for key in keys:
        done(merchant.call("POST", "/actions", sold | {"wallet": holder.name}, once=key, headers=cookie), 202)
    code = done(merchant.call("POST", "/actions", sold | {"claim": True}, headers=cookie), 202)["claim"]["code"]
    done(house.call("POST", "/claims", {"code": code, "wallet": guest.name}))
    bulk = [sold | {"wallet": holder.name, "key": f"bulk-{key}"} for key in keys]
    assert {result["status"] for result in merchant.client.report_bulk(bulk)} == {202}
    done(merchant.call("POST", "/actions", refund(campaign, f"bulk-{keys[0]}"), once=f"refund-{keys[0]}"), 202)
    done(merchant.call("POST", f"/campaigns/{campaign}/settle"), 202)
    holder.until_points((2 * len(keys) - 1) * 1_000 * len(lines))
    guest.until_points(1_000 * len(lines))

    offer = merchant.offer(2_500, codes=2)
    received = holder.wallet.delivered(holder.wallet.order(offer["id"]))
    done(merchant.call("POST", "/codes/use", {"code": received.code}, once=keys[1]))
    holder.wallet.landed(holder.wallet.cash_out(1_000))
    with pytest.raises(ProblemAnswer, match="orders-used-up"):
        holder.wallet.send(guest.address, 100)
    stranger = Holder.fresh(house)
    guest.wallet.landed(guest.wallet.send(stranger.address, 100))
    with pytest.raises(ProblemAnswer, match="shared-orders-used-up"):
        stranger.wallet.send(guest.address, 100)
    house.until(lambda: receiver.types() >= TOLD, "webhooks arrive")
    return {
        "key": merchant.token,
        "id": str(campaign),
        "merchant_id": str(merchant.id),
        "address": holder.name,
        "version": "2",
        "offer": str(offer["id"]),
        "badge": "1",
    }


def refund(campaign: int, key: str) -> Json:
    return {"campaign": campaign, "kind": "refund", "occurred_at": int(time.time()), "refers_to_key": key}


def knock(house: House) -> None:
    """What is no HTTP request, or asks for another protocol: the server answers it before the gateway does."""
    path = f"/v1/wallets/x?{quote(CANARIES['e-mail'])}={quote(CANARIES['name'])}"
    headers = "".join(f"{name}: {text}\r\n" for name, text in HEADERS.items())
    other = "Connection: Upgrade\r\nUpgrade: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n"
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    for start, more in (
        ("GET {} HTTP/1.1", other.format("websocket", key)),
        ("GET {} HTTP/1.1", other.format(CANARIES["name"], key)),
        ("GET {} HTTP/9.9", ""),
        (CANARIES["name"] + " {}", "Content-Length: -1\r\n"),
    ):
        with socket.create_connection(("127.0.0.1", house.port), 10) as line:
            line.sendall(f"{start.format(path)}\r\nHost: here\r\n{headers}{more}\r\n".encode())
            assert line.recv(100).startswith(b"HTTP/1.1 4"), start


def sweep(house: House, values: dict[str, str]) -> int:
    """Every canary in every field, path, query and header of every route; how many requests that were."""
    count = 0
    for route in routes(house):
        for request in requests(route, values):
            headers = route.headers(house, values["key"]) | request.pop("headers", {})
            house.http.request(route.method, request.pop("url", route.url(values)), headers=headers, **request)
            count += 1
    return count


def requests(route: Route, values: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What is tried on one route."""
    body: dict[str, Any] = {"json": route.example} if route.media == "application/json" else {}
    for text in CANARIES.values():
        yield from around(route, values, text, body)
    if body:
        yield from inside(route)


def around(route: Route, values: dict[str, str], text: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A canary in the path, the query, the headers, or as a body that is none."""
    for name in route.names("path"):
        yield body | {"url": route.url(values, **{name: quote(text, safe="")})}
    yield body | {"url": f"{route.url(values)}?{quote(text)}={quote(text)}"}
    for name in route.names("query"):
        yield {"url": f"{route.url(values)}?{name}={quote(text)}"}
    for name in {*route.names("header"), "Authorization", "Cookie", "Content-Type"}:
        yield body | {"headers": {name: text}}
    if body:
        yield {"content": f'{{"{text}": "{text}"'.encode(), "headers": {"Content-Type": "application/json"}}
        yield {"json": {text: text}}


def inside(route: Route) -> Iterator[dict[str, Any]]:
    """A canary in each field."""
    for place in places(route.example):
        if (str(route), place[0]) not in OWN_TEXTS:
            for value in (*CANARIES.values(), *NUMERIC.values()):
                yield {"json": put(route.example, place, value)}


# ------------------------------------------------------------------ searching


def needles() -> dict[str, bytes]:
    """Every canary in every spelling in which it might be kept."""
    found: dict[str, bytes] = {}
    for name, text in CANARIES.items():
        raw = text.encode()
        spellings = {
            "as it is": raw,
            "lower case": raw.lower(),
            "upper case": raw.upper(),
            "quoted": quote(text).encode(),
            "quoted whole": quote(text, safe="").encode(),
            "in hex": raw.hex().encode(),
            "in base64": base64.b64encode(raw).rstrip(b"=")[:-1],
            "reversed": raw[::-1],
            "its middle": raw[2 : max(len(raw) - 2, 10)],
        }
        found |= {f"{name} {how}": spelling for how, spelling in spellings.items()}
    for name, number in NUMERIC.items():
        found[f"{name} in digits"] = str(number).encode()
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        if len(raw) > 4:  # four bytes are found in any large file
            found |= {f"{name} as integer": raw, f"{name} as little-endian integer": raw[::-1]}
    return found


def hits(where: str, content: bytes) -> list[str]:
    """Which canaries are in this, in which spelling."""
    return [f"{where}: {name}" for name, needle in needles().items() if needle in content]


def dump(house: House) -> dict[str, bytes]:
    """Every value of every table, read past our own column types; on SQLite the files themselves, too."""
    database = Database(house.database_url)
    found: dict[str, bytes] = {}
    with database.engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
            found[f"table {table}"] = b"\n".join(spelled(value) for row in rows for value in row)
    if database.sqlite:
        path = Path(str(database.url.database))
        for file in path.parent.glob(f"{path.name}*"):
            found[f"file {file.name}"] = file.read_bytes()
    database.dispose()
    return found


def spelled(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value) + b"\n" + bytes(value).hex().encode()
    return str(value).encode()


def ledger(house: House) -> bytes:
    """Calldata of every transaction and every event of the whole chain."""
    head = house.chain.reads.head().number
    parts: list[bytes] = []
    for first in range(0, head + 1, 200):
        wanted = [("eth_getBlockByNumber", [hex(n), True]) for n in range(first, min(first + 200, head + 1))]
        for block in house.rpc.strict_batch(wanted):
            parts += [from_hex(transaction["input"]) for transaction in block["transactions"]]
    for log in house.rpc.call("eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(head)}):
        parts += [from_hex(log["data"]), *map(from_hex, log["topics"])]
    assert len(parts) > 50
    return b"\n".join(parts)


def everywhere(house: House, receiver: Receiver) -> dict[str, bytes]:
    """All that is left of the requests."""
    told = b"\n".join(str(message.headers).encode() + message.body for message in receiver.messages)
    logs = {f"log {name}": path.read_bytes() for name, path in house.logs.items()}
    pages = {path: house.http.get(path).content for path in ("/metrics", "/ready", "/openapi.json")}
    if "postgresql" in house.database_url:
        logs["log PostgreSQL"] = server().log
    return dump(house) | logs | pages | {"chain": ledger(house), "webhooks": told}


@pytest.mark.timeout(900)
def test_nothing_of_a_request_stays(house: House, receiver: Receiver) -> None:
    values = live(house, receiver)
    assert sweep(house, values) > 1_000
    knock(house)
    live(house, receiver)  # and the house still works
    places_searched = everywhere(house, receiver)
    assert len(places_searched["table actions"]) > 1_000
    assert len(places_searched["log worker"]) > 0
    assert values["id"].encode() in places_searched["webhooks"]
    assert b"INSERT INTO moves" in places_searched.get("log PostgreSQL", b"INSERT INTO moves")
    found = [hit for where, content in places_searched.items() for hit in hits(where, content)]
    assert not found, "\n".join(found)
    the_search_finds_what_is_there(house, receiver)


def the_search_finds_what_is_there(house: House, receiver: Receiver) -> None:
    """The control: a merchant's own text, and a stranger's transaction, with a canary in it."""
    text = CANARIES["name"]
    address = Holder.fresh(house).name
    done(house.call("POST", "/merchants", {"name": text, "address": address}, key=house.token), 201)
    house.bank.do("canary sent", secrets.token_bytes(20), CANARIES["e-mail"].encode())
    httpx.post(receiver.url, content=CANARIES["phone"])
    after = everywhere(house, receiver)
    assert "table merchants: name as it is" in hits("table merchants", after["table merchants"])
    assert "webhooks: phone as it is" in hits("webhooks", after["webhooks"])
    if "log PostgreSQL" in after:
        assert "log: name as it is" in hits("log", after["log PostgreSQL"])
    assert "chain: e-mail as it is" in hits("chain", after["chain"])


def test_the_gateway_was_started_as_the_readme_says() -> None:
    command = " ".join(gateway_command(8000))
    assert "uvicorn --factory gateway.app:create" in (ROOT / "README.md").read_text()
    assert command.endswith("uvicorn --factory gateway.app:create --port 8000")


@pytest.mark.parametrize("name", CANARIES)
def test_every_canary_would_be_found(name: str) -> None:
    """In a log line, in a JSON document and in a column of bytes."""
    text = CANARIES[name]
    for content in (f"GET /x from {text}", json.dumps({"a": text}), text.encode().hex(), quote(text)):
        assert hits("here", content.encode()), content
