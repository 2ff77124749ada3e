"""The indexer against a chain that goes back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from gateway.chain.errors import BlockUnavailable
from gateway.chain.indexer.models import EventKind
from gateway.chain.indexer.service import Indexer
from gateway.core.clock import Clock
from gateway.core.db import Database
from tests.gateway.chain.reading import mint, minting, run, stored, transfers
from tests.gateway.chain.world import FaultyRpc, World, wallet


@pytest.fixture
def world(world: World) -> World:
    return minting(world)


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
    (rewind,) = [row for row in rows if row.kind is EventKind.REWIND]
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
    assert not [row for row in stored(db) if row.kind is EventKind.REWIND]
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
