"""Coarse facts that are forgotten, releases that are kept, and the privacy budget that was spent."""

from __future__ import annotations

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from gateway.core.columns import Blob, Choice, Flag, Hundredths, Int, PrimaryKey, Seconds
from gateway.core.db import Base
from gateway.core.limits import MAX_ID


class Metric(IntEnum):
    """The five weekly cells of one merchant."""

    WALLETS = 1  # wallets with at least one action; carries the gate (epsilon 0.4)
    PURCHASES = 2  # epsilon 0.15 each from here
    REVENUE = 3
    VISITS = 4
    CLAIMS = 5


#: The cells that are sums of something; the columns of StatFact are named after them.
SUMS = (Metric.PURCHASES, Metric.REVENUE, Metric.VISITS, Metric.CLAIMS)


class StatFact(Base):
    """One wallet's clamped parts of one week, under a tag keyed anew every week. Deleted when the week closes.

    The row itself is its part of WALLETS; a row for each metric took three times as long to write."""

    __tablename__ = "stat_facts"

    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), primary_key=True, autoincrement=False)
    #: Days since 1970 of the week's Monday.
    week: Mapped[int] = mapped_column(Int(0, 30_000), primary_key=True, autoincrement=False)
    tag: Mapped[bytes] = mapped_column(Blob(16), primary_key=True)
    purchases: Mapped[int] = mapped_column(Hundredths())
    revenue: Mapped[int] = mapped_column(Hundredths())
    visits: Mapped[int] = mapped_column(Hundredths())
    claims: Mapped[int] = mapped_column(Hundredths())


class StatWeek(Base):
    """One merchant's week: when it was last reported to, whether it is closed, and how much budget it spent."""

    __tablename__ = "stat_weeks"

    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"), primary_key=True, autoincrement=False)
    week: Mapped[int] = mapped_column(Int(0, 30_000), primary_key=True, autoincrement=False)
    #: The merchant's own last report. What wallets do (claims) leaves no trace here: see facts.py.
    last_report_at: Mapped[int] = mapped_column(Seconds())
    closed: Mapped[bool] = mapped_column(Flag(), default=False)
    #: Thousandths of epsilon; never above 1,000.
    spent: Mapped[int] = mapped_column(Int(0, 1_000), default=0)
    #: Actions reported after the close, which are not counted.
    late: Mapped[int] = mapped_column(Int(), default=0)
    #: Random key of the tags, forgotten when the week closes.
    tag_key: Mapped[bytes | None] = mapped_column(Blob(32))


class Release(Base):
    """One published number, computed once. `value` is empty for "too few"."""

    __tablename__ = "releases"
    __table_args__ = (sa.UniqueConstraint("merchant_id", "week", "metric"),)

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    merchant_id: Mapped[int] = mapped_column(sa.ForeignKey("merchants.id"))
    week: Mapped[int] = mapped_column(Int(0, 30_000))
    metric: Mapped[Metric] = mapped_column(Choice(Metric))
    value: Mapped[int | None] = mapped_column(Int(-MAX_ID, MAX_ID))
    #: Thousandths.
    epsilon: Mapped[int] = mapped_column(Int(0, 1_000))
    #: Half width of the 95 % interval of the noise.
    margin: Mapped[int] = mapped_column(Int())
    published_at: Mapped[int] = mapped_column(Seconds())
