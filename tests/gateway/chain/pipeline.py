"""A relayer on a real chain, as the tests of the pipeline use it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from gateway.chain import calls
from gateway.chain.hexes import to_hex
from gateway.chain.relayer.decisions import RelayerSettings
from gateway.chain.relayer.models import ChainTx, Purpose, SignedTx, TxState
from gateway.chain.relayer.service import Relayer
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs, Registry
from tests.gateway.chain.world import FaultyRpc, World, wallet
from tests.support.waiting import until

EVENTS = ("tx.done", "tx.reverted", "tx.refused")
SETTINGS = RelayerSettings(confirmations=1, look_every=0)


@dataclass
class Pipeline:
    """One relayer key and one campaign; every award goes to a wallet of its own."""

    db: Database
    world: World
    clock: Clock
    campaign: int
    rpc: FaultyRpc
    settings: RelayerSettings = SETTINGS
    jobs: Jobs = field(init=False)
    relayer: Relayer = field(init=False)
    #: Instead of the world's one key.
    keys: list[bytes] = field(default_factory=list)
    #: Batch number → wallet.
    awards: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.clock)
        kinds = {event: f"saw.{event}" for event in EVENTS}
        self.jobs.registry = Registry(
            {kind: lambda session, ref: None for kind in kinds.values()},
            {event: [kind] for event, kind in kinds.items()},
        )
        self.restart()

    def restart(self, rpc: FaultyRpc | None = None) -> Relayer:
        """A new process: nothing is remembered but the database."""
        self.rpc = rpc or FaultyRpc(self.world.node.url)
        self.relayer = self.another()
        return self.relayer

    def another(self, rpc: FaultyRpc | None = None) -> Relayer:
        world = self.world
        keys, jobs = self.keys or [world.relayer_key], self.jobs
        return Relayer(self.db, rpc or self.rpc, self.clock, jobs, keys, world.deployment, self.settings)

    def award(self, count: int = 1, points: int = 100) -> list[int]:
        """Enqueues award batches; their ids."""
        ids = []
        for _ in range(count):
            number = len(self.awards) + 1
            self.awards[number] = wallet()
            data = calls.award_batch(self.campaign, number, [(self.awards[number], points)])
            ids.append(self.enqueue(Purpose.AWARD, data))
        return ids

    def enqueue(self, purpose: Purpose, data: bytes, ref: int = 1) -> int:
        to = self.world.badges if purpose is Purpose.BADGE else self.world.deployment.hub
        with self.db.begin() as session:
            return self.relayer.enqueue(session, purpose, ref, to, data)

    def mine(self, blocks: int = 1) -> None:
        self.world.node.mine(blocks)

    def later(self, seconds: int = 5) -> None:
        self.clock.offset += seconds

    def run(self, turns: int = 30) -> None:
        """Turns, blocks and seconds until nothing is open."""
        for _ in range(turns):
            self.relayer.step()
            if not self.open():
                return
            self.mine()
            self.later()
        raise AssertionError(f"still open: {[(row.id, row.state, row.nonce) for row in self.rows()]}")

    def rows(self) -> list[ChainTx]:
        with self.db.read() as session:
            return list(session.scalars(sa.select(ChainTx).order_by(ChainTx.id)))

    def row(self, tx_id: int) -> ChainTx:
        with self.db.read() as session:
            return session.get_one(ChainTx, tx_id)

    def states(self) -> list[TxState]:
        return [row.state for row in self.rows() if row.purpose is not Purpose.FILL]

    def open(self) -> list[ChainTx]:
        return [row for row in self.rows() if row.state in (TxState.QUEUED, TxState.SIGNED)]

    def forms(self) -> list[SignedTx]:
        with self.db.read() as session:
            return list(session.scalars(sa.select(SignedTx).order_by(SignedTx.tx_id, SignedTx.max_fee)))

    def told(self) -> Counter[tuple[str, int]]:
        """(event, transaction) → how often it was published."""
        with self.db.read() as session:
            return Counter((job.kind.removeprefix("saw."), job.ref) for job in session.scalars(sa.select(Job)))

    def check_landed(self) -> None:
        """Every award is there, exactly once."""
        for number, person in self.awards.items():
            assert self.world.reads.landed(self.campaign, number), number
            assert self.world.balance_of(person) == 100, number


def nonces(pipeline: Pipeline) -> list[int]:
    return [row.nonce for row in pipeline.rows() if row.nonce is not None]


def mined(pipeline: Pipeline) -> int:
    return int(pipeline.world.rpc.call("eth_getTransactionCount", to_hex(pipeline.world.relayer), "latest"), 16)


def drive(pipeline: Pipeline, relayers: Sequence[Any]) -> None:
    """All at once, each in a thread of its own, on a chain that mines ten blocks a second."""
    errors: list[BaseException] = []
    stop = threading.Event()

    def work(relayer: Any) -> None:
        try:
            while not stop.is_set():
                relayer.step()
        except BaseException as error:
            errors.append(error)

    pipeline.settings = replace(pipeline.settings, look_every=0)
    threads = [threading.Thread(target=work, args=(relayer,)) for relayer in relayers]
    for thread in threads:
        thread.start()

    def ended() -> bool:
        pipeline.mine()
        return not pipeline.open() or bool(errors)

    try:
        until(ended, "everything has landed", 0.1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert not pipeline.open()
