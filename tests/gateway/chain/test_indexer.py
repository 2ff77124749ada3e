"""The indexer against a chain that grows, and a node that refuses."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain.errors import NodeTimeout, RangeTooLarge
from gateway.chain.indexer import service
from gateway.chain.indexer.models import IndexedBlock
from gateway.chain.indexer.service import Indexer
from gateway.core.clock import Clock
from gateway.core.db import Database
from tests.gateway.chain.reading import mint, minting, run, stored, transfers
from tests.gateway.chain.world import FaultyRpc, World, connect, wallet
from tests.support.waiting import until


@pytest.fixture
def world(world: World) -> World:
    return minting(world)


def test_events_count_at_depth_only(world: World, db: Database, clock: Clock) -> None:
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=3)
    run(indexer)
    someone = wallet()
    mint(world, someone)
    world.node.mine(2)
    run(indexer)
    assert someone not in transfers(db)
    world.node.mine(1)
    run(indexer)
    assert transfers(db) == [someone]
    assert run(indexer) == 0


def test_blocks_carry_their_time(world: World, db: Database, clock: Clock) -> None:
    world.node.pass_time(1000)
    mint(world, wallet())
    run(Indexer(db, world.rpc, clock, world.deployment, 0))
    newest = stored(db)[-1]
    assert newest.block_time == world.reads.head(newest.block).time


def test_times_come_from_the_blocks_where_the_logs_have_none(world: World, db: Database, clock: Clock) -> None:
    rpc = FaultyRpc(world.node.url)

    def without_times(method: str, answer: Any) -> None:
        if method == "eth_getLogs":
            for entry in answer:
                entry.pop("blockTimestamp", None)

    rpc.after = without_times
    for _ in range(3):
        world.node.pass_time(50)
        mint(world, wallet())
    run(Indexer(db, rpc, clock, world.deployment, 0))
    assert ("eth_getBlockByHash",) in {(method,) for method, _ in rpc.log}
    for row in stored(db):
        assert row.block_time == world.reads.head(row.block).time


def test_ranges_shrink_until_the_node_takes_them(world: World, db: Database, clock: Clock) -> None:
    rpc = FaultyRpc(world.node.url)

    def at_most_three_blocks(method: str, params: Sequence[Any]) -> None:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) > 2:
            raise RangeTooLarge

    rpc.before = at_most_three_blocks
    people = [wallet() for _ in range(10)]
    for person in people:
        mint(world, person)
        world.node.mine(3)
    run(Indexer(db, rpc, clock, world.deployment, 0))
    assert transfers(db) == people


def test_one_block_that_cannot_be_read_is_an_error_not_a_gap(world: World, db: Database, clock: Clock) -> None:
    rpc = FaultyRpc(world.node.url)
    mint(world, wallet())
    bad = world.reads.head().number

    def not_that_block(method: str, params: Sequence[Any]) -> None:
        if method == "eth_getLogs" and int(params[0]["fromBlock"], 16) <= bad <= int(params[0]["toBlock"], 16):
            raise NodeTimeout

    rpc.before = not_that_block
    indexer = Indexer(db, rpc, clock, world.deployment, 0)
    with pytest.raises(NodeTimeout):
        run(indexer)
    rpc.before = lambda method, params: None
    run(indexer)
    assert len(transfers(db)) == 1


def test_old_blocks_without_events_are_forgotten(
    world: World, db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "KEEP", 10)
    indexer = Indexer(db, world.rpc, clock, world.deployment, 0)
    for _ in range(4):
        mint(world, wallet())
        for _ in range(12):
            world.node.mine(1)
            indexer.step()
    run(indexer)
    with db.read() as session:
        numbers = set(session.scalars(sa.select(IndexedBlock.number)))
    head, with_events = world.reads.head().number, {row.block for row in stored(db)}
    assert with_events <= numbers
    assert numbers - with_events == set(range(head - 10, head + 1)) - with_events | {world.deployment.deploy_block - 1}


def test_two_workers_record_every_event_once(world: World, db: Database, clock: Clock) -> None:
    people = [wallet() for _ in range(30)]
    errors: list[BaseException] = []
    stop = threading.Event()

    def work() -> None:
        indexer = Indexer(db, connect(world.node.url), clock, world.deployment, 0)
        try:
            while not stop.is_set():
                indexer.step()
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for person in people:
        mint(world, person)
    try:
        until(lambda: errors or len(transfers(db)) >= len(people), "all is recorded", 0.05)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert errors == []
    assert transfers(db) == people
