"""The indexer against a chain that grows, goes back, is restored, and a node that refuses."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain import calls
from gateway.chain.deployment import WrongDeployment
from gateway.chain.errors import BlockUnavailable, NodeTimeout, RangeTooLarge
from gateway.chain.hexes import to_hex
from gateway.chain.indexer import service
from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock
from gateway.chain.indexer.service import Indexer
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.web.health import Finding
from tests.gateway.chain.world import OWNER_KEY, FaultyRpc, World, build, connect, wallet
from tests.support.anvil import anvil
from tests.support.checks import checks

K = EventKind


def run(indexer: Indexer) -> int:
    """Steps until nothing more comes; how many events."""
    total = idle = 0
    while idle < 2:
        done = indexer.step()
        total += done
        idle = 0 if done else idle + 1
    return total


def stored(db: Database, *, orphaned: bool = False) -> list[ChainEvent]:
    with db.read() as session:
        query = sa.select(ChainEvent).where(ChainEvent.orphaned == orphaned).order_by(ChainEvent.id)
        return list(session.scalars(query))


def transfers(db: Database) -> list[bytes]:
    return [row.counterparty or b"" for row in stored(db) if row.kind is K.TRANSFER]


def mint(world: World, to: bytes, points: int = 100) -> None:
    world.token(calls.mint(to, points))


def look(db: Database, rpc: Rpc, clock: Clock, world: World) -> Finding:
    """What /ready says of the indexer."""
    return checks(db, clock, rpc=rpc, reads=Reads(rpc, world.deployment)).indexer()


@pytest.fixture
def world(world: World) -> World:
    world.owner.send(world.deployment.asset, calls.approve(world.deployment.token))
    return world


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


def test_a_reorganisation_deeper_than_depth_rewinds(world: World, db: Database, clock: Clock) -> None:
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=1)
    kept, lost, after = wallet(), wallet(), wallet()
    mint(world, kept)
    fork = world.reads.head().number
    mint(world, lost)
    world.node.mine(3)
    run(indexer)
    assert transfers(db) == [kept, lost]
    world.node.rpc("anvil_reorg", 4, [])
    mint(world, after)
    world.node.mine(1)
    run(indexer)
    rows = stored(db)
    (rewind,) = [row for row in rows if row.kind is K.REWIND]
    assert rewind.block == fork  # nothing below is undone
    assert transfers(db) == [kept, after]
    assert [row.counterparty for row in stored(db, orphaned=True)] == [lost]
    assert rewind.id > max(row.id for row in stored(db, orphaned=True))


def test_a_reorganisation_between_two_questions_of_one_turn_is_seen(world: World, db: Database, clock: Clock) -> None:
    """The range that is read must follow upon the last block read, not upon another of that number."""
    rpc = FaultyRpc(world.node.url)
    indexer = Indexer(db, rpc, clock, world.deployment, confirmations=1)
    lost, after = wallet(), wallet()
    mint(world, lost)
    world.node.mine(1)
    run(indexer)
    assert transfers(db) == [lost]
    world.node.mine(2)
    answered: list[str] = []

    def fork_after_the_look(method: str, answer: Any) -> None:
        answered.append(method)
        if len(answered) == 2:
            world.node.rpc("anvil_reorg", 4, [])
            mint(world, after)
            world.node.mine(4)

    rpc.after = fork_after_the_look
    with suppress(BlockUnavailable):
        indexer.step()
    run(indexer)
    assert transfers(db) == [after]


def test_a_reorganisation_without_our_events_is_no_news(world: World, db: Database, clock: Clock) -> None:
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=0)
    mint(world, wallet())
    world.node.mine(5)
    run(indexer)
    world.node.rpc("anvil_reorg", 3, [])
    run(indexer)
    assert not [row for row in stored(db) if row.kind is K.REWIND]
    someone = wallet()
    mint(world, someone)
    run(indexer)
    assert transfers(db)[-1] == someone


def test_a_reorganisation_within_depth_is_never_seen(world: World, db: Database, clock: Clock) -> None:
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=5)
    run(indexer)
    mint(world, wallet())
    world.node.mine(2)
    run(indexer)
    world.node.rpc("anvil_reorg", 3, [])
    someone = wallet()
    mint(world, someone)
    world.node.mine(5)
    run(indexer)
    assert transfers(db) == [someone]
    assert not stored(db, orphaned=True)


def test_the_same_event_may_come_back_after_a_rewind(world: World, db: Database, clock: Clock) -> None:
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=0)
    back = world.node.snapshot()
    someone = wallet()
    mint(world, someone)
    run(indexer)
    world.node.revert(back)
    world.node.mine(1)
    mint(world, someone)
    run(indexer)
    assert transfers(db) == [someone]
    assert [row.counterparty for row in stored(db, orphaned=True)] == [someone]


def test_a_node_behind_us_is_waited_for(world: World, db: Database, clock: Clock) -> None:
    """A node that catches up again has fewer blocks, but the same ones."""
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=0)
    mint(world, wallet())
    world.node.mine(5)
    run(indexer)
    before = len(stored(db))
    behind = FaultyRpc(world.node.url)
    limit = world.reads.head().number - 3

    def only_up_to_limit(method: str, answer: Any) -> None:
        if method == "eth_getBlockByNumber" and int(answer["number"], 16) > limit:
            answer |= world.rpc.call("eth_getBlockByNumber", hex(limit), False)

    behind.after = only_up_to_limit
    assert run(Indexer(db, behind, clock, world.deployment, confirmations=0)) == 0
    assert len(stored(db)) == before
    assert f"the node is at block {limit}, before" in look(db, behind, clock, world).detail
    assert look(db, world.rpc, clock, world).ok
    mint(world, wallet())
    run(indexer)
    assert len(stored(db)) == before + 1


def test_a_node_that_has_lost_a_block_is_waited_for_and_told_of(world: World, db: Database, clock: Clock) -> None:
    """Restored without its history, or between two snapshots: higher than us, and the last block read is missing."""
    mint(world, wallet())
    run(Indexer(db, world.rpc, clock, world.deployment, confirmations=0))
    before, last = len(stored(db)), world.reads.head().number
    mint(world, wallet())
    lossy = FaultyRpc(world.node.url)

    def not_that_block(method: str, params: Sequence[Any]) -> None:
        if method == "eth_getBlockByNumber" and params[0] == hex(last):
            raise BlockUnavailable

    lossy.before = not_that_block
    indexer = Indexer(db, lossy, clock, world.deployment, confirmations=0)
    for _ in range(3):
        with pytest.raises(BlockUnavailable):
            indexer.step()
    assert len(stored(db)) == before
    told = look(db, lossy, clock, world)
    assert (told.ok, told.detail.partition(":")[0]) == (False, f"the node has lost block {last}, the last one read")
    lossy.before = lambda method, params: None
    run(indexer)
    assert len(stored(db)) == before + 1
    assert look(db, lossy, clock, world).ok


def test_a_node_restored_to_an_earlier_height_is_a_reorganisation_once_it_differs(
    world: World, db: Database, clock: Clock
) -> None:
    indexer = Indexer(db, world.rpc, clock, world.deployment, confirmations=0)
    kept, lost = wallet(), wallet()
    mint(world, kept)
    back = world.node.snapshot()
    mint(world, lost)
    world.node.mine(10)
    run(indexer)
    world.node.revert(back)
    assert run(indexer) == 0  # the same blocks, only fewer: it may be catching up
    assert transfers(db) == [kept, lost]
    world.node.mine(1)
    run(indexer)
    assert transfers(db) == [kept]


def test_another_chain_undoes_nothing(world: World, db: Database, clock: Clock) -> None:
    run(Indexer(db, world.rpc, clock, world.deployment, 0))
    before = len(stored(db))
    with anvil("--timestamp", "1700000000") as other:
        build(other)
        other.mine(50)
        with pytest.raises(WrongDeployment):
            run(Indexer(db, connect(other.url), clock, world.deployment, 0))
        told = look(db, connect(other.url), clock, world)
        assert (told.ok, told.detail[:26]) == (False, "the node has another block")
    assert len(stored(db)) == before


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


def test_a_block_that_changes_while_it_is_read_is_read_again(world: World, db: Database, clock: Clock) -> None:
    rpc = FaultyRpc(world.node.url)
    run(Indexer(db, rpc, clock, world.deployment, 0))
    lost, kept = wallet(), wallet()
    mint(world, lost)
    done = []

    def reorganise_once(method: str, answer: Any) -> None:
        if method == "eth_getLogs" and answer and not done:
            done.append(True)
            world.node.rpc("anvil_reorg", 1, [])

    rpc.after = reorganise_once
    indexer = Indexer(db, rpc, clock, world.deployment, 0)
    with pytest.raises(Exception, match="BlockUnavailable"):
        indexer.step()
    mint(world, kept)
    run(indexer)
    assert transfers(db) == [kept]
    assert not stored(db, orphaned=True)


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
    for _ in range(200):
        if len(transfers(db)) == len(people):
            break
        stop.wait(0.05)
    stop.set()
    for worker in workers:
        worker.join()
    assert errors == []
    assert transfers(db) == people


def test_a_chain_that_was_killed_and_restored(db: Database, clock: Clock, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with anvil(state=state) as node:
        world = build(node)
        world.owner.send(world.deployment.asset, calls.approve(world.deployment.token))
        first = wallet()
        mint(world, first)
        run(Indexer(db, world.rpc, clock, world.deployment, 0))
        for _ in range(100):
            if state.exists() and to_hex(first)[2:] in state.read_text():
                break
            threading.Event().wait(0.1)
        world.node.rpc("anvil_setIntervalMining", 0)
        node.kill()
    with anvil(state=state, port=node.port) as again:
        reborn = World(again, connect(again.url), world.deployment, world.reads, world.owner, OWNER_KEY)
        second = wallet()
        indexer = Indexer(db, reborn.rpc, clock, world.deployment, 0)
        run(indexer)
        mint(reborn, second)
        again.mine(5)
        run(indexer)
        assert second in transfers(db)
