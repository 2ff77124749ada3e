"""Yesterday's database against today's chain: what it forgot it takes back in, and nothing happens twice although tills
send everything again.

Docs: docs/decisions/0120-after-a-restore-the-chain-is-asked-first.md.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.client import Json
from tests.functional.house import done, refused
from tests.functional.people import RULES, Holder, Merchant
from tests.functional.till import refund
from tests.storm.fleet import Fleet
from tests.support.postgres import server

DAY = 86_400
BADGED: Json = RULES | {
    "challenges": [{"id": "came", "period": "campaign", "points": 0}],
    "badges": [{"number": 1, "name": "Guest", "goal": "came"}],
}


@dataclass
class Tills:
    """Everything that was sent since the backup, to be sent again; and what everybody must have in the end."""

    fleet: Fleet
    merchant: Merchant
    sent: list[tuple[str, str, Json, str | None, str | None]] = field(default_factory=list)
    receipts: int = 0
    wishes: list[Holder] = field(default_factory=list)
    wallets: Counter[bytes] = field(default_factory=Counter)
    pending: Counter[bytes] = field(default_factory=Counter)

    def send(self, method: str, path: str, body: Json, once: str | None = None) -> Json:
        key = self.merchant.token if once else None
        self.sent.append((method, path, body, key, once))
        return done(self.fleet.call(method, path, body, key=key, once=once), 200 if path == "/claims" else 202)

    def buy(self, campaign: int, amount: int, holder: Holder | None = None) -> Json:
        """A purchase; without a holder for a code."""
        who = {"wallet": holder.name} if holder else {"claim": True}
        self.receipts += 1
        key = f"receipt-{self.receipts}"
        return self.send("POST", "/actions", self.merchant.purchase(campaign, amount, **who), key) | {"key": key}

    def claim(self, code: str, holder: Holder) -> None:
        self.wallets[holder.address] += self.send("POST", "/claims", {"code": code, "wallet": holder.name})["points"]

    def redeem(self, holder: Holder, offer: Json) -> Any:
        wallet = holder.wallet
        nonce = int(self.fleet.wallet(holder.address)["nonce"])
        answer = self.send("POST", "/redemptions", wallet.signer.redeem(offer, wallet.wallet.seals.fresh(), nonce))
        self.wallets[holder.address] -= offer["price"]
        self.wallets[self.merchant.address] += offer["price"]
        return self._code(holder, answer["id"])

    def _code(self, holder: Holder, number: int) -> Any:
        client = self.fleet.client()
        self.fleet.until(lambda: client.redemption(number)["state"] == "delivered", "the code is delivered")
        opened = holder.wallet.opened(client.redemption(number))
        assert opened.on_chain
        return opened.code

    def wish(self, holder: Holder, campaign: int) -> None:
        body = holder.wallet.signer.badge(campaign, 1, int(time.time()) + 10 * DAY)
        self.send("POST", f"/campaigns/{campaign}/badges", body)
        self.wishes.append(holder)

    def badged(self) -> bool:
        """Everybody who asked for a badge has it."""
        client = self.fleet.client()
        return all(len(client.get(f"/v1/wallets/{holder.name}/badges")["items"]) == 1 for holder in self.wishes)

    def again(self) -> None:
        """As tills do: the same requests under the same keys, in the order in which they were sent."""
        for method, path, body, key, once in self.sent:
            answer = self.fleet.call(method, path, body, key=key, once=once)
            if path == "/moves":  # the chain has it: its nonce is used up
                refused(answer, 409, "stale-nonce")
            else:
                assert answer.status_code in (200, 202), answer.text

    def settled(self, held: int) -> bool:
        fleet = self.fleet
        return all(fleet.balance(address) == points for address, points in self.wallets.items()) and all(
            fleet.account(address, held)["pending"] == points for address, points in self.pending.items()
        )


def back_up(fleet: Fleet, folder: Path) -> str:
    """As docs/operations.md says, while everything runs; the URL of what is to take the database's place."""
    if fleet.database_url.startswith("sqlite"):
        copy = folder / "backup.db"
        with sqlite3.connect(fleet.database_url.removeprefix("sqlite:///")) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        connection.close()
        return f"sqlite:///{copy}"
    server().dump(fleet.database_url, folder / "backup.dump")
    return server().restore(folder / "backup.dump")


