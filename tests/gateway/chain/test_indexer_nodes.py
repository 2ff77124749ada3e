"""The indexer against a node that lags behind, forgets, is restored, or is on another chain."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.chain.deployment import WrongDeployment
from gateway.chain.errors import BlockUnavailable
from gateway.chain.hexes import to_hex
from gateway.chain.indexer import home
from gateway.chain.indexer.service import Indexer
from gateway.core.clock import Clock
from gateway.core.db import Database
from tests.gateway.chain.reading import look, mint, minting, run, stored, transfers
from tests.gateway.chain.world import OWNER_KEY, FaultyRpc, World, build, connect, wallet
from tests.support.anvil import anvil
from tests.support.checks import checks


@pytest.fixture
def world(world: World) -> World:
    return minting(world)


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


def test_a_chain_that_was_killed_and_restored(db: Database, clock: Clock, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with anvil(state=state) as node:
        world = minting(build(node))
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


def test_of_workers_with_different_confirmations_the_larger_number_counts(
    world: World, db: Database, clock: Clock
) -> None:
    home.check(db, world.deployment, bytes(32), verified=True)
    careful, hasty = (Indexer(db, world.rpc, clock, world.deployment, confirmations=n) for n in (5, 0))
    run(careful)
    mint(world, wallet())
    assert run(hasty) == 0
    world.node.mine(5)
    assert run(hasty) > 0, "it works as well, and no sooner than the other"
    mint(world, wallet())
    clock.offset += home.EVERY
    run(careful)
    clock.offset += home.LEFT - 1
    assert run(hasty) == 0
    clock.offset += home.EVERY
    assert run(hasty) > 0, "the other has left"
    mint(world, wallet())
    clock.offset += home.EVERY
    assert run(careful) == 0
    assert run(hasty) == 0


def test_a_clock_that_is_behind_the_chain_is_told(world: World, db: Database, clock: Clock) -> None:
    check = checks(db, clock, rpc=world.rpc, reads=world.reads)
    clock.offset += world.reads.head().time - clock.now()
    assert check.clock_behind().ok
    clock.offset -= 3_600
    finding = check.clock_behind()
    assert not finding.ok
    assert finding.detail.endswith(" s behind the newest block")
    assert finding.value >= 3_599
    clock.offset += 7_200
    assert check.clock_behind().ok, "or the chain is quiet"
    assert check.node().value >= 3_599
