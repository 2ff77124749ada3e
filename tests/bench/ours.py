"""What the gateway reaches: accepted, accepted to credited, and how long until minted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.chain.hexes import to_hex
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.rpc import Rpc
from gateway.loyalty.earning.models import Action, Batch
from tests.bench import load, world
from tests.bench.world import Shop

#: Connections of the tills at once: with twice as many hardly more is credited, with a quarter a third less.
TILLS = 256
POINTS = 1_000
#: Half of which most single actions wait: what a burst reaches, and what can go on for ever.
LOADS = {"paced": "accepted", "steady": "credited"}


@dataclass(frozen=True)
class Size:
    """How much is sent in each measurement."""

    singles: int
    bulks: int
    bulk: int
    paced: int
    runs: int
    orders: int
    read: int
    growth: tuple[int, ...]


QUICK = Size(singles=600, bulks=6, bulk=500, paced=4, runs=1, orders=200, read=40, growth=(1_000, 10_000, 100_000))
FULL = Size(
    singles=30_000, bulks=100, bulk=500, paced=15, runs=3, orders=500, read=200, growth=(10_000, 100_000, 1_000_000)
)


def pipeline(shop: Shop, size: Size) -> dict[str, Any]:
    """Accepted and credited a second, one action a request and many; and how long single ones wait at half of what is
    accepted while the worker falls behind, and at half of what the house keeps up with. That comes before the many:
    with hundreds of thousands of wallets the local node takes longer for each of its answers."""
    crowd = world.wallets(size.singles)
    single = _repeat(shop, size, lambda: [shop.single(shop.action(w, POINTS)) for w in crowd], 1)
    waits = {name: minting(shop, size, single[most] / 2) for name, most in LOADS.items()}
    many = world.wallets(size.bulks * size.bulk)
    parts = [many[start : start + size.bulk] for start in range(0, len(many), size.bulk)]
    bulk = _repeat(shop, size, lambda: [shop.bulk([shop.action(w, POINTS) for w in part]) for part in parts], size.bulk)
    return {"single": single, **waits, "bulk": bulk}


def _repeat(shop: Shop, size: Size, make: Callable[[], list[bytes]], each: int) -> dict[str, float]:
    """The medians of the runs; one before them, with half of it, warms up."""
    warm = make()
    _once(shop, warm[: max(1, len(warm) // 2)], each)
    return median([_once(shop, make(), each) for _ in range(size.runs)])


def _once(shop: Shop, requests: Sequence[bytes], each: int) -> dict[str, float]:
    before, count = shop.awarded(), len(requests) * each
    with spending(shop, count) as spent:
        started = time.monotonic()
        answers = load.closed(shop.house.url, requests, TILLS if each == 1 else 4)
        if set(answers.statuses) - {200, 202}:
            raise RuntimeError(f"refused: {answers.statuses}")
        ended = shop.until_credited(before + count * POINTS)
    return {
        "accepted": count / answers.seconds,
        "credited": count / (ended - started),
        "p50_ms": answers.percentile(0.5) * 1e3,
        "p99_ms": answers.percentile(0.99) * 1e3,
        **spent,
    }


@contextmanager
def spending(shop: Shop, count: int) -> Iterator[dict[str, float]]:
    """Filled at the end: the microseconds of processor time that each process spent on each of `count` things."""
    pids = {name: process.pid for name, process in shop.house.running.items()} | {"node": shop.house.node.process.pid}
    before = {name: world.cpu(pid) for name, pid in pids.items()}
    spent: dict[str, float] = {}
    yield spent
    spent |= {f"{name}_us": (world.cpu(pid) - before[name]) / count * 1e6 for name, pid in pids.items()}


def median(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each figure, by itself."""
    return {key: world.median([run[key] for run in runs]) for key in runs[0]}


# -------------------------------------------------------------------- waiting


def minting(shop: Shop, size: Size, rate: float) -> dict[str, float]:
    """Seconds from an accepted single action to the block that minted it, at so many actions a second; milliseconds of
    acceptance at that rate."""
    count = int(rate * size.paced)
    requests = [shop.single(shop.action(wallet, POINTS)) for wallet in world.wallets(count)]
    before = shop.awarded()
    with BlockClock(shop.house.node.url) as clock:
        answers = load.opened(shop.house.url, requests, TILLS, rate, keep=True)
        shop.until_credited(before + count * POINTS)
    accepted = {msgspec.json.decode(body)["id"]: done for body, done in zip(answers.bodies, answers.done, strict=True)}
    with shop.database.read() as session:
        query = sa.select(Action.id, Batch.landed_block).join(Batch, Batch.id == Action.batch_id)
        rows = session.execute(query.where(Action.id >= min(accepted))).all()
    waits = sorted(clock.seen[block] - accepted[id] for id, block in rows if id in accepted)
    if len(waits) != count:
        raise RuntimeError(f"{count - len(waits)} actions were not minted")
    return {
        "rate": rate,
        "accept_p50_ms": answers.percentile(0.5) * 1e3,
        "accept_p99_ms": answers.percentile(0.99) * 1e3,
        "minted_p50_s": waits[len(waits) // 2],
        "minted_p99_s": waits[int(0.99 * len(waits))],
    }


class BlockClock:
    """When (monotonic) each block was first seen."""

    def __init__(self, url: str) -> None:
        self.seen: dict[int, float] = {}
        self._rpc, self._ended = Rpc(url), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> BlockClock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._rpc.close()

    def _watch(self) -> None:
        last = None
        while not self._ended.wait(0.02):
            head, now = int(self._rpc.call("eth_blockNumber"), 16), time.monotonic()
            for number in range(head if last is None else last + 1, head + 1):
                self.seen[number] = now
            last = head


def gas(shop: Shop) -> float:
    """Gas an action of the newest batch that was full: the whole transaction, divided by its awards."""
    transfers = sa.select(ChainEvent.tx_hash, sa.func.count()).where(ChainEvent.kind == EventKind.TRANSFER)
    grouped = transfers.group_by(ChainEvent.tx_hash).order_by(sa.func.count().desc(), sa.func.max(ChainEvent.id).desc())
    with shop.database.read() as session:
        tx_hash, count = session.execute(grouped.limit(1)).tuples().one()
    receipt = shop.house.rpc.call("eth_getTransactionReceipt", to_hex(tx_hash))
    return int(receipt["gasUsed"], 16) / count


def memory(shop: Shop) -> dict[str, float]:
    """The most that each process has held, in megabytes."""
    return {name: world.memory(process.pid) / 2**20 for name, process in shop.house.running.items()}
