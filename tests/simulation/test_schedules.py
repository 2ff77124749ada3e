"""Relayer and indexer under schedules that hypothesis draws: every transaction's effect at most once and in the end
exactly once, nonces without gaps, signed bytes that change by a higher fee alone, a stream that is the chain's.

How many: SCHEDULES in the environment (`make simulate SCHEDULES=20000`), of which one in ten on the real store as well.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.db import Database
from tests.simulation import schedule
from tests.simulation.schedule import STEPS, Step
from tests.simulation.world import World, open_database

SCHEDULES = int(os.environ.get("SCHEDULES", "80"))
STEP = st.tuples(st.sampled_from(STEPS), st.integers(0, 2**14 - 1))
SCHEDULE = st.lists(STEP, min_size=5, max_size=30)
CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def memory() -> Database:
    return open_database()


@pytest.fixture(scope="module")
def another() -> Database:
    return open_database()


@settings(max_examples=SCHEDULES, deadline=None, suppress_health_check=CHECKS)
@given(steps=SCHEDULE)
def test_any_schedule(memory: Database, steps: list[Step]) -> None:
    schedule.run(World(memory, double=True), [("award", 1), *steps])


@settings(max_examples=max(1, SCHEDULES // 10), deadline=None, suppress_health_check=CHECKS)
@given(steps=SCHEDULE)
def test_the_store_and_its_double_do_the_same(memory: Database, another: Database, steps: list[Step]) -> None:
    real, double = World(memory), World(another, double=True)
    for what, number in [("award", 1), *steps]:
        for world in (real, double):
            schedule.step(world, what, number)
        assert real.shelf.txs() == double.shelf.txs()
        assert real.shelf.forms() == double.shelf.forms()
        assert real.arrived == double.arrived
        assert real.node.blocks == double.node.blocks
    real.settle()
    double.settle()
    assert real.shelf.txs() == double.shelf.txs()
    assert real.arrived == double.arrived
