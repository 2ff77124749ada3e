"""What counts for ladders, written and read for a thousand wallets as for one. The campaign must be locked to write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.bulk import parts
from gateway.loyalty.tiers.models import MAX_VISITS, TierDay

COLUMNS = ("campaign_id", "wallet", "day", "points", "spend", "visits")

#: Wallet, day, points and spend as the database has them (12 bytes, big-endian), visits.
Row = tuple[bytes, int, bytes, bytes, int]


class Tally(NamedTuple):
    """What one action adds to a local day (days since 1970) of its wallet, or its refund takes off. Hundredths."""

    campaign: int
    wallet: bytes
    day: int
    points: int
    spend: int = 0
    visits: int = 0


def add(session: Session, tallies: Iterable[Tally]) -> None:
    """Counts. A day never falls below nothing: what is taken off was counted before."""
    sums: dict[tuple[int, bytes, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for campaign, wallet, day, *amounts in tallies:
        row = sums[campaign, wallet, day]
        for place, amount in enumerate(amounts):
            row[place] += amount
    known = _known(session, sums.keys())
    new: list[dict[str, object]] = []
    old: list[dict[str, object]] = []
    for key, change in sorted(sums.items()):
        before = known.get(key)
        now = [max(0, was + more) for was, more in zip(before or (0, 0, 0), change, strict=True)]
        values = (*key, *now[:2], min(now[2], MAX_VISITS))
        (new if before is None else old).append(dict(zip(COLUMNS, values, strict=True)))
    if new:
        session.execute(sa.insert(TierDay), new)
    if old:
        session.execute(sa.update(TierDay), old)


def _known(
    session: Session, keys: Collection[tuple[int, bytes, int]]
) -> dict[tuple[int, bytes, int], tuple[int, int, int]]:
    found: dict[tuple[int, bytes, int], tuple[int, int, int]] = {}
    by_campaign: dict[int, list[tuple[bytes, int]]] = defaultdict(list)
    for campaign, wallet, day in keys:
        by_campaign[campaign].append((wallet, day))
    for campaign, places in by_campaign.items():
        days = [day for _, day in places]
        rows = read(session, campaign, {wallet for wallet, _ in places}, min(days), max(days))
        for wallet, day, points, spend, visits in rows:
            found[campaign, wallet, day] = (number(points), number(spend), visits)
    return found


def number(stored: bytes) -> int:
    """An amount out of a row."""
    return int.from_bytes(stored, "big")


def read(session: Session, campaign: int, wallets: Collection[bytes], first: int, last: int) -> list[Row]:
    """The rows from day `first` through `last`, wallet by wallet; each one's days rise. Raw, because there are many of
    them and of most no more than one column is looked at."""
    columns = TierDay.__table__.c
    raw = [sa.type_coerce(columns[name], sa.types.NullType()) for name in COLUMNS[1:]]
    found: list[Row] = []
    for part in parts(sorted(wallets)):
        query = (
            sa.select(*raw)
            .where(columns.campaign_id == campaign, columns.wallet.in_(part))
            .where(columns.day.between(first, last))
            .order_by(columns.wallet, columns.day)
        )
        found += session.execute(query).tuples().all()
    return found


def first_days(session: Session, campaign: int, wallets: Collection[bytes]) -> dict[bytes, int]:
    """The first day of each wallet that has one."""
    found: dict[bytes, int] = {}
    for part in parts(sorted(wallets)):
        query = (
            sa.select(TierDay.wallet, sa.func.min(TierDay.day))
            .where(TierDay.campaign_id == campaign, TierDay.wallet.in_(part))
            .group_by(TierDay.wallet)
        )
        found |= dict(session.execute(query).tuples().all())
    return found
