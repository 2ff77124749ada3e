"""Processes kill themselves between any two steps, at every place that the code names; nothing is lost, nothing twice.

Docs: docs/decisions/0100-places-to-die.md. All places share one house a database: what one death leaves behind is part
of what the next worker finds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.chain.hexes import to_hex
from gateway.client import Json
from tests.functional.house import done, refused
from tests.functional.people import Holder, Merchant
from tests.functional.till import refund
from tests.storm.fleet import Fleet, answers
from tests.support import forks
from tests.support.processes import free_port
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
DAY = 86_400
POINTS = 1_000
#: What one key may give alone, and what it may not.
GIFT, LARGE = 400, 10_000

RELAYED = ("signed", "saved", "sent", "mined", "settled")
PURPOSES = ("award", "clawback", "redeem", "move", "badge")
#: Numbers of badges, each of which everybody may ask for once.
BADGES = (1, 2, 3)
BADGED: Json = {
    "rules": [{"kind": "per_visit", "points": 100}],
    "challenges": [{"id": "came", "period": "campaign", "points": 0}],
    "badges": [{"number": number, "name": "Guest", "goal": "came"} for number in BADGES],
}
#: Place in the worker → the walk that leads there.
IN_WORKER = [
    *((f"{place}.{walk}", walk) for place in ("folded", "batched") for walk in ("award", "clawback")),
    *((f"submitted.{walk}", walk) for walk in ("redeem", "move", "badge")),
    *((f"{place}.{walk}", walk) for walk in PURPOSES for place in RELAYED),
    ("indexed.award_landed", "award"),
    ("indexed.clawback_landed", "clawback"),
    ("indexed.redeemed", "redeem"),
    ("indexed.token_order", "move"),
    ("indexed.badge", "badge"),
    *((f"{place}.ledger", walk) for place in ("applied", "credited") for walk in PURPOSES),
    *((f"{place}.earning", walk) for place in ("applied", "credited") for walk in ("award", "clawback")),
    *((f"{place}.redemptions", "redeem") for place in ("applied", "credited")),
    *((f"{place}.moves", "move") for place in ("applied", "credited")),
    *((f"{place}.badges", "badge") for place in ("applied", "credited")),
    *((f"{place}.early", "early") for place in ("folded", "batched")),
    ("told.messaging_batch", "award"),
    ("told.redemptions_tx_done", "redeem"),
    ("told.messaging_redemption", "redeem"),
    ("told.badges_tx_done", "badge"),
    ("told.messaging_badges", "badge"),
]
#: Place in the HTTP process → the request that leads there.
IN_GATEWAY = [
    *((f"{place}.{what}", what) for place in ("taken", "accepted") for what in ("action", "redeem", "move", "badge")),
    *((f"{place}.early", "early") for place in ("taken", "accepted")),
    *((f"{place}.grant", what) for place in ("taken", "accepted") for what in ("adjustment", "approval")),
    *((f"{place}.balances", "opening") for place in ("taken", "accepted")),
    *(("accepted.claim", what) for what in ("claim", "welcome")),
]
#: Place on the way of a large file of codes → whether its answer stands then.
OF_CODES = {"staged": False, "staged:2": False, "taken": False, "decided": True, "ended": True, "accepted": True}
#: One part and a bit.
CODES = 10_050
CSV = {"Content-Type": "text/csv"}


@dataclass
class Town:
    """Everybody who takes part, and what each must have in the end."""

    fleet: Fleet
    merchant: Merchant
    campaign: int
    held: int
    badged: int
    #: A campaign that settles once a day, but for who asks.
    daily: int
    offer: Json
    holders: list[Holder]
    #: Purchases that landed in the campaign with a hold, to be refunded.
    landed: list[tuple[Holder, Json]]
    #: The owner's second key; an opening that it approved, and the code of a welcome.
    second: str
    opening: int
    welcome: str
    balances: Counter[bytes] = field(default_factory=Counter)
    pending: Counter[bytes] = field(default_factory=Counter)
    moves: list[int] = field(default_factory=list)
    redemptions: list[tuple[Holder, int]] = field(default_factory=list)
    badges: dict[bytes, list[int]] = field(default_factory=dict)
    _next: int = 0

    def send(self, walk: str) -> None:
        """One report or order of this walk, answered."""
        method, path, body, key, once, after = getattr(self, f"_{walk}")()
        after(_told(self.fleet.call(method, path, body, key=key, once=once)))

    def send_twice(self, walk: str, die: str) -> None:
        """The same request to an HTTP process that dies of it, and to another one."""
        method, path, body, key, once, after = getattr(self, f"_{walk}")()
        port = free_port()
        process = self.fleet.serve("dying", port, crash_at=die)
        with pytest.raises(httpx.TransportError):
            self.fleet.call(method, path, body, key=key, once=once, at=f"http://127.0.0.1:{port}")
        assert process.wait(PATIENCE) == -signal.SIGKILL, self.fleet.tails()
        first, again = (_told(self.fleet.call(method, path, body, key=key, once=once)) for _ in range(2))
        assert first == again
        after(first)

    # --------------------------------------------------------------- requests

    def _holder(self) -> Holder:
        self._next += 1
        return self.holders[self._next % len(self.holders)]

    def _award(self) -> Any:
        holder = self._holder()
        body = self.merchant.purchase(self.campaign, 700, wallet=holder.name)
        return self._report(body, lambda answer: self._got(holder, answer["points"]))

    _action = _award

    def _clawback(self) -> Any:
        holder, purchase = self.landed.pop()
        self.pending[holder.address] -= purchase["points"]
        return self._report(refund(self.held, purchase), lambda answer: None)

    def _claim(self) -> Any:
        issued = done(self.merchant.report(self.merchant.purchase(self.campaign, 300, claim=True)), 202)
        holder = self._holder()
        body = {"code": issued["claim"]["code"], "wallet": holder.name}

        return "POST", "/claims", body, None, None, lambda answer: self._got(holder, answer["points"])

    def _adjustment(self) -> Any:
        self._next += 1
        holder = self._holder()
        body = {"wallet": holder.name, "points": GIFT, "reason": "goodwill"}
        path, once = f"/campaigns/{self.campaign}/adjustments", f"gift-{self._next}"
        return "POST", path, body, self.merchant.token, once, lambda answer: self._got(holder, answer["points"])

    def _approval(self) -> Any:
        holder = self._holder()
        body = {"wallet": holder.name, "points": LARGE, "reason": "goodwill"}
        asked = done(self.merchant.call("POST", f"/campaigns/{self.campaign}/adjustments", body), 201)
        assert asked["state"] == "waiting"
        path = f"/grants/{asked['id']}/approve"
        return "POST", path, None, self.second, None, lambda answer: self._got(holder, answer["points"])

    def _opening(self) -> Any:
        holder, path = self._newcomer(), f"/grants/{self.opening}/balances"
        body = {"balances": [{"wallet": holder.name, "points": GIFT}]}
        return "POST", path, body, self.merchant.token, None, lambda answer: self._got(holder, GIFT)

    def _welcome(self) -> Any:
        holder = self._newcomer()
        body = {"code": self.welcome, "wallet": holder.name}
        return "POST", "/claims", body, None, None, lambda answer: self._got(holder, answer["points"])

    def _early(self) -> Any:
        holder = self._newcomer()
        done(self.merchant.report(self.merchant.purchase(self.daily, 700, wallet=holder.name)), 202)
        path, body = f"/wallets/{holder.name}/settlements", holder.wallet.signer.points_now(self.daily)
        return "POST", path, body, None, None, lambda answer: self._got(holder, answer["points"])

    def _newcomer(self) -> Holder:
        self.holders.append(Holder.fresh(self.fleet))
        return self.holders[-1]

    def _got(self, holder: Holder, points: int) -> None:
        self.balances.update({holder.address: points})

    def _report(self, body: Json, after: Callable[[Json], None]) -> Any:
        self._next += 1
        return "POST", "/actions", body, self.merchant.token, f"receipt-{self._next}", after

    def _redeem(self) -> Any:
        holder = self._holder()
        wallet = holder.wallet
        body = wallet.signer.redeem(self.offer, wallet.wallet.seals.fresh(), self._nonce(holder))

        def after(answer: Json) -> None:
            self.redemptions.append((holder, answer["id"]))
            self._paid(holder, self.merchant.address, self.offer["price"])

        return "POST", "/redemptions", body, None, None, after

    def _move(self) -> Any:
        holder = self._holder()
        recipient = self.holders[0].address if holder is not self.holders[0] else self.holders[1].address
        body = holder.wallet.signer.send(recipient, 100, self._nonce(holder))

        def after(answer: Json) -> None:
            self.moves.append(answer["id"])
            self._paid(holder, recipient, 100)

        return "POST", "/moves", body, None, None, after

    def _badge(self) -> Any:
        address, asked = min(self.badges.items(), key=lambda each: len(each[1]))
        holder = next(each for each in self.holders if each.address == address)
        number = BADGES[len(asked)]
        body = holder.wallet.signer.badge(self.badged, number, int(time.time()) + 10 * DAY)
        return "POST", f"/campaigns/{self.badged}/badges", body, None, None, lambda answer: asked.append(number)

    def _badges_of(self, address: bytes) -> list[int]:
        found = self.fleet.client().get(f"/v1/wallets/{to_hex(address)}/badges")["items"]
        return sorted(item["badge"] for item in found)

    def _nonce(self, holder: Holder) -> int:
        return int(self.fleet.wallet(holder.address)["nonce"])

    def _paid(self, holder: Holder, to: bytes, points: int) -> None:
        self.balances.update({holder.address: -points, to: points})

    # ---------------------------------------------------------------- the end

    def check(self) -> None:
        """Everything settles by itself; then everybody has what is theirs, in the gateway's books and on the chain."""
        fleet = self.fleet
        fleet.until(self._is_settled, "everything settles")
        for holder, number in self.redemptions:
            box = fleet.client().redemption(number)
            assert box["state"] == "delivered"
            assert holder.wallet.opened(box).on_chain
        for address, points in self.balances.items():
            assert fleet.chain.reads.balance(address) == points, to_hex(address)
        report = fleet.audit()
        assert report.ok, report.differences
        assert report.solvent

    def _is_settled(self) -> bool:
        fleet, client = self.fleet, self.fleet.client()
        return (
            all(fleet.balance(address) == points for address, points in self.balances.items())
            and all(fleet.account(a, self.held)["pending"] == points for a, points in self.pending.items())
            and all(client.redemption(number)["state"] == "delivered" for _, number in self.redemptions)
            and all(client.move_state(number)["state"] == "done" for number in self.moves)
            and all(self._badges_of(address) == asked for address, asked in self.badges.items())
            and "0 transactions" in fleet.http.get("/ready").json()["parts"]["queue"]["detail"]
        )


