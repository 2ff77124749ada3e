from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.chain.world import World, build, opened
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
