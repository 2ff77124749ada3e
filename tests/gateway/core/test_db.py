"""Transactions end, also those of a process that hangs in the middle of one."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import InternalError, OperationalError

from gateway.commands.audit_database import snapshot
from gateway.core import db as db_module
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs


def test_who_hangs_in_a_transaction_holds_up_nobody_for_good(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are free again, and when it wakes up it has written nothing."""
    if db.sqlite:
        pytest.skip("one machine, one file: whoever holds the lock must be ended")
    with db.begin() as session:
        Jobs(Clock()).enqueue(session, "test.hangs", 1)
    monkeypatch.setattr(db_module, "HANGS", 200)  # a connection keeps what it began with: `db` has the usual
    hanging = Database(db.url.render_as_string(False))
    with pytest.raises(InternalError):
        _hang(hanging, db)
    with db.read() as session:
        assert session.scalar(sa.select(Job.ref)) == 1
    hanging.dispose()


def test_a_snapshot_lasts_while_the_chain_is_read(db: Database) -> None:
    if db.sqlite:
        pytest.skip("SQLite ends no transaction")
    ends = sa.text("SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
    with snapshot(db) as session:
        assert session.scalar(ends) == "0"  # never
    with db.read() as session:  # and only it
        assert session.scalar(ends) == str(db_module.HANGS)


def test_no_plan_is_kept_from_when_a_table_was_empty(db: Database) -> None:
    """PostgreSQL keeps the plan of a statement that came often: bulk calls read all actions there were, for each."""
    if db.sqlite:
        pytest.skip("SQLite plans each statement by its indexes")
    with db.begin() as session:
        for ref in range(20):  # the driver prepares it after five, the server keeps a plan after five more
            session.scalar(sa.select(Job.id).where(Job.run_at == ref))
        plans = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT jobs.id%'"
        kept, made = session.execute(sa.text(plans)).tuples().one()
    assert (kept, made > 10) == (0, True)


def _hang(hanging: Database, other: Database) -> None:
    with hanging.begin() as session:
        session.execute(sa.update(Job).values(ref=2))
        with other.begin() as another:  # waits for the row, and gets it
            assert another.scalar(sa.select(Job.ref).with_for_update()) == 1
        session.execute(sa.update(Job).values(ref=3))


def test_who_waits_to_write_looks_again_at_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when SQLite would: the worker leaves milliseconds between two transactions, and tills wait for one."""
    if not db.sqlite:
        pytest.skip("PostgreSQL wakes whoever waits")
    looks: list[float] = []
    with ExitStack() as stack:
        stack.enter_context(db.begin()).execute(sa.text("SELECT 1"))

        def sleep(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 3:
                stack.close()

        # Its own sleep only: the queue of who waits to write may sleep, too.
        monkeypatch.setattr(db_module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
        with db.begin() as session:
            Jobs(Clock()).enqueue(session, "test.waits", 1)
    assert looks == [db_module.LOOK_AGAIN] * 3
    with db.read() as session:
        assert session.scalar(sa.select(Job.ref)) == 1
        assert session.scalar(sa.text("PRAGMA busy_timeout")) == 1_000 * db_module.LOCKED


def test_who_waits_too_long_to_write_is_told_so(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As what it is, so that a request is answered with `busy`, and the connection goes on waiting as before."""
    if not db.sqlite:
        pytest.skip("PostgreSQL has no one writer")
    with db.begin() as first:
        first.execute(sa.text("SELECT 1"))
        monkeypatch.setattr(db_module, "LOCKED", 0)
        with pytest.raises(OperationalError), db.begin() as second:
            second.execute(sa.text("SELECT 1"))
        monkeypatch.undo()
    with db.begin() as session:
        Jobs(Clock()).enqueue(session, "test.waits", 1)
        assert session.scalar(sa.text("PRAGMA busy_timeout")) == 1_000 * db_module.LOCKED


def test_who_leaves_the_log_to_others_copies_it_only_when_they_do_not(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not db.sqlite:
        pytest.skip("PostgreSQL copies its log in a process of its own")
    monkeypatch.setattr(db_module, "COPY_LOG", 5)
    gateway, worker = Database(db.url.render_as_string(False)), Database(db.url.render_as_string(False))
    gateway.leave_log()
    file = Path(db.url.database or "")
    before = file.read_bytes()
    for _ in range(10):
        _write(gateway)
    assert file.read_bytes() == before
    _write(worker)
    assert file.read_bytes() != before
    monkeypatch.setattr(db_module, "COPY_LOG_MYSELF", 5)
    gateway.leave_log()
    before = file.read_bytes()
    for _ in range(10):
        _write(gateway)
    assert file.read_bytes() != before
    gateway.dispose()
    worker.dispose()


def test_a_log_that_is_too_long_is_begun_anew(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once no reader is in it; nothing that is in it is lost, and who waits to write does so afterwards."""
    log, written = Path(f"{db.url.database}-wal"), sa.select(sa.func.count(Job.id))
    _write(db)
    assert db.shorten_log() == 0, "short, or PostgreSQL's"
    if not db.sqlite:
        return
    monkeypatch.setattr(db_module, "LOG_TOO_LONG", 1)
    monkeypatch.setattr(db_module, "FOR_READERS", 1)
    with db.read() as reader:
        assert reader.scalar(written) == 1
        _write(db)
        assert (db.shorten_log(), reader.scalar(written)) == (0, 1)
        _write(db)
    assert log.stat().st_size > 0
    assert (db.shorten_log(), log.stat().st_size) == (1, 0)
    _write(db)
    with db.read() as session:
        assert session.scalar(written) == 4
        assert session.scalar(sa.text("PRAGMA busy_timeout")) == 1_000 * db_module.LOCKED


def _write(database: Database) -> None:
    with database.begin() as session:
        Jobs(Clock()).enqueue(session, "test.writes", 1)
