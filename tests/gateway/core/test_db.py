"""Transactions end, also those of a process that hangs in the middle of one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import InternalError

from gateway.core import db as db_module
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs


def test_who_hangs_in_a_transaction_holds_up_nobody_for_good(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are free again, and when it wakes up it has written nothing."""
    if db.sqlite:
        pytest.skip("one machine, one file: whoever holds the lock must be ended")
    monkeypatch.setattr(db_module, "HANGS", 200)
    hanging, other = Database(db.url.render_as_string(False)), Database(db.url.render_as_string(False))
    with db.begin() as session:
        Jobs(Clock()).enqueue(session, "test.hangs", 1)
    with pytest.raises(InternalError):
        _hang(hanging, other)
    with other.read() as session:
        assert session.scalar(sa.select(Job.ref)) == 1
    hanging.dispose()
    other.dispose()


def _hang(hanging: Database, other: Database) -> None:
    with hanging.begin() as session:
        session.execute(sa.update(Job).values(ref=2))
        with other.begin() as another:  # waits for the row, and gets it
            assert another.scalar(sa.select(Job.ref).with_for_update()) == 1
        session.execute(sa.update(Job).values(ref=3))
