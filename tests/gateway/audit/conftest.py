"""A house without HTTP: what the worker does with the chain's events, done on demand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.audit.scene import Scene
from tests.support.anvil import Anvil


@pytest.fixture
def scene(node: Anvil) -> Iterator[Scene]:
    made = Scene(node)
    yield made
    made.rpc.close()
