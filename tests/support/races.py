"""What happens at once: as it comes, or one step after the other in an order that the test says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.db import Database
from tests.support.waiting import PATIENCE, until

Work = Callable[[Session], object]

#: SQLite has one writer at a time: there nobody meets.
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def together(works: Iterable[Callable[[], object]]) -> None:
    """Does each in a thread of its own, all at once. Raises what one of them raises, once all have ended."""
    works = list(works)
    with ThreadPoolExecutor(len(works)) as pool:
        doing = [pool.submit(work) for work in works]
    for done in doing:
        done.result()


def overlap(
    db: Database, first: Work, second: Callable[[], object], then: Work | None = None, waiting: int = 1
) -> None:
    """Does `first` in a transaction and begins `second`, which opens its own; once that has ended or so many wait for
    locks, the first goes on with `then`, if that is given, and commits. Raises what any of them raises."""
    with ThreadPoolExecutor(1) as pool:
        with db.begin() as session:
            first(session)
            session.flush()
            following = pool.submit(second)
            until_ended_or_waiting(db, following, waiting)
            if then is not None:
                then(session)
        following.result(PATIENCE)


def until_ended_or_waiting(db: Database, doing: Future[object], waiting: int = 1) -> None:
    """Until what another thread does has ended, or so many wait for locks."""
    until(lambda: doing.done() or _waiting(db) >= waiting, "it ends or waits")


def _waiting(db: Database) -> int:
    """How many wait for another's lock. SQLite does not tell: there a moment is waited, and then the second does."""
    if db.sqlite:
        time.sleep(0.1)
        return 1
    with db.read() as session:
        return session.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")) or 0
