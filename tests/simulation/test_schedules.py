"""Relayer and indexer under schedules that hypothesis draws: every transaction's effect at most once and in the end
exactly once, nonces without gaps, signed bytes that change by a higher fee alone, a stream that is the chain's.

How many: SCHEDULES in the environment (`make simulate SCHEDULES=20000`).
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

SCHEDULES = int(os.environ.get("SCHEDULES", "25"))


@pytest.fixture(scope="module")
def memory() -> Database:
    return open_database()


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2**14 - 1)), min_size=5, max_size=30))
def test_any_schedule(memory: Database, steps: list[Step]) -> None:
    schedule.run(World(memory), [("award", 1), *steps])
