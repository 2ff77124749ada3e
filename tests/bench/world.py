"""A running house for the benchmark: real processes, a durable database, blocks of one second."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway.chain.hexes import checksum
from gateway.core.db import Database
from gateway.loyalty.earning.models import Batch, BatchState
from gateway.loyalty.ledger.models import LedgerTotal, Measure
from tests.bench.load import report, request
from tests.functional.house import House
from tests.functional.people import Merchant
from tests.support.anvil import CHAIN_ID, anvil
from tests.support.postgres import Server

ROOT = Path(__file__).parents[2]
#: As `loyalty up` starts it, with blocks large enough that the chain is not what limits us.
FLAGS = ("--enable-tx-gas-limit", "--no-request-size-limit", "--gas-limit", "1000000000")
BUDGET = 10**12
DATABASES = ("sqlite", "postgresql")
PATIENCE = 300.0


class BenchHouse(House):
    """As House, but the node makes its blocks by itself, one a second, transactions or not."""

    def beat(self) -> None:
        """The setting up is done: from now on a second a block."""

    def slow_down(self) -> None:
        self.rpc.call("evm_setAutomine", False)
        self.rpc.call("evm_setIntervalMining", 1)

    def start(self) -> None:
        self.rpc.call("evm_setIntervalMining", 1)
        super().start()


@dataclass
class Shop:
    """A merchant with one campaign that settles at once and pays a point a currency unit."""

    house: BenchHouse
    merchant: Merchant
    campaign: int
    database: Database

    def action(self, wallet: bytes, amount: int = 1_000, **more: Any) -> dict[str, Any]:
        """A purchase, now."""
        at = int(time.time())
        return {
            "campaign": self.campaign,
            "kind": "purchase",
            "occurred_at": at,
            "wallet": checksum(wallet),
            "amount": amount,
            **more,
        }

    def single(self, action: Mapping[str, Any]) -> bytes:
        """The request of one action."""
        return report(self.merchant.token, action)

    def bulk(self, actions: Sequence[Mapping[str, Any]]) -> bytes:
        """The request of many."""
        items = [{**action, "key": secrets.token_hex(12)} for action in actions]
        headers = {"Authorization": f"Bearer {self.merchant.token}"}
        return request("/v1/actions/bulk", json.dumps({"actions": items}).encode(), headers)

    def awarded(self) -> int:
        """Hundredths that the ledger has seen minted in the campaign."""
        query = sa.select(LedgerTotal.points).where(
            LedgerTotal.campaign == self.campaign, LedgerTotal.measure == Measure.AWARDED
        )
        waiting = sa.select(sa.func.count()).where(Batch.state == BatchState.QUEUED)
        with self.database.read() as session:
            points = session.scalar(query) or 0
            return points if not session.scalar(waiting) else min(points, points - 1)

    def until_credited(self, points: int) -> float:
        """Waits until the ledger has credited so much and every batch has landed; the moment (monotonic)."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.awarded()) < points:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{found} of {points} hundredths after {PATIENCE} s\n{self.house.tails()}")
            time.sleep(0.05)
        return time.monotonic()


@contextmanager
def open_shop(kind: str, tuning: Mapping[str, str] | None = None) -> Iterator[Shop]:
    """A shop in a fresh house on SQLite or PostgreSQL; its database survives a power cut."""
    with (
        tempfile.TemporaryDirectory(prefix="loyalty-bench-") as folder,
        fresh_database(kind, Path(folder)) as url,
        anvil(*FLAGS, chain_id=CHAIN_ID) as node,
    ):
        house = BenchHouse(Path(folder), url, node, tuning)
        database = Database(url)
        try:
            house.start()
            merchant = Merchant.join(house)
            house.give_asset(merchant.address, BUDGET * house.deployment.par)
            campaign = merchant.campaign(budget=BUDGET, daily_cap=BUDGET)
            house.slow_down()
            yield Shop(house, merchant, campaign, database)
        finally:
            database.dispose()
            house.close()


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty, durable database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    server = Server(durable=True)
    try:
        yield server.create_database()
    finally:
        server.stop()


def wallets(count: int) -> list[bytes]:
    """Addresses that nobody has the keys of."""
    return [secrets.token_bytes(20) for _ in range(count)]


def memory(pid: int) -> int:
    """Resident bytes of a process, now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def server_of(database: Database) -> list[int]:
    """The processes of a database's server; none of SQLite."""
    if database.sqlite:
        return []
    with database.read() as session:
        backend = session.scalar(sa.text("SELECT pg_backend_pid()"))
    # In /proc/PID/stat, after the name in brackets: state and parent.
    parent = Path(f"/proc/{backend}/stat").read_text().rsplit(")", 1)[1].split()[1]
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def on_processor(pids: Sequence[int]) -> float:
    """Seconds that processes of one thread each have had a processor, to the nanosecond."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def encoded(document: Any) -> bytes:
    """JSON as a till writes it."""
    return json.dumps(document).encode()