def _told(answer: httpx.Response) -> Json:
    """What was answered, but for whether it had been asked before, and how far an order or a wish has got since."""
    assert answer.is_success, answer.text
    told: Json = answer.json()
    if "sends_at" in told or "nonce" in told or told.get("state") in ("asked", "sent"):
        told |= dict.fromkeys(("state", "sends_at", "box", "received"))
    return told | {"results": [result | {"repeated": None} for result in told.get("results", ())]}


def settle_down(fleet: Fleet) -> Town:
    """People with points, and purchases that can be refunded."""
    merchant = Merchant.join(fleet)
    campaign = merchant.campaign()
    held = merchant.campaign(hold=DAY)
    badged = merchant.campaign(rules=BADGED)
    daily = merchant.campaign(settle_every=DAY)
    offer = merchant.offer(200, pattern="CAFE-****-****-****-%")
    holders = [Holder.fresh(fleet) for _ in range(8)]
    second = merchant.client.create_key(["manage"])["key"]
    opening = done(merchant.call("POST", f"/campaigns/{campaign}/openings", {"points": 2 * GIFT}), 201)["id"]
    code = done(merchant.call("POST", f"/campaigns/{campaign}/welcome-codes", {"points": GIFT}), 201)["code"]
    town = Town(fleet, merchant, campaign, held, badged, daily, offer, holders, [], second, opening, code)
    refunds = sum(1 for _, walk in IN_WORKER if walk == "clawback")
    for holder in holders:
        fleet.mint_points(holder.address, POINTS)
        town.balances[holder.address] = POINTS + 100
        town.badges[holder.address] = []
        visit = {"campaign": badged, "kind": "visit", "occurred_at": int(time.time()), "wallet": holder.name}
        done(merchant.report(visit), 202)
    for number in range(refunds):
        holder = holders[number % len(holders)]
        purchase = done(merchant.report(merchant.purchase(held, 500, wallet=holder.name)), 202)
        town.landed.append((holder, purchase))
        town.pending[holder.address] += purchase["points"]
    fleet.until(town._is_settled, "everybody has points")
    return town