def test_a_restored_database_takes_back_in_what_it_forgot(fleet: Fleet, tmp_path: Path) -> None:
    merchant = Merchant.join(fleet)
    instant, held = merchant.campaign(rules=BADGED), merchant.campaign(hold=DAY)
    pool, made = merchant.offer(200, codes=20), merchant.offer(300, pattern="CAFE-****-****-****-%")
    people = [Holder.fresh(fleet) for _ in range(5)]
    tills = Tills(fleet, merchant)
    for holder in people:
        tills.wallets[holder.address] += tills.buy(instant, 1_000, holder)["points"]
    pending = [tills.buy(held, 500, holder) for holder in people]
    tills.pending.update({holder.address: 500 for holder in people})
    guest = tills.buy(instant, 250)
    fleet.until(lambda: tills.settled(held), "what happened before the backup is there")
    known = tills.redeem(people[0], pool)

    # Accepted before the backup, settled after it.
    fleet.forks["worker"].end()
    tills.wallets[people[1].address] += tills.buy(instant, 70, people[1])["points"]
    tills.wish(people[0], instant)
    backup = back_up(fleet, tmp_path)
    fleet.work()
    tills.sent.clear()
    later = forgotten(tills, people, instant, held, guest, pending[0])
    sold = [tills.redeem(people[1], pool), tills.redeem(people[1], made)]
    send(tills, people)
    tills.wish(people[1], instant)
    fleet.until(lambda: tills.settled(held) and tills.badged(), "everything has landed")
    lose(tills, backup, people, instant, later)

    # Before the tills have told again: who was paid for a code is not yet clear.
    claim = {"code": guest["claim"]["code"], "wallet": Holder.fresh(fleet).name}
    refused(fleet.call("POST", "/claims", claim), 409, "claim-in-doubt")
    tills.again()
    tills.again()
    tills.wallets[people[4].address] += tills.buy(instant, 90, people[4])["points"]
    fleet.until(lambda: tills.settled(held) and tills.badged(), "everybody has what is theirs, once")
    codes = [known, *sold, tills.redeem(people[3], pool)]
    assert len(set(codes)) == 4
    fleet.until(lambda: tills.settled(held), "paid")
    inbox = [holder.wallet.opened(box).code for holder in people[:2] for box in fleet.client().inbox(holder.name)]
    assert Counter(inbox) == Counter([known, *sold])
    report = fleet.audit()
    assert report.ok, report.differences
    assert report.totals["paid_ahead"] == 0
    for address, points in tills.wallets.items():
        assert fleet.chain.reads.balance(address) == points


def forgotten(tills: Tills, people: list[Holder], instant: int, held: int, guest: Json, pending: Json) -> Json:
    """What the backup does not know: purchases, codes claimed, clawbacks of an old award and of a new one. Returns a
    purchase of which the code was claimed."""
    fleet = tills.fleet
    for holder in people:
        tills.wallets[holder.address] += tills.buy(instant, 400, holder)["points"]
    fleet.until(lambda: tills.settled(held), "landed after the backup")
    tills.claim(guest["claim"]["code"], people[2])
    later = tills.buy(instant, 130)
    tills.claim(later["claim"]["code"], people[3])
    tills.send("POST", "/actions", refund(held, pending), "back-1")
    tills.pending[people[0].address] -= 500
    both = tills.buy(held, 800, people[4])
    fleet.until(lambda: fleet.account(people[4].address, held)["pending"] == 1_300, "it is pending")
    tills.send("POST", "/actions", refund(held, amount=300, refers_to_key=both["key"]), "back-2")
    tills.pending[people[4].address] += 500
    return later


def send(tills: Tills, people: list[Holder]) -> None:
    """A holder's order that the chain executes."""
    nonce = int(tills.fleet.wallet(people[0].address)["nonce"])
    tills.send("POST", "/moves", people[0].wallet.signer.send(people[1].address, 100, nonce))
    tills.wallets.update({people[0].address: -100, people[1].address: 100})


def lose(tills: Tills, backup: str, people: list[Holder], instant: int, claimed: Json) -> None:
    """The database is lost while a batch is signed and sent, but in no block yet; the backup takes its place."""
    fleet = tills.fleet
    with fleet.stillness():
        tills.wallets[people[2].address] += tills.buy(instant, 600, people[2])["points"]
        fleet.until_pooled(1)
        for process in ("worker", "gateway"):
            fleet.forks[process].kill()
        restore(fleet, backup)
        fleet.serve()
        fleet.work()
        # No code is taken before the chain has been asked.
        claim = {"code": claimed["claim"]["code"], "wallet": people[0].name}
        refused(fleet.call("POST", "/claims", claim), 503, "recovering")
    fleet.until(lambda: _is_whole(fleet), "the database is whole again")
    log = fleet.logs["worker"].read_text()
    for event in ("relayer.database_is_behind", "batch.taken_back", "redemption.taken_back", "relayer.fence_passed"):
        assert event in log


def restore(fleet: Fleet, backup: str) -> None:
    """The backup in the place of the lost database."""
    if backup.startswith("sqlite"):
        place = Path(fleet.database_url.removeprefix("sqlite:///"))
        for file in (place, Path(f"{place}-wal"), Path(f"{place}-shm")):
            file.unlink(missing_ok=True)
        Path(backup.removeprefix("sqlite:///")).rename(place)
    else:
        server().drop_database(fleet.database_url)
        fleet.database_url = backup


def _is_whole(fleet: Fleet) -> bool:
    return bool(fleet.http.get("/ready").json()["parts"]["restore"]["ok"])
