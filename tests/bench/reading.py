"""How fast a chain's history is read: from its node into the stream of events, and by the rooms that read that."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from gateway.bootstrap import Ground, House
from gateway.chain.deployment import Deployment
from gateway.chain.indexer.models import ChainEvent, IndexedBlock
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import drain
from gateway.chain.reads import Reads
from gateway.chain.relayer.queue import Queue
from gateway.chain.rpc import Rpc
from gateway.core import garbage
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.secrets import Secrets
from gateway.listeners import WANTED
from gateway.models import metadata
from gateway.settings import Settings
from tests.bench import ceilings, world
from tests.bench.ours import Size
from tests.support.anvil import CHAIN_ID, anvil


def measure(size: Size, databases: Sequence[str]) -> dict[str, dict[str, float]]:
    """By database: events a second and microseconds of processor time an event, read alone, and read and applied by
    every room."""
    garbage.settle()  # as in the worker
    with history(size.read) as (rpc, deployment):
        return {kind: _read(kind, rpc, deployment) for kind in databases}


@contextmanager
def history(batches: int) -> Iterator[tuple[Rpc, Deployment]]:
    """A chain with so many landed batches of 500 awards, half of them to new holders."""
    with anvil(*world.FLAGS, chain_id=CHAIN_ID) as chain:
        rpc = Rpc(chain.url, timeout=120)
        deployment, key, number = ceilings.campaign(rpc)
        rpc.call("evm_setAutomine", False)
        crowd = [(secrets.token_bytes(20), 1_000) for _ in range(batches * ceilings.ENTRIES // 2)]
        parts = [crowd[start : start + ceilings.ENTRIES] for start in range(0, len(crowd), ceilings.ENTRIES)]
        raw = ceilings.signed(rpc, deployment, key, number, 0, parts + parts)
        rpc.strict_batch([("eth_sendRawTransaction", [one]) for one in raw])
        while int(rpc.call("txpool_status")["pending"], 16):
            rpc.call("evm_mine")
        yield rpc, deployment
        rpc.close()


def _read(kind: str, rpc: Rpc, deployment: Deployment) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="loyalty-bench-") as folder,
        world.fresh_database(kind, Path(folder)) as url,
    ):
        db, clock = Database(url), Clock()
        metadata.create_all(db.engine)
        indexer, end = Indexer(db, rpc, clock, deployment, confirmations=0), Reads(rpc, deployment).head().number
        marks = [(time.monotonic(), time.process_time())]
        while _block(db) < end:
            indexer.step()
        marks.append((time.monotonic(), time.process_time()))
        rooms = _rooms(db, rpc, clock, deployment)
        for name, apply in rooms.streams().items():
            while drain(db, name, apply, kinds=WANTED.get(name)):
                pass
        marks.append((time.monotonic(), time.process_time()))
        with db.read() as session:
            events = session.scalar(sa.select(sa.func.count()).select_from(ChainEvent)) or 0
        db.dispose()
    (began, zero), (read, reading), (done, applied) = marks
    return {
        "events": events,
        "read": events / (read - began),
        "read_us": (reading - zero) / events * 1e6,
        "applied": events / (done - began),
        "applied_us": (applied - zero) / events * 1e6,
    }


def _block(db: Database) -> int:
    with db.read() as session:
        return session.scalar(sa.select(sa.func.max(IndexedBlock.number))) or -1


def _rooms(db: Database, rpc: Rpc, clock: Clock, deployment: Deployment) -> House:
    master, jobs = secrets.token_bytes(32), Jobs(clock)
    settings = Settings(environment="local", master_secret=master.hex(), relayer_password="")
    reads, desk = Reads(rpc, deployment), Queue(clock, ())
    return House(Ground(settings, db, clock, jobs, Secrets(master), rpc, rpc, deployment, reads, desk))
