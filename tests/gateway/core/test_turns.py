"""Who waits to write to SQLite gets its turn, however busy the others are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from gateway.core import db as db_module
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs
from gateway.core.turns import Turns

STANDS = """
import sys, time
from gateway.core.turns import Turns
with Turns(sys.argv[1], 0.001).mine(time.monotonic() + 10):
    print("stands", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def file(db: Database) -> str:
    """The database's file."""
    if not db.sqlite:
        pytest.skip("PostgreSQL has a queue of its own")
    return db.url.database or ""


def test_who_has_written_stands_behind_who_waits(db: Database, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that always writes again at once, as a busy worker does, lets another in between any two, also when
    that one looks too seldom to meet such a moment."""
    order: list[str] = []
    monkeypatch.setattr(db_module, "LOOK_AGAIN", 0.05)
    url = db.url.render_as_string(False)
    busy, till, ended = Database(url), Database(url), threading.Event()

    def write(database: Database, name: str) -> None:
        with database.begin() as session:
            order.append(name)
            Jobs(Clock()).enqueue(session, f"test.{name}", 1)
            time.sleep(0.02)

    def work() -> None:
        while not ended.is_set():
            write(busy, "busy")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(10):
            before = len(order)
            write(till, "till")
            # one that writes at the moment, and one that came to the queue before
            assert order[before : order.index("till", before)] in ([], ["busy"], ["busy", "busy"])
    finally:
        ended.set()
        worker.join()
        busy.dispose()
        till.dispose()
    assert order.count("busy") >= 5, "nor does the till keep it from working"


def test_who_dies_in_the_queue_leaves_it(db: Database, file: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", STANDS, file], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"stands\n"
    with pytest.raises(TimeoutError), Turns(file, 0.001).mine(time.monotonic() + 0.05):
        raise AssertionError("two at once")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    turns = Turns(file, 0.001)
    with turns.mine(time.monotonic() + 5):
        pass
    turns.close()


def test_who_stands_too_long_is_told_so(db: Database, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody writes too long; and has its turn afterwards."""
    first = Turns(file, 0.001)
    monkeypatch.setattr(db_module, "LOCKED", 0.05)
    with first.mine(time.monotonic() + 5), pytest.raises(OperationalError), db.begin() as session:
        session.execute(sa.text("SELECT 1"))
    with db.begin() as session:
        Jobs(Clock()).enqueue(session, "test.waits", 1)
    with db.read() as session:
        assert session.scalar(sa.select(Job.ref)) == 1
    first.close()


def test_threads_of_one_process_stand_too(file: str) -> None:
    turns = Turns(file, 0.001)
    with turns.mine(time.monotonic() + 5), pytest.raises(TimeoutError), turns.mine(time.monotonic() + 0.01):
        raise AssertionError("two at once")
    turns.close()


def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:"):
        database = Database(url)
        with database.begin() as session:
            session.execute(sa.text("SELECT 1"))
        database.dispose()
    assert list(tmp_path.iterdir()) == []


def test_without_its_file_everybody_writes_all_the_same(db: Database, file: str, tmp_path: Path) -> None:
    """Deleted, or impossible to make: SQLite itself lets only one write."""
    with db.begin() as session:
        Jobs(Clock()).enqueue(session, "test.first", 1)
    Path(f"{file}-turn").unlink()
    with db.begin() as session:
        Jobs(Clock()).enqueue(session, "test.second", 2)
    with Turns(str(tmp_path / "nowhere" / "file"), 0.001).mine(time.monotonic() + 1), db.read() as session:
        assert list(session.scalars(sa.select(Job.ref).order_by(Job.ref))) == [1, 2]
