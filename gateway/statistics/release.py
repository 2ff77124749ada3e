"""Second door: a week closes once, is published once, and its facts are forgotten, all in one transaction."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs
from gateway.statistics import cells, weeks
from gateway.statistics.cells import BUDGET, CELLS
from gateway.statistics.facts import ACCEPTED
from gateway.statistics.models import SUMS, Metric, Release, StatFact, StatWeek
from gateway.statistics.noise import Below

log = structlog.get_logger(__name__)


class BudgetSpent(Exception):
    """A week's privacy budget does not allow another figure."""


class Closing:
    """Publishes weeks. A week closes when it is over and its merchant has reported nothing for `quiet` seconds."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, quiet: int, below: Below = secrets.randbelow) -> None:
        self.db, self.clock, self.jobs, self.quiet, self.below = db, clock, jobs, quiet, below

    def close_due(self, limit: int = 20) -> int:
        """Closes up to `limit` weeks that are due; returns how many. Safe in several workers."""
        with self.db.read() as session:
            # After a standstill, first take in what was reported before it.
            waiting = sa.select(Job.id).where(Job.kind == ACCEPTED, Job.attempts == 0).limit(1)
            if session.scalar(waiting) is not None:
                return 0
            due = sa.select(StatWeek.merchant_id, StatWeek.week).where(*self._due()).limit(limit)
            found = session.execute(due).all()
        return sum(self._close(merchant, week) for merchant, week in found)

    def _due(self) -> tuple[sa.ColumnElement[bool], ...]:
        now = self.clock.now()
        last_monday = weeks.week_of(now)
        return StatWeek.closed == 0, StatWeek.week < last_monday, StatWeek.last_report_at <= now - self.quiet

    def _close(self, merchant: int, week: int) -> bool:
        with self.db.begin() as session:
            mine = sa.select(StatWeek).where(StatWeek.merchant_id == merchant, StatWeek.week == week, *self._due())
            row = session.scalar(mine.with_for_update(skip_locked=True))
            if row is None:
                return False
            first = self._publish(session, merchant, week)
            session.execute(sa.delete(StatFact).where(StatFact.merchant_id == merchant, StatFact.week == week))
            row.closed, row.tag_key = True, None
            self.jobs.publish(session, "week.closed", first.id)
        log.info("statistics.closed", merchant=merchant, week=week)
        return True

    def _publish(self, session: Session, merchant: int, week: int) -> Release:
        values = _facts(session, merchant, week)
        spend(session, merchant, week, CELLS[Metric.WALLETS].epsilon)
        wallets = cells.draw_wallets(len(values[Metric.WALLETS]), self.below)
        first = self._release(session, merchant, week, Metric.WALLETS, wallets)
        for metric in Metric:
            if metric == Metric.WALLETS:
                continue
            value = None
            if wallets is not None:
                spend(session, merchant, week, CELLS[metric].epsilon)
                value = cells.draw_sum(metric, values[metric], self.below)
            self._release(session, merchant, week, metric, value)
        session.flush()
        return first

    def _release(self, session: Session, merchant: int, week: int, metric: Metric, value: int | None) -> Release:
        cell = CELLS[metric]
        release = Release(
            merchant_id=merchant,
            week=week,
            metric=metric,
            value=value,
            epsilon=cell.epsilon,
            margin=cell.margin,
            published_at=self.clock.now(),
        )
        session.add(release)
        session.flush()
        return release


def spend(session: Session, merchant: int, week: int, epsilon: int) -> None:
    """Takes `epsilon` thousandths from the week's budget, for ever; BudgetSpent when so much is not left."""
    statement = (
        sa.update(StatWeek)
        .where(StatWeek.merchant_id == merchant, StatWeek.week == week, StatWeek.spent + epsilon <= BUDGET)
        .values(spent=StatWeek.spent + epsilon)
        .execution_options(synchronize_session=False)
    )
    if session.connection().execute(statement).rowcount != 1:
        raise BudgetSpent(f"merchant {merchant}, week {week}")


def _facts(session: Session, merchant: int, week: int) -> dict[Metric, list[int]]:
    """What each wallet adds to each cell."""
    columns = [StatFact.__table__.c[metric.name.lower()] for metric in SUMS]
    query = sa.select(*columns).where(StatFact.merchant_id == merchant, StatFact.week == week)
    rows = session.execute(query).all()
    return {Metric.WALLETS: [1] * len(rows)} | {metric: [row[n] for row in rows] for n, metric in enumerate(SUMS)}
