"""Merchants' servers in a storm: they take webhooks, and fail, hang, cut off and come back as servers do.

Whatever is heard is kept, with what was answered. In the end each merchant's lasting webhook must have taken every
message that the gateway calls delivered, each under one id and signed, and those that chain and book say were due.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import sqlalchemy as sa

from gateway.chain.hexes import from_hex
from gateway.commands.audit_books import Books
from gateway.core.db import Database
from gateway.messaging.models import Delivery, DeliveryState, Endpoint
from gateway.messaging.signing import public_id
from tests.functional.house import done
from tests.functional.people import Merchant
from tests.storm.book import Book, has_code
from tests.storm.town import Town

#: Seconds that a server hangs at most; it may still hear of a removed webhook so long after: from a worker that was
#: paused while it sent.
HANGS, ECHO = 18.0, 40.0
#: How codes of the second merchant begin.
SECONDS = "CODE"


class Heard(NamedTuple):
    at: float
    path: str
    headers: dict[str, str]
    body: str
    #: What was answered; 0: nothing.
    status: int

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def about(self) -> tuple[str, Any]:
        """Type, and what it tells of."""
        told = json.loads(self.body)
        data = told["data"]
        return told["type"], (data["campaign"], data["number"]) if "number" in data else next(iter(data.values()))


class Hooks:
    """One server for all; `mood` is how it is: well, fails, hangs, drops, forgets (takes it and says that it failed)
    or gone, which only passing webhooks say: it ends them."""

    def __init__(self) -> None:
        self.mood = "well"
        self.heard: list[Heard] = []
        #: By path: the secret of each webhook, and when it was removed.
        self.secrets: dict[str, str] = {}
        self.removed: dict[str, float] = {}
        #: The merchants' webhooks that stay.
        self.lasting: dict[int, str] = {}
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length).decode()
                if len(body.encode()) < length:  # a worker that was killed while it sent: nothing was told
                    return
                status = hooks._answer(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                hooks.heard.append(Heard(time.monotonic(), self.path, headers, body, status))
                if status:
                    with contextlib.suppress(OSError):
                        self.send_response(status)
                        self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def listen(self, merchant: Merchant) -> None:
        """Registers the merchant's lasting webhook."""
        path = f"/lasting/{merchant.id}"
        answer = done(merchant.call("POST", "/webhooks", {"url": self.url(path)}), 201)
        self.lasting[merchant.id], self.secrets[path] = path, answer["secret"]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def _answer(self, path: str) -> int:
        mood = self.mood
        if mood == "hangs":
            until = time.monotonic() + HANGS
            while self.mood == "hangs" and time.monotonic() < until:
                time.sleep(0.1)
            return 204
        if mood == "gone":
            return 410 if path not in self.lasting.values() else 204
        return {"fails": 500, "forgets": 503, "drops": 0}.get(mood, 204)

    # -------------------------------------------------------------- the reckoning

    def differences(self, town: Town, database: Database, book: Book, books: Books) -> Iterator[str]:
        """What the merchants were told that they should not, and what they were not told."""
        yield from self._forged()
        late = [heard for heard in self.heard if heard.at > self.removed.get(heard.path, heard.at) + ECHO]
        yield from (f"{heard.path} heard of {heard.id} after it was removed" for heard in late)
        for place, merchant in enumerate(town.merchants):
            path = self.lasting[merchant.id]
            taken = {heard.id: heard.about for heard in self.heard if heard.path == path and heard.status == 204}
            yield from self._untold(database, path, taken.keys())
            told: defaultdict[str, set[Any]] = defaultdict(set)
            for kind, what in taken.values():
                told[kind].add(what)
            due = {"statistics.released": book.labels(place), "redemption.delivered": _redeemed(book, merchant.address)}
            due["batch.landed"] = {(c, n) for c, state in books.campaigns.items() if not place for n in state.landed}
            for kind, wanted in due.items():
                if missing := wanted - told[kind]:
                    yield f"merchant {merchant.id} was never told {kind} of {sorted(missing)[:5]}"
            used = sum(code.startswith(SECONDS) == bool(place) for code in book.used)
            if len(told["code.used"]) != used:
                yield f"merchant {merchant.id} was told of {len(told['code.used'])} used codes instead of {used}"

    def _forged(self) -> Iterator[str]:
        """Each message is signed with its webhook's secret, and an id stands for one thing."""
        known: dict[str, tuple[str, Any]] = {}
        for heard in self.heard:
            if known.setdefault(f"{heard.path} {heard.id}", heard.about) != heard.about:
                yield f"{heard.id} stands for two things at {heard.path}"
            if heard.path not in self.secrets:
                yield f"{heard.path} is nobody's"
            elif heard.headers["webhook-signature"] != _signature(self.secrets[heard.path], heard):
                yield f"{heard.id} is not signed by the secret of {heard.path}"

    def _untold(self, database: Database, path: str, taken: Collection[str]) -> Iterator[str]:
        mine = sa.select(Delivery).join(Endpoint).where(Endpoint.url == self.url(path))
        with database.read() as session:
            for row in session.scalars(mine):
                id = public_id(row.message_id)
                if row.state != DeliveryState.DELIVERED:
                    yield f"{id} of {path} is {row.state.name}"
                elif id not in taken:
                    yield f"{id} is called delivered and was never taken at {path}"


def _redeemed(book: Book, merchant: bytes) -> set[int]:
    orders = book.redemptions.items()
    return {id for id, order in orders if has_code(order.answer) and from_hex(order.merchant) == merchant}


def _signature(secret: str, heard: Heard) -> str:
    """As Standard Webhooks says, not by the library that signed it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = f"{heard.id}.{heard.headers['webhook-timestamp']}.{heard.body}"
    return "v1," + base64.b64encode(hmac.digest(key, told.encode(), hashlib.sha256)).decode()
