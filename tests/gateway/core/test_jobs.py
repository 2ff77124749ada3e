"""Jobs run once, a failed one waits, and in bulk a bad one does not take the good ones with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core import jobs as jobs_module
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import IdempotentWrite, once
from gateway.core.jobs import MOST, Job, Jobs, Registry, Unfinished
from tests.support.races import on_postgresql, overlap, together

NOW = 1_800_000_000


class Rooms:
    """Two handlers that write a row for each job, and fail for refs that they do not like or do not get done."""

    def __init__(self, db: Database, jobs: Jobs) -> None:
        self.db, self.jobs = db, jobs
        self.bad: set[int] = set()
        self.slow: set[int] = set()
        self.calls: list[list[int]] = []
        jobs.registry = Registry(
            {"one.job": self.one}, {"went": ["one.job", "many.job"]}, {"many.job": self.many}, {"one.job"}
        )

    def one(self, session: Session, ref: int) -> None:
        self._write(session, "one", ref)

    def many(self, session: Session, refs: Sequence[int]) -> None:
        self.calls.append(list(refs))
        for ref in refs:
            self._write(session, "many", ref)

    def _write(self, session: Session, name: str, ref: int) -> None:
        once(session, 0, f"{name}-{ref}", name, b"", NOW, lambda: str(ref))
        if ref in self.bad:
            raise ValueError
        if ref in self.slow:
            raise Unfinished

    def publish(self, *refs: int) -> None:
        with self.db.begin() as session:
            for ref in refs:
                self.jobs.publish(session, "went", ref)

    def written(self) -> list[int]:
        with self.db.read() as session:
            return sorted(int(text) for text in session.scalars(sa.select(IdempotentWrite.response)))

    def waiting(self) -> list[tuple[str, int, int]]:
        with self.db.read() as session:
            return sorted((job.kind, job.ref, job.attempts) for job in session.scalars(sa.select(Job)))


@pytest.fixture
def rooms(db: Database, jobs: Jobs) -> Rooms:
    return Rooms(db, jobs)


def test_every_listener_gets_its_job_once(rooms: Rooms) -> None:
    rooms.publish(1, 2, 3)
    assert rooms.jobs.run_due(rooms.db) == 6
    assert rooms.written() == [1, 1, 2, 2, 3, 3]
    assert rooms.calls == [[1, 2, 3]]
    assert rooms.jobs.run_due(rooms.db) == 0


def test_a_bad_job_waits_alone_and_is_tried_again(rooms: Rooms, clock: Clock) -> None:
    rooms.bad = {2}
    rooms.publish(1, 2, 3)
    assert rooms.jobs.run_due(rooms.db) == 4
    assert rooms.written() == [1, 1, 3, 3]
    assert rooms.waiting() == [("many.job", 2, 1), ("one.job", 2, 1)]
    rooms.bad = set()
    assert rooms.jobs.run_due(rooms.db) == 0
    clock.offset += 2
    assert rooms.jobs.run_due(rooms.db) == 2
    assert rooms.written() == [1, 1, 2, 2, 3, 3]


def test_a_job_that_failed_more_often_than_is_counted_stops_no_other(rooms: Rooms, clock: Clock) -> None:
    rooms.bad = rooms.slow = {2}
    rooms.publish(2)
    rooms.jobs.run_due(rooms.db)
    with rooms.db.begin() as session:
        session.execute(sa.update(Job).values(attempts=MOST, run_at=clock.now() - 1))
    rooms.publish(1, 3)
    assert rooms.jobs.run_due(rooms.db) == 4
    assert rooms.waiting() == [("many.job", 2, MOST), ("one.job", 2, MOST)]


def test_what_an_unfinished_job_did_stands(rooms: Rooms, clock: Clock) -> None:
    rooms.slow = {2}
    rooms.publish(1, 2)
    assert rooms.jobs.run_due(rooms.db) == 2
    assert rooms.written() == [1, 1, 2, 2]
    assert rooms.waiting() == [("many.job", 2, 1), ("one.job", 2, 1)]
    rooms.slow = set()
    clock.offset += 2
    assert rooms.jobs.run_due(rooms.db) == 2
    assert rooms.waiting() == []


def test_a_job_is_not_taken_for_one_that_another_worker_has_done(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms.publish(1)
    run = rooms.jobs._run_bulk

    def late(db: Database, kind: str, ids: Sequence[int]) -> int:
        monkeypatch.undo()
        assert rooms.jobs.run_due(db) == 2
        with db.begin() as session:
            for ref in (7, 8):
                rooms.jobs.enqueue(session, "one.job", ref)
        return run(db, kind, ids)

    monkeypatch.setattr(rooms.jobs, "_run_bulk", late)
    rooms.jobs.run_due(rooms.db)
    assert rooms.waiting() == [("one.job", 7, 0), ("one.job", 8, 0)]
    assert rooms.calls == [[1]]


def test_jobs_of_a_kind_share_a_transaction(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "AT_ONCE", 2)
    rooms.publish(1, 2, 3)
    commits: list[object] = []
    sa.event.listen(rooms.db.engine, "commit", commits.append)
    assert rooms.jobs.run_due(rooms.db) == 6
    assert len(commits) == 3  # in bulk, two together, one
    assert rooms.written() == [1, 1, 2, 2, 3, 3]


def test_jobs_that_share_a_transaction_see_their_rows_anew(rooms: Rooms) -> None:
    seen: list[int] = []

    def look(session: Session, ref: int) -> None:
        seen.append(len(session.identity_map))
        session.get(Job, ref)

    rooms.jobs.registry = Registry({"look.job": look}, {"look": ["look.job"]}, together={"look.job"})
    with rooms.db.begin() as session:
        rooms.jobs.publish(session, "look", 1, 2)
    assert rooms.jobs.run_due(rooms.db) == 2
    assert seen[1] == 0


def test_bulk_comes_in_portions_beside_the_others(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "BULK", 2)
    rooms.publish(1, 2, 3)
    assert rooms.jobs.run_due(rooms.db, limit=1) == 3
    assert rooms.calls == [[1, 2]]
    assert rooms.waiting() == [("many.job", 3, 0), ("one.job", 2, 0), ("one.job", 3, 0)]


def test_several_workers_run_each_job_once(rooms: Rooms, clock: Clock) -> None:
    rooms.publish(*range(20))

    def work() -> None:
        for _ in range(3):
            rooms.jobs.run_due(rooms.db)

    together([work] * 4)
    clock.offset += 5
    rooms.jobs.run_due(rooms.db)
    assert rooms.waiting() == []
    assert rooms.written() == sorted([*range(20), *range(20)])


def test_an_event_that_names_an_unknown_handler_is_refused() -> None:
    with pytest.raises(ValueError, match=r"other\.job"):
        Registry({"one.job": lambda session, ref: None}, {"went": ["one.job", "other.job"]})


def test_neighbours_are_one_job_and_part_when_one_of_them_is_bad(rooms: Rooms, db: Database) -> None:
    with db.begin() as session:
        rooms.jobs.publish(session, "went", 5, 6, 7, 9)
    with db.read() as session:
        wide = sa.select(Job.ref, Job.count).where(Job.kind == "many.job").order_by(Job.ref)
        assert [tuple(row) for row in session.execute(wide)] == [(5, 3), (9, 1)]
    rooms.bad = {6}
    rooms.jobs.run_due(db)
    assert rooms.calls[0] == [5, 6, 7, 9]
    assert rooms.written() == [5, 5, 7, 7, 9, 9]
    assert rooms.waiting() == [("many.job", 6, 1), ("one.job", 6, 1)]


def test_a_wide_job_that_is_run_alone_is_run_whole(rooms: Rooms, db: Database) -> None:
    """As when another worker had it while it was to be parted."""
    with db.begin() as session:
        rooms.jobs.publish(session, "went", 5, 6, 7)
    with db.read() as session:
        wide = session.scalars(sa.select(Job.id).where(Job.kind == "many.job")).one()
    assert rooms.jobs._run(db, "many.job", wide)
    assert rooms.written() == [5, 6, 7]


@on_postgresql
def test_a_job_that_failed_here_may_be_done_elsewhere_at_that_moment(rooms: Rooms) -> None:
    rooms.publish(1)
    with rooms.db.read() as session:
        job_id = session.scalars(sa.select(Job.id).where(Job.kind == "one.job")).one()

    def do(session: Session) -> None:
        session.delete(session.get_one(Job, job_id, with_for_update=True))

    overlap(rooms.db, do, lambda: rooms.jobs._put_off(rooms.db, job_id))
    assert [kind for kind, *_ in rooms.waiting()] == ["many.job"]
