"""Points promised against a campaign's budget, its daily cap and the merchant's quota.

Whoever promises, settles, claims or takes back holds a campaign's locks until its transaction ends, so that for each
campaign these happen one after the other. There are two, and `lock` takes both: the settlement's, without which nothing
that waits is settled or taken back and nothing that wallets carry changed, and the lock on the campaign's row, without
which nothing is promised or freed. Awards need the second alone, so that they pass while a settlement folds and writes.
It commits with both, which makes it one moment for them, and what they add it has not read, as if they had come after
it (docs/decisions/0143-awards-pass-a-settlement.md).
Invariant at every commit that promises: reserved <= budget (after a restore: plus what was paid ahead, which no promise
has to pay again).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.bulk import table_of, upsert
from gateway.core.db import is_sqlite
from gateway.core.durations import DAY
from gateway.core.limits import MAX_SUM
from gateway.loyalty.campaigns.errors import BUDGET_EXHAUSTED, DAILY_CAP_REACHED, QUOTA_REACHED
from gateway.loyalty.campaigns.models import Campaign, QuotaUse

#: A campaign's settlement among PostgreSQL's advisory locks: this and the campaign's slot. The server has room for some
#: thousands of locks, and a reorganisation locks every campaign there is: campaigns that are far apart share a slot.
SETTLEMENTS, SLOTS = 0x10A2 << 40, 1_024

# Statements of a till's transaction are built once: to build one costs as much as to execute it.
_LOCK = (
    sa.select(Campaign)
    .where(Campaign.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(Campaign.id)
    # Whoever adds a row that names a campaign, as a settlement its batches, need not wait for it.
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_SETTLEMENT = sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("key", type_=sa.BigInteger)))
_USED = sa.select(QuotaUse.merchant_id, QuotaUse.points).where(
    QuotaUse.campaign_id == sa.bindparam("campaign"), QuotaUse.day == sa.bindparam("day")
)
_C = table_of(Campaign)
_CHANGED = (
    sa.update(_C)
    .where(_C.c.id == sa.bindparam("campaign"))
    .values(reserved=_C.c.reserved + sa.bindparam("points", type_=sa.BigInteger))
)
# The conditions repeat what the lock already ensures: an error in our books must never pass silently.
_PROMISED = _CHANGED.where(_C.c.reserved + sa.bindparam("points") <= _C.c.budget + _C.c.ahead)
_FREED = _CHANGED.where(_C.c.reserved + sa.bindparam("points") >= 0)


def lock(session: Session, ids: Collection[int]) -> dict[int, Campaign]:
    """The campaigns that exist, read anew, with both of their locks. Nobody waits in a circle: settlements come first,
    in the order of their slots, then the rows in that of the ids; and nobody asks for other campaigns later."""
    lock_settlements(session, ids)
    return lock_promises(session, ids)


def lock_settlements(session: Session, ids: Collection[int]) -> None:
    """Nobody else settles these campaigns until the transaction ends. On SQLite nobody else writes anyway."""
    if not is_sqlite(session.get_bind()):
        for slot in sorted({id % SLOTS for id in ids}):
            session.execute(_SETTLEMENT, {"key": SETTLEMENTS | slot})


def lock_promises(session: Session, ids: Collection[int]) -> dict[int, Campaign]:
    """As `lock`, while others may settle: for awards, and for a settlement once it has its own lock."""
    return {campaign.id: campaign for campaign in session.scalars(_LOCK, {"ids": list(ids)})}


@dataclass
class Allowance:
    """What one merchant may still promise in one locked campaign on one UTC day, in hundredths of a point.

    `quota_left` is None for the campaign's owner.
    """

    campaign: int
    merchant: int
    day: int
    budget_left: int
    cap_left: int
    quota_left: int | None
    taken: int = 0

    def take(self, points: int, covered: int = 0) -> None:
        """Promises `points` or raises `budget-exhausted`, `daily-cap-reached`, `quota-reached`; nothing is written.

        How much is left of budget and cap is not said: codes that lapse and bonuses that wallets get change it. A quota
        counts what its merchant reported, and nothing else.
        `covered`: of them, what was paid out of the budget before the database was restored.
        """
        if points == 0:
            return
        if points > max(self.budget_left, 0) + covered:
            raise BUDGET_EXHAUSTED.at("campaign")
        if points > self.cap_left:
            raise DAILY_CAP_REACHED.at("campaign")
        if self.quota_left is not None and points > self.quota_left:
            raise QUOTA_REACHED.at("campaign", f"{max(self.quota_left, 0)} hundredths are left today")
        self.budget_left -= points - covered
        self.cap_left -= points
        self.quota_left = None if self.quota_left is None else self.quota_left - points
        self.taken += points

    def quota_alone(self) -> None:
        """From here on only the merchant's quota speaks against points: for previews, which promise nothing."""
        self.budget_left = self.cap_left = MAX_SUM


def allowance(session: Session, campaign: Campaign, merchant_id: int, quota: int | None, now: int) -> Allowance:
    """Counts what is left in a campaign locked by `lock`; `quota` is the merchant's a day, None without one."""
    day = now // DAY
    used = dict(session.execute(_USED, {"campaign": campaign.id, "day": day}).tuples().all())
    return Allowance(
        campaign=campaign.id,
        merchant=merchant_id,
        day=day,
        budget_left=campaign.budget - campaign.reserved,
        cap_left=campaign.daily_cap - sum(used.values()),
        quota_left=None if quota is None else quota - used.get(merchant_id, 0),
    )


def keep(session: Session, allowance: Allowance) -> None:
    """Writes down what was taken."""
    if not allowance.taken:
        return
    _change(session, allowance.campaign, allowance.taken)
    key = {"campaign_id": allowance.campaign, "merchant_id": allowance.merchant, "day": allowance.day}
    upsert(session, QuotaUse, list(key), [{**key, "points": allowance.taken}], {"points": MAX_SUM})


def release(session: Session, campaign: int, points: int) -> None:
    """Takes `points` out of what is promised: they landed, lapsed or were refunded. The campaign must be locked."""
    if points:
        _change(session, campaign, -points)


def restore(session: Session, campaign: int, points: int) -> None:
    """Promises again what a reorganisation took off the chain, even above the budget: it was accepted."""
    row = session.get_one(Campaign, campaign)
    row.reserved += points
    session.flush()


def _change(session: Session, campaign: int, points: int) -> None:
    change = _PROMISED if points > 0 else _FREED
    if session.connection().execute(change, {"campaign": campaign, "points": points}).rowcount != 1:
        raise RuntimeError(f"campaign {campaign}: {points} hundredths do not fit into its promises")
    row = session.get(Campaign, campaign)
    if row is not None:
        session.expire(row, ["reserved"])
