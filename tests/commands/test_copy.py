"""From SQLite to PostgreSQL and back: everything is there, and new rows get new numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway import migrations
from gateway.chain.relayer.models import KeyState
from gateway.commands import copying
from gateway.commands.console import CommandError
from gateway.core.db import Database
from gateway.core.jobs import Job
from tests.support.postgres import postgres_url, server

NOW = 1_800_000_000


@pytest.fixture
def postgres() -> Iterator[Database]:
    database = Database(postgres_url())
    yield database
    database.dispose()
    server().drop_database(str(database.url))


def test_there_and_back(tmp_path: Path, postgres: Database) -> None:
    first, back = (Database(f"sqlite:///{tmp_path / name}") for name in ("first.db", "back.db"))
    migrations.upgrade(first)
    with first.begin() as session:
        session.add_all(Job(kind="messaging.batch", ref=ref, run_at=NOW) for ref in range(2_500))
        session.add(KeyState(sender=b"k" * 20, next_nonce=7, spent=2**95))
    counts = copying.copy(first, postgres, lambda name, count: None)
    assert (counts["jobs"], counts["relayer_keys"]) == (2_500, 1)
    assert migrations.is_current(postgres)
    with postgres.begin() as session:
        session.add(Job(kind="messaging.batch", ref=1, run_at=NOW))
        session.flush()
        assert session.scalar(sa.select(sa.func.max(Job.id))) == 2_501
    assert copying.copy(postgres, back, lambda name, count: None)["jobs"] == 2_501
    with back.read() as session:
        assert session.get_one(KeyState, b"k" * 20).spent == 2**95
    with pytest.raises(CommandError, match="not empty"):
        copying.copy(first, back, lambda name, count: None)
    first.dispose()
    back.dispose()
