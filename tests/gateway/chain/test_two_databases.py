"""One key in two databases, as when an old worker goes on beside a restored one. Neither can be right; what their
fences against each other cost is bounded, and everything lands once all the same."""

from __future__ import annotations

from pathlib import Path

from gateway.chain.relayer.models import Purpose
from gateway.core.db import Database
from gateway.models import metadata
from tests.gateway.chain.pipeline import Pipeline

TURNS, SECONDS = 40, 15


def test_fences_against_another_database_become_rare(pipeline: Pipeline, tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'other.db'}")
    metadata.create_all(db.engine)
    other = Pipeline(db, pipeline.world, pipeline.clock, pipeline.campaign, pipeline.rpc)
    for _ in range(TURNS):
        if not pipeline.open():
            pipeline.award()
        for one in (pipeline, other):
            one.relayer.step()
        pipeline.mine()
        pipeline.later(SECONDS)
    empty = sum(row.purpose is Purpose.FILL for one in (pipeline, other) for row in one.rows())
    db.dispose()
    # In ten minutes each put up three at once and others after 1, 2 and 4 minutes more.
    assert empty <= 2 * 6 * pipeline.settings.in_flight
    pipeline.run(100)
    pipeline.check_landed()
