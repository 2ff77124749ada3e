"""Who waits to write to SQLite gets its turn, however busy the others are."""

from __future__ import annotations

import errno
import gc
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
from gateway.core import turns
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs
from gateway.core.turns import Turns
from tests.support.waiting import in_time, until

STANDS = """
import sys, time
from gateway.core.turns import Turns
with Turns(sys.argv[1]).mine(time.monotonic() + 100):
    print("stands", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def file(db: Database) -> str:
    """The database's file."""
    if not db.sqlite:
        pytest.skip("PostgreSQL has a queue of its own")
    return db.url.database or ""


@pytest.mark.parametrize("threads", [1, 4])
def test_who_has_written_lets_others_come(
    db: Database, file: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that always writes again at once, as a busy worker does or a gateway with many requests, lets another
    in between any two transactions, also when that one looks too seldom to meet such a moment."""
    url = db.url.render_as_string(False)

    def attempt(look_again: float) -> None:
        monkeypatch.setattr(db_module, "LOOK_AGAIN", look_again)
        monkeypatch.setattr(turns, "LOOK_AGAIN", look_again)
        _many_and_one(url, threads, monkeypatch)

    in_time(attempt, 0.02, 0.2)


def _many_and_one(url: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, till, ended = Database(url), Database(url), threading.Event()
    order: list[str] = []
    stood: list[int] = []  # how much had been written when the till came to the queue
    stand = till._turns._stand

    def noted(until: float) -> bool:
        stood.append(len(order))
        return stand(until)

    monkeypatch.setattr(till._turns, "_stand", noted)

    def write(database: Database, name: str) -> None:
        with database.begin() as session:
            session.execute(sa.text("SELECT 1"))  # the transaction begins with its first statement
            order.append(name)
            time.sleep(0.05)

    def work() -> None:
        while not ended.is_set():
            write(busy, "busy")

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        until(lambda: order, "somebody writes")
        for _ in range(10):
            write(till, "till")
            # at most who writes at the moment, and who came to the queue before
            assert len(order[stood[-1] : order.index("till", stood[-1])]) <= 2
    finally:
        ended.set()
        for worker in workers:
            worker.join()
        busy.dispose()
        till.dispose()
    assert order.count("busy") >= 5, "nor does the till keep it from working"


def test_who_dies_in_the_queue_leaves_it(db: Database, file: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", STANDS, file], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"stands\n"
    mine = Turns(file)
    assert not mine._stand(time.monotonic() + 0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert mine._stand(time.monotonic() + 60)
    mine.close()


def test_who_hangs_in_the_queue_holds_nobody_up_for_good(
    db: Database, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "STAND", 0.05)
    hangs = Turns(file)
    with hangs.mine(time.monotonic() + 60):
        _write(db, 1)
    hangs.close()
    assert _written(db) == [1]


def test_threads_that_wait_too_long_are_told_so(db: Database, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody writes too long; afterwards they write."""
    with db._turns.mine(time.monotonic() + 60):
        monkeypatch.setattr(db_module, "LOCKED", 0.01)
        with pytest.raises(OperationalError):
            _write(db, 1)
    monkeypatch.undo()
    _write(db, 2)
    assert _written(db) == [2]


def test_who_may_open_the_database_may_stand_in_its_queue(db: Database, file: str) -> None:
    os.chmod(file, 0o640)
    _write(db, 1)
    beside = os.stat(f"{file}-turn")
    assert (beside.st_mode & 0o777, beside.st_uid, beside.st_size) == (0o640, os.stat(file).st_uid, 0)


def test_where_files_cannot_be_locked_everybody_writes_all_the_same(
    db: Database, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr("gateway.core.turns.fcntl.flock", refuse)
    for ref in (1, 2):
        _write(db, ref)
    assert _written(db) == [1, 2]


def test_without_its_file_everybody_writes_all_the_same(db: Database, file: str, tmp_path: Path) -> None:
    """Deleted, or impossible to make."""
    _write(db, 1)
    Path(f"{file}-turn").unlink()
    _write(db, 2)
    with Turns(str(tmp_path / "nowhere" / "file")).mine(time.monotonic() + 60):
        _write(db, 3)
    assert _written(db) == [1, 2, 3]


def test_a_database_that_is_forgotten_leaves_no_open_file(db: Database, file: str) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(5):
        with Turns(file).mine(time.monotonic() + 60):
            pass
    gc.collect()
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:"):
        database = Database(url)
        with database.begin() as session:
            session.execute(sa.text("SELECT 1"))
        database.dispose()
    assert list(tmp_path.iterdir()) == []


def _write(database: Database, ref: int) -> None:
    with database.begin() as session:
        Jobs(Clock()).enqueue(session, "test.turns", ref)


def _written(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(sa.select(Job.ref).order_by(Job.id)))
