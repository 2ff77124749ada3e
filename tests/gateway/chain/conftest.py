from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.core.clock import Clock
from gateway.core.db import Database
from tests.gateway.chain.pipeline import Pipeline
from tests.gateway.chain.world import FaultyRpc, World, build, opened
from tests.support.anvil import Anvil, anvil


@pytest.fixture(scope="session")
def shared_node() -> Iterator[Anvil]:
    """One chain for the tests that only add to it."""
    with anvil() as running:
        yield running


@pytest.fixture(scope="session")
def shared_world(shared_node: Anvil) -> Iterator[World]:
    world = build(shared_node)
    opened.remove(world.rpc)
    yield world
    world.rpc.close()


@pytest.fixture(autouse=True)
def _connections_are_closed(shared_world: World) -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


@pytest.fixture
def world(node: Anvil) -> World:
    """A platform on a chain of its own, for tests that bend the chain."""
    return build(node)


@pytest.fixture
def pipeline(world: World, db: Database, clock: Clock) -> Pipeline:
    """A relayer of its own chain, which mines only when the test says so."""
    campaign = world.campaign()
    world.node.rpc("evm_setAutomine", False)
    return Pipeline(db, world, clock, campaign, FaultyRpc(world.node.url))
