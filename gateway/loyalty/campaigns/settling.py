"""Window, crowd and step of a campaign's settlements, and how they change: announced, in force GRACE later. Pure.

They were promised for the privacy of wallets. Nothing waits longer than GRACE for a crowd, so that what was reported
before an announcement gets the crowd that was known then.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign


class Terms(NamedTuple):
    """Seconds between settlements (0: at once), wallets below which one waits, hundredths that amounts are multiples
    of."""

    settle_every: int
    min_wallets: int
    step: int


def terms(row: Campaign) -> Terms:
    """Those in force."""
    return Terms(row.settle_every, row.min_wallets, row.step)


def announced(row: Campaign) -> tuple[Terms, int] | None:
    """Those to come, and from when on."""
    if row.coming_from is None:
        return None
    return Terms(row.coming_every or 0, row.coming_wallets or 1, row.coming_step or 1), row.coming_from


def announce(row: Campaign, wanted: Terms, since: int) -> None:
    """New terms from `since` on. Those that were announced already keep their time; those in force withdraw what was
    announced."""
    there = announced(row)
    if there is not None and there[0] == wanted:
        return
    values = (*wanted, since) if wanted != terms(row) else (None, None, None, None)
    row.coming_every, row.coming_wallets, row.coming_step, row.coming_from = values


def begin_due(row: Campaign, now: int) -> None:
    """Puts announced terms into force when their time has come. What waits is settled no later than was said."""
    there = announced(row)
    if there is None or there[1] > now:
        return
    row.settle_every, row.min_wallets, row.step = there[0]
    row.settle_at = min(row.settle_at, schedule.next_settlement(now, row.settle_every, row.end))
    row.coming_every = row.coming_wallets = row.coming_step = row.coming_from = None
