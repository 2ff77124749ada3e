"""Weeks that end in a storm: each is published once, within its budget, and what it was reckoned from is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.hexes import checksum, keccak256
from gateway.core.db import Database
from gateway.statistics import weeks
from gateway.statistics.cells import BUDGET, CELLS
from gateway.statistics.models import Metric, Release, StatFact, StatWeek
from tests.storm.book import Book
from tests.storm.town import Town

#: Wallets that visit a shop in a week of long ago: so many that noise keeps back no figure once in a hundred million.
STRANGERS = tuple(checksum(keccak256(b"stranger %d" % number)[:20]) for number in range(100))
#: How far the noised number of wallets is from the truth at most: 24 of its scales.
FAR = 60


def days_of(number: int) -> int:
    """The Monday, in days since 1970, of week `number` before this one; the last one is 0."""
    return weeks.week_of(int(time.time())) - 7 * (number + 1)


def open_weeks() -> sa.Select[tuple[int]]:
    """Weeks that are over and not published."""
    return sa.select(StatWeek.week).where(StatWeek.closed == 0, StatWeek.week < weeks.week_of(int(time.time())))


def differences(town: Town, database: Database, book: Book) -> Iterator[str]:
    """What is wrong with the weeks that the storm told of, once all are published."""
    yield from book.changed_figures
    with database.read() as session:
        for place, merchant in enumerate(town.merchants):
            for week, visits in book.weeks[place].items():
                for fault in _faults(session, merchant.id, week, visits):
                    yield f"merchant {merchant.id}, {weeks.label(week)}: {fault}"


def _faults(session: Session, merchant: int, week: int, visits: int) -> Iterator[str]:
    row = session.get(StatWeek, (merchant, week))
    if row is None or not row.closed:
        yield "was never published"
        return
    published = session.scalars(sa.select(Release).where(Release.merchant_id == merchant, Release.week == week)).all()
    values = {release.metric: release.value for release in published}
    if sorted(release.metric for release in published) != sorted(Metric):
        yield f"has {len(published)} figures"
        return
    shown = [metric for metric in Metric if metric == Metric.WALLETS or values[metric] is not None]
    cost = sum(CELLS[metric].epsilon for metric in shown)
    if row.spent != cost or cost > BUDGET:
        yield f"has spent {row.spent} for figures that cost {cost}"
    facts = sa.select(sa.func.count()).where(StatFact.merchant_id == merchant, StatFact.week == week)
    if session.scalar(facts) or row.tag_key is not None:
        yield "is published and not forgotten"
    wallets = values[Metric.WALLETS]
    if not row.late and visits == len(STRANGERS) and (wallets is None or abs(wallets - visits) > FAR):
        yield f"shows {wallets} wallets instead of about {visits}"
