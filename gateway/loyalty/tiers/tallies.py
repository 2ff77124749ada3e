"""What counts for ladders, written and read for a thousand wallets as for one. The campaign must be locked to write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.tiers.models import MAX_VISITS, TierDay

CHUNK = 5_000
COLUMNS = ("campaign_id", "wallet", "day", "points", "spend", "visits")

Row = tuple[bytes, int, int, int, int]


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
        for wallet, day, *amounts in read(session, campaign, {wallet for wallet, _ in places}, min(days), max(days)):
            found[campaign, wallet, day] = (amounts[0], amounts[1], amounts[2])
    return found


def read(session: Session, campaign: int, wallets: Collection[bytes], first: int, last: int) -> Iterator[Row]:
    """Wallet, day, points, spend, visits from day `first` through `last`; each wallet's days rise."""
    table: sa.Table = TierDay.__table__  # type: ignore[assignment]
    columns = table.c
    ordered: Sequence[bytes] = sorted(wallets)
    for start in range(0, len(ordered), CHUNK):
        query = (
            sa.select(columns.wallet, columns.day, columns.points, columns.spend, columns.visits)
            .where(columns.campaign_id == campaign, columns.wallet.in_(ordered[start : start + CHUNK]))
            .where(columns.day.between(first, last))
            .order_by(columns.wallet, columns.day)
        )
        yield from session.execute(query).tuples()


def first_days(session: Session, campaign: int, wallets: Collection[bytes]) -> dict[bytes, int]:
    """The first day of each wallet that has one."""
    ordered = sorted(wallets)
    found: dict[bytes, int] = {}
    for start in range(0, len(ordered), CHUNK):
        query = (
            sa.select(TierDay.wallet, sa.func.min(TierDay.day))
            .where(TierDay.campaign_id == campaign, TierDay.wallet.in_(ordered[start : start + CHUNK]))
            .group_by(TierDay.wallet)
        )
        found |= dict(session.execute(query).tuples().all())
    return found