def test_nothing_is_lost_and_nothing_happens_twice(fleet: Fleet) -> None:
    town = settle_down(fleet)
    for place, request in IN_GATEWAY:
        town.send_twice(request, place)
    fleet.forks["worker"].end()
    for place, walk in IN_WORKER:
        town.send(walk)
        if place == "submitted.move":
            town._next -= 1  # the same holder: the second order waits for the first
            town.send(walk)
        dying = fleet.work(crash_at=place)
        assert dying.wait(PATIENCE) == -signal.SIGKILL, f"{place} was not reached\n{fleet.tails()}"
    fleet.work()
    town.check()
    assert not fleet.faults(), "\n".join(fleet.faults()[:20])


def test_a_large_file_of_codes_is_added_once_or_taken_away(fleet: Fleet) -> None:
    merchant = Merchant.join(fleet)
    offer = merchant.offer(200, codes=1)["id"]
    path = f"/offers/{offer}/codes"
    for number, (place, decided) in enumerate(OF_CODES.items()):
        content = "code\n" + "".join(f"FILE{number}-{code:06}\n" for code in range(CODES))
        send = partial(merchant.call, "POST", path, content=content, headers=CSV, once=f"file-{number}")
        port = free_port()
        process = fleet.serve("dying", port, crash_at=re.sub(r"^\w+", r"\g<0>.codes", place))
        with pytest.raises(httpx.TransportError):
            send(at=f"http://127.0.0.1:{port}")
        assert process.wait(PATIENCE) == -signal.SIGKILL, fleet.tails()
        if not decided:
            refused(send(), 503, "busy")
        if place != "accepted":  # minutes later
            dying = fleet.fork("ending", forks.worker, {"crash_at": "ended.codes"}, FORK_SKEW="400")
            assert dying.wait(PATIENCE) == -signal.SIGKILL, fleet.tails()
        later = fleet.fork("later", forks.worker, {}, FORK_SKEW="400")
        fleet.until(lambda send=send: send().status_code == 201, "the file is in")
        assert send().json() == {"offer": offer, "added": CODES}
        wanted = 1 + CODES * (number + 1)
        fleet.until(lambda free=wanted: merchant.call("GET", path).json()["free"] == free, "all codes are out")
        later.end()


