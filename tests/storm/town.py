"""Where a storm happens: merchants, campaigns of every kind, offers, holders with points."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.client import Json
from tests.functional.house import done
from tests.functional.people import RULES, Holder, Merchant
from tests.storm.fleet import Fleet
from tests.storm.plan import HOLDERS

POINTS = 20_000
BUDGET = 50_000_000
CAP = 20_000_000
WEEK = 7 * 86_400
#: Seconds: awards of the campaign with a hold mature after one to two of them.
HOLD = 4
#: Numbers of badges, which everybody has earned by the visit that brought these points.
BADGES, VISIT = tuple(range(1, 9)), 100
BADGED: Json = {
    "rules": [{"kind": "per_visit", "points": VISIT}],
    "challenges": [{"id": "came", "period": "campaign", "points": 0}],
    "badges": [{"number": number, "name": "Guest", "goal": "came"} for number in BADGES],
}


@dataclass
class Town:
    """`open` and `shared` settle at once, `held` has a hold, `closed` a bonus, `windows` settles every few seconds;
    `badged` has badges."""

    fleet: Fleet
    merchants: list[Merchant]
    open: int
    shared: int
    held: int
    closed: int
    windows: int
    badged: int
    #: Paid from the wallet.
    offers: list[Json]
    #: Paid from an account of `closed`.
    spending: Json
    holders: list[Holder]

    @property
    def campaigns(self) -> tuple[int, ...]:
        """Those that award."""
        return (self.open, self.shared, self.held, self.closed, self.windows, self.badged)

    def reports_to(self, merchant: int) -> tuple[int, ...]:
        """Campaigns in which a merchant may report purchases."""
        return self.campaigns[:-1] if merchant == 0 else (self.shared,)


def settle_down(fleet: Fleet, listen: Callable[[Merchant], None]) -> Town:
    """Everything that is done with merchants' own transactions; a storm does no more of those. `listen` registers a
    merchant's lasting webhook before there is anything to tell."""
    first, second = fleet.join(), fleet.join()
    listen(first)
    listen(second)
    long_ago = int(time.time()) - 400 * WEEK
    made = {
        "open": first.campaign(budget=BUDGET, daily_cap=CAP, starts_at=long_ago),
        "shared": first.campaign(budget=BUDGET, daily_cap=CAP, starts_at=long_ago),
        "held": first.campaign(budget=BUDGET, daily_cap=CAP, hold=HOLD),
        "closed": first.campaign(budget=BUDGET, daily_cap=CAP, closed=True, bonus=1_000, pot=1_000_000),
        "windows": first.campaign(budget=BUDGET, daily_cap=CAP, settle_every=3, step=10, rules=RULES),
        "badged": first.campaign(budget=BUDGET, daily_cap=CAP, rules=BADGED),
    }
    for campaign in made.values():
        fleet.let_all(first, campaign, CAP)
    first.invite(second, made["shared"], daily_quota=CAP)
    holders = [Holder.fresh(fleet) for _ in range(HOLDERS)]
    for holder in holders:
        fleet.mint_points(holder.address, POINTS)
        visit = {"campaign": made["badged"], "kind": "visit", "occurred_at": int(time.time()), "wallet": holder.name}
        done(first.report(visit), 202)
    town = Town(
        fleet,
        [first, second],
        **made,
        offers=[first.offer(200, pattern="CAFE-****-****-****-%"), second.offer(300, codes=400)],
        spending=first.offer(150, campaign=made["closed"], pattern="CLUB-****-****-****-%"),
        holders=holders,
    )
    brought = POINTS + VISIT
    fleet.until(lambda: all(fleet.balance(each.address) == brought for each in holders), "everybody has points")
    return town
