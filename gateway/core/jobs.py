"""Later work is a row in the caller's transaction.

`publish` writes one job for each handler of an event; the worker claims due jobs, runs each handler in a transaction of
its own that also deletes the job, and puts a failed one off. A commit to disk costs more than most of the work: kinds
that come with every batch share a transaction, and kinds that come by the thousand have a bulk handler, which takes
many jobs at once. Neighbours among the latter are one row: a bulk call of a thousand actions is one job. A job carries
a kind and integers, never text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.core import crashes
from gateway.core.bulk import add_rows, listed, parts, table_of
from gateway.core.clock import Clock
from gateway.core.columns import Int, JobKind, PrimaryKey, Seconds
from gateway.core.db import Base, Database

log = structlog.get_logger(__name__)

Handler = Callable[[Session, int], None]
BulkHandler = Callable[[Session, Sequence[int]], None]
#: First retry after a second, doubling up to an hour.
MAX_DELAY = 3600
#: Attempts are counted up to here: one an hour, that is a year.
MOST = 10_000
#: What a bulk handler gets in one transaction: no more is added once there is so much.
BULK = 2_000
#: So many jobs of a kind that may share a transaction do. PostgreSQL: who does several at once holds this lock, so that
#: no two who do wait for each other's rows.
AT_ONCE, AT_ONCE_LOCK = 20, 0x7065


class Unfinished(Exception):
    """Raised by a handler that could not do everything yet: what it did stands, and its job is tried again."""


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    kind: Mapped[str] = mapped_column(JobKind())
    ref: Mapped[int] = mapped_column(Int())
    #: Of bulk kinds: how many refs from `ref` on.
    count: Mapped[int] = mapped_column(Int(1, 1_000_000), default=1)
    run_at: Mapped[int] = mapped_column(Seconds(), index=True)
    attempts: Mapped[int] = mapped_column(Int(0, MOST), default=0)


class Taken(NamedTuple):
    """A job that this transaction holds."""

    id: int
    kind: str
    ref: int
    size: int

    @property
    def refs(self) -> range:
        return range(self.ref, self.ref + self.size)


_J = table_of(Job)
# Built once: every turn asks these, mostly to learn that there is nothing to do.
_DUE = sa.select(_J.c.id).where(_J.c.run_at <= sa.bindparam("now")).order_by(_J.c.run_at, _J.c.id)
_SINGLES = (
    _DUE.with_only_columns(_J.c.kind, _J.c.id)
    .where(_J.c.kind.not_in(sa.bindparam("bulk", expanding=True)))
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)
_BUNDLE = _DUE.with_only_columns(_J.c.id, _J.c.count).where(_J.c.kind == sa.bindparam("kind")).limit(BULK)
_TAKE = (
    sa.select(_J.c.id, _J.c.kind, _J.c.ref, _J.c.count)
    .where(listed(_J.c.id, "ids"), _J.c.run_at <= sa.bindparam("now"))
    .order_by(_J.c.id)
    .with_for_update(skip_locked=True)
)
_DONE = sa.delete(_J).where(listed(_J.c.id, "ids"))
_ALONE = sa.select(sa.func.pg_try_advisory_xact_lock(AT_ONCE_LOCK))


@dataclass(frozen=True)
class Registry:
    """What the house does: `handlers` and `bulk` handlers by job kind, and the kinds that each event starts. Jobs of
    the kinds `together` may share a transaction: their handlers write few rows. Built in bootstrap only."""

    handlers: Mapping[str, Handler]
    events: Mapping[str, Sequence[str]]
    bulk: Mapping[str, BulkHandler] = field(default_factory=dict)
    together: Collection[str] = ()

    def __post_init__(self) -> None:
        missing = {kind for kinds in self.events.values() for kind in kinds} - set(self.handlers) - set(self.bulk)
        if missing:
            raise ValueError(f"events name unknown handlers: {sorted(missing)}")


class Jobs:
    """Writes and runs jobs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.registry = Registry({}, {})

    def enqueue(self, session: Session, kind: str, ref: int = 0, delay: int = 0) -> None:
        """Adds one job in the caller's transaction, due in `delay` seconds."""
        session.add(Job(kind=kind, ref=ref, run_at=self.clock.now() + delay))

    def publish(self, session: Session, event: str, *refs: int) -> None:
        """Tells everybody who listens to `event`, in the caller's transaction. One without listeners is dropped."""
        now = self.clock.now()
        single = [(ref, 1) for ref in refs]
        runs = _runs(refs)
        rows = [
            {"kind": kind, "ref": ref, "count": count, "run_at": now, "attempts": 0}
            for kind in self.registry.events.get(event, ())
            for ref, count in (runs if kind in self.registry.bulk else single)
        ]
        add_rows(session, Job, rows)

    def run_due(self, db: Database, limit: int = 100) -> int:
        """Runs up to `limit` due jobs, and `BULK` of each bulk kind, oldest first; returns how many succeeded. Safe in
        several processes at once."""
        bulk = list(self.registry.bulk)
        with db.read() as session:
            now = self.clock.now()
            by_kind: defaultdict[str, list[int]] = defaultdict(list)
            for kind, job_id in session.execute(_SINGLES, {"now": now, "bulk": bulk, "most": limit}).tuples():
                by_kind[kind].append(job_id)
            bundles = {kind: _bundle(session.execute(_BUNDLE, {"now": now, "kind": kind}).tuples()) for kind in bulk}
        done = sum(self._run_bulk(db, kind, bundle) for kind, bundle in bundles.items() if bundle)
        return done + sum(
            self._run_kind(db, kind, part) for kind, ids in by_kind.items() for part in parts(ids, AT_ONCE)
        )

    def _run_kind(self, db: Database, kind: str, ids: Sequence[int]) -> int:
        """In one transaction where that may be; when one of them fails or is not finished, each alone."""
        if kind in self.registry.together and len(ids) > 1:
            with suppress(Exception):
                return self._run_together(db, ids)
        return sum(self._run(db, kind, job_id) for job_id in ids)

    def _run_together(self, db: Database, ids: Sequence[int]) -> int:
        with db.begin() as session:
            if not db.sqlite and not session.scalar(_ALONE):
                raise Unfinished
            jobs = self._take(session, ids)
            for job in jobs:
                self._handle(session, job)
                session.flush()
                session.expunge_all()  # as alone, each sees its rows as they are, not as an earlier one read them
            session.execute(_DONE, {"ids": [job.id for job in jobs]})
            crashes.reach("told", {job.kind.replace(".", "_") for job in jobs})
        return len(jobs)

    def _run_bulk(self, db: Database, kind: str, ids: Sequence[int]) -> int:
        """All of them in one transaction; when that fails, each alone, so that only the bad ones wait."""
        try:
            with db.begin() as session:
                jobs = self._take(session, ids)
                if jobs:
                    self.registry.bulk[kind](session, [ref for job in jobs for ref in job.refs])
                    session.execute(_DONE, {"ids": [job.id for job in jobs]})
            return len(jobs)
        except Exception as error:
            log.warning("jobs.bulk_failed", kind=kind, error=type(error).__name__)
            return sum(self._run(db, kind, job_id) for job_id in self._split(db, ids))

    def _take(self, session: Session, ids: Sequence[int]) -> list[Taken]:
        """Those of these jobs that are there, due, and nobody else's."""
        found = session.execute(_TAKE, {"ids": ids, "now": self.clock.now()})
        return [Taken._make(row) for row in found]

    def _split(self, db: Database, ids: Sequence[int]) -> list[int]:
        """A job for each ref of these jobs; their ids."""
        with db.begin() as session:
            wide = sa.select(Job).where(Job.id.in_(ids), Job.count > 1).with_for_update(skip_locked=True)
            left = list(ids)
            for job in session.scalars(wide).all():
                refs = range(job.ref, job.ref + job.count)
                parts = [Job(kind=job.kind, ref=ref, run_at=job.run_at, attempts=job.attempts) for ref in refs]
                session.delete(job)
                session.add_all(parts)
                session.flush()
                left += [part.id for part in parts]
            return left

    def _handle(self, session: Session, job: Taken) -> None:
        if job.kind in self.registry.bulk:
            self.registry.bulk[job.kind](session, list(job.refs))
        else:
            self.registry.handlers[job.kind](session, job.ref)

    def _run(self, db: Database, kind: str, job_id: int) -> bool:
        try:
            with db.begin() as session:
                jobs = self._take(session, [job_id])
                if not jobs:
                    return False
                try:
                    self._handle(session, jobs[0])
                except Unfinished:
                    self._later(session.get_one(Job, job_id))
                    return False
                session.execute(_DONE, {"ids": [job_id]})
                crashes.reach("told", (kind.replace(".", "_"),))
            return True
        except Exception as error:  # whatever a handler raises, its job stays and is tried again
            log.warning("job.failed", kind=kind, job=job_id, error=type(error).__name__)
            self._put_off(db, job_id)
            return False

    def _put_off(self, db: Database, job_id: int) -> None:
        with db.begin() as session:
            # Since it failed here, another worker may have taken it, and may be about to delete it.
            job = session.get(Job, job_id, with_for_update={"skip_locked": True})
            if job is not None:
                self._later(job)

    def _later(self, job: Job) -> None:
        job.attempts = min(job.attempts + 1, MOST)
        job.run_at = self.clock.now() + min(MAX_DELAY, 2 ** min(job.attempts - 1, 12))


def _runs(refs: Iterable[int]) -> list[tuple[int, int]]:
    """Rising neighbours as (first, how many)."""
    found: list[tuple[int, int]] = []
    for ref in refs:
        if found and ref == sum(found[-1]):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((ref, 1))
    return found


def _bundle(jobs: Iterable[tuple[int, int]]) -> list[int]:
    """The first of these (id, how many) that are enough for one transaction."""
    ids, size = [], 0
    for job_id, count in jobs:
        if size >= BULK:
            break
        ids.append(job_id)
        size += count
    return ids
