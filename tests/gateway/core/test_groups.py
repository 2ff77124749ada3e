"""Many requests in one transaction: each gets its own answer, and one that fails takes no other with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.db import Database
from gateway.core.groups import Groups
from gateway.core.jobs import Job

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
        held.wait(10)
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
