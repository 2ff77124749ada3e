"""Many requests in one transaction: each gets its own answer, and one that fails takes no other with it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gateway.core.db import Database
from gateway.core.groups import Groups
from gateway.core.jobs import Job
from tests.support.waiting import PATIENCE

GOOD, BAD = range(40), -1


def write(session: Session, items: Sequence[int]) -> list[int]:
    """One job an item."""
    for item in items:
        if item == BAD:
            raise ValueError("bad")
        session.add(Job(kind="test.group", ref=item, run_at=1_700_000_000))
    session.flush()
    return [item * 2 for item in items]


def stored(db: Database) -> list[int]:
    with db.read() as session:
        return list(session.scalars(sa.select(Job.ref).order_by(Job.ref)))


def test_all_answers_come_after_the_commit_and_few_transactions_are_made(db: Database) -> None:
    sizes: list[int] = []

    def counted(session: Session, items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return write(session, items)

    groups: Groups[int, int] = Groups(db, counted, most=16)

    async def one(item: int) -> int:
        answer = await groups.take(item)
        assert item in stored(db)
        return answer

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*map(one, GOOD))

    assert asyncio.run(all_of_them()) == [item * 2 for item in GOOD]
    assert stored(db) == list(GOOD)
    assert sum(sizes) == len(GOOD)
    assert max(sizes) <= 16
    assert len(sizes) < len(GOOD)


def test_one_that_fails_takes_no_other_with_it(db: Database) -> None:
    groups: Groups[int, int] = Groups(db, write)

    async def all_of_them() -> list[int | BaseException]:
        return await asyncio.gather(*map(groups.take, [1, BAD, 2]), return_exceptions=True)

    first, bad, second = asyncio.run(all_of_them())
    assert (first, second) == (2, 4)
    assert isinstance(bad, ValueError)
    assert stored(db) == [1, 2]


def test_who_has_gone_away_hinders_nobody(db: Database) -> None:
    held = threading.Event()

    def slow(session: Session, items: Sequence[int]) -> list[int]:
        held.wait(PATIENCE)
        return write(session, items)

    groups: Groups[int, int] = Groups(db, slow, most=1)

    async def some_leave() -> int:
        left = asyncio.ensure_future(groups.take(1))
        stays = asyncio.ensure_future(groups.take(2))
        await asyncio.sleep(0.01)
        left.cancel()
        held.set()
        answer = await stays
        with pytest.raises(asyncio.CancelledError):
            await left
        return answer

    assert asyncio.run(some_leave()) == 4
    assert stored(db) == [1, 2], "what was taken is done, whether anybody waits or not"


def test_groups_of_several_event_loops(db: Database) -> None:
    groups: Groups[int, int] = Groups(db, write)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda item=item: answers.append(asyncio.run(groups.take(item)))) for item in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [0, 2, 4, 6]


def test_all_who_wait_for_a_locked_database_are_told_at_once(
    sqlite_with_schema: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one after the other, each after a wait of its own: the last of a hundred would hear of it after an hour."""
    monkeypatch.setattr("gateway.core.db.LOCKED", 0.5)
    db = Database(f"sqlite:///{shutil.copy(sqlite_with_schema, tmp_path / 'locked.db')}")
    writer = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    groups: Groups[int, int] = Groups(db, write)

    async def several() -> list[int | BaseException]:
        return await asyncio.gather(*map(groups.take, range(9)), return_exceptions=True)

    waits: list[int] = []
    begin = db.begin

    def counted() -> AbstractContextManager[Session]:
        waits.append(1)
        return begin()

    monkeypatch.setattr(db, "begin", counted)
    answers = asyncio.run(several())
    assert [type(answer) for answer in answers] == [OperationalError] * 9
    # The thread may have begun with some of them before the others were there.
    assert len(waits) <= 3
    writer.execute("ROLLBACK")
    assert asyncio.run(several()) == [item * 2 for item in range(9)]
    assert stored(db) == list(range(9))
    writer.close()
    db.dispose()


def test_a_bad_one_among_many_costs_few_transactions(db: Database) -> None:
    tries: list[int] = []

    def counted(session: Session, items: Sequence[int]) -> list[int]:
        tries.append(len(items))
        if len(tries) == 1:
            held.wait(PATIENCE)
        return write(session, items)

    held = threading.Event()
    groups: Groups[int, int] = Groups(db, counted)

    async def one_bad() -> list[int | BaseException]:
        first = asyncio.ensure_future(groups.take(100))
        while not tries:
            await asyncio.sleep(0.01)
        others = [asyncio.ensure_future(groups.take(item)) for item in (*range(20), BAD, *range(20, 40))]
        await asyncio.sleep(0.05)
        held.set()
        assert await first == 200
        return await asyncio.gather(*others, return_exceptions=True)

    answers = asyncio.run(one_bad())
    assert [answer for answer in answers if not isinstance(answer, ValueError)] == [item * 2 for item in GOOD]
    assert sorted(stored(db)) == [*GOOD, 100]
    assert len(tries) < 16, tries


def test_an_event_loop_that_closes_meanwhile_hinders_nobody(db: Database) -> None:
    held = threading.Event()

    def slow(session: Session, items: Sequence[int]) -> list[int]:
        held.wait(PATIENCE)
        return write(session, items)

    class Closing(asyncio.SelectorEventLoop):
        """Closes just after it was asked whether it is closed."""

        asked = False

        def is_closed(self) -> bool:
            closed, self.asked = self.asked and super().is_closed(), True
            return closed

    groups: Groups[int, int] = Groups(db, slow)

    async def leave() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(groups.take(1), 0.01)

    with asyncio.Runner(loop_factory=Closing) as runner:
        runner.run(leave())
        loop = runner.get_loop()
        assert isinstance(loop, Closing)
    loop.asked = False
    held.set()
    assert asyncio.run(asyncio.wait_for(groups.take(2), PATIENCE)) == 4
    loop.asked = True
    assert stored(db) == [1, 2]


def test_a_thread_that_could_not_be_started_is_started_by_the_next(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: Groups[int, int] = Groups(db, write)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(RuntimeError):
            asyncio.run(groups.take(1))
    assert asyncio.run(asyncio.wait_for(groups.take(2), PATIENCE)) == 4
    assert stored(db) == [2]


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
