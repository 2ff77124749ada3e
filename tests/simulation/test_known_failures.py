"""Schedules in which other relayers failed, by name."""

from __future__ import annotations

import pytest

from gateway.chain.errors import NodeTimeout
from gateway.chain.relayer.signing import NOTHING
from gateway.core.db import Database
from tests.simulation.schedule import SEND
from tests.simulation.world import World, open_database


@pytest.fixture(scope="module")
def memory() -> Database:
    return open_database()


@pytest.fixture
def world(memory: Database) -> World:
    return World(memory)


@pytest.mark.parametrize("why", ["exceeds block gas limit", "intrinsic gas too low", "oversized data"])
def test_openzeppelin_683_818_843_no_nonce_jams(world: World, why: str) -> None:
    """The node never takes what has nonce 0: the nonce is used up without it, those behind are mined, and what was in
    it lands under another nonce."""
    world.node.refuses = lambda tx: why if tx.nonce == 0 and tx.data != NOTHING else ""
    world.award(4)
    world.settle()
    key = next(address for address in world.addresses if len(world.arrived[address, 0]) > 1)
    assert [len(world.arrived[key, nonce]) for nonce in (0, 1)] == [2, 1]
    assert sum(world.node.head.nonces.values()) == 4 + 2  # both keys had a nonce 0


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_alto_747_nonce_too_low_is_no_reason_for_another_nonce(world: World, lag: int) -> None:
    """Sent and mined, the answer lost; asked again, the node says "nonce too low", and its replica lags behind."""

    def lose(count: int, when: str, method: str) -> None:
        if method == SEND and when == "after":
            raise NodeTimeout

    world.award(1)
    world.turn(0, "relayer", lose)
    world.node.mine()
    world.restart(0)
    for _ in range(6):
        world.clock.offset += 6
        world.turn(0, "relayer", lag=lag)
    world.settle()
    assert [len(forms) for forms in world.arrived.values()] == [1]
    assert sum(world.node.head.nonces.values()) == 1


@pytest.mark.parametrize("dropped", [0, 1, 2, 3])
def test_world_id_916_one_dropped_transaction_stalls_no_later_one(world: World, dropped: int) -> None:
    world.award(8)
    world.turn(0, "relayer")
    place = list(world.node.pool)[dropped]
    del world.node.pool[place]
    world.node.mine()
    assert sum(world.node.head.nonces.values()) < 8
    world.clock.offset += 6  # time to send it again, not to raise its fee
    world.turn(0, "relayer")
    world.node.mine()
    world.settle()
    assert {len(forms) for forms in world.arrived.values()} == {1}
    assert sum(world.node.head.nonces.values()) == 8