def test_what_is_asked_to_end_ends_in_order(fleet: Fleet) -> None:
    town = settle_down(fleet)
    _ask_gateway_to_end(town)
    for number, walk in enumerate(("award", "redeem", "move")):
        worker = fleet.work(f"ending {number}")
        log = fleet.logs[f"ending {number}"]
        fleet.until(partial(_says, log, "worker.started"), "it turns")
        town.send(walk)
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0, fleet.tails()
    town.check()
    assert not fleet.faults(), "\n".join(fleet.faults()[:20])


def _says(log: Path, text: str) -> bool:
    return log.exists() and text in log.read_text()


def _reads(port: int) -> bool:
    """Whether a gateway of this machine has room taken for a body."""
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    return re.search(r"^loyalty_body_bytes [1-9]", metrics, re.MULTILINE) is not None


def _ask_gateway_to_end(town: Town) -> None:
    """A request that has begun when SIGTERM comes is answered, and no other is begun."""
    method, path, body, key, once, after = town._action()
    port, content = free_port(), json.dumps(body).encode()
    process = town.fleet.serve("ending", port)
    head = [f"{method} /v1{path} HTTP/1.1", "Host: here", "Content-Type: application/json"]
    head += [f"Content-Length: {len(content)}", f"Authorization: Bearer {key}", f"Idempotency-Key: {once}", "", ""]
    with socket.create_connection(("127.0.0.1", port)) as till:
        till.sendall("\r\n".join(head).encode() + content[:20])
        town.fleet.until(partial(_reads, port), "the server has begun to read it")
        os.kill(process.pid, signal.SIGTERM)
        town.fleet.until(lambda: not answers(port), "no other request is begun")
        assert process.poll() is None
        till.sendall(content[20:])
        told = b"".join(iter(lambda: till.recv(65_536), b""))
    # By its own hand, after everything was answered.
    assert process.wait(PATIENCE) == -signal.SIGTERM, town.fleet.tails()
    assert told.startswith(b"HTTP/1.1 202 "), told
    first = _told(httpx.Response(202, content=told.partition(b"\r\n\r\n")[2]))
    assert _told(town.fleet.call(method, path, body, key=key, once=once)) == first
    after(first)


def test_every_place_in_the_code_is_tried() -> None:
    named = set()
    for file in (ROOT / "gateway").rglob("*.py"):
        named |= set(re.findall(r'crashes\.reach\(\s*"([a-z]+)"', file.read_text()))
    tried = [*OF_CODES, *(place for place, _ in IN_WORKER + IN_GATEWAY)]
    assert named == {re.split("[.:]", place)[0] for place in tried}
