"""What must always hold between the tables of this room and the campaign's promises; for tests, audit and doctor.

1. promised: reserved = unsettled awards + award batches on their way + what rounding carries on; a refund frees nothing
   before the settlement of what it refunds
2. each wallet: settled awards - settled refunds = award entries - clawback entries + carried - owed - ahead + back,
   where a clawback entry counts in full until it landed, and then as what it took; `ahead` and `back` are not empty
   only after a restore
3. an action is in one batch at most, a number in one batch, a batch's content is its entries: by the tables' own keys
"""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import (
    Action,
    ActionKind,
    ActionState,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
)

UNSETTLED = (ActionState.UNCLAIMED, ActionState.ACCEPTED)


def promised(session: Session, campaign: int) -> int:
    """What the campaign's `reserved` must be, in hundredths."""
    awards = sa.select(sa.func.sum(Action.points)).where(
        Action.campaign_id == campaign, Action.kind != ActionKind.REFUND, Action.state.in_(UNSETTLED)
    )
    carried = sa.select(sa.func.sum(Carry.points)).where(Carry.campaign_id == campaign)
    awaited = sa.select(Batch.total).where(
        Batch.campaign_id == campaign, Batch.kind == BatchKind.AWARD, Batch.state == BatchState.QUEUED
    )
    sums = [int(session.scalar(query) or 0) for query in (awards, carried)]
    return sum(sums) + sum(session.scalars(awaited))


def differences(session: Session, campaign: int) -> list[str]:
    """What does not hold, in words without addresses; empty when all is well."""
    found = []
    reserved = session.get_one(Campaign, campaign).reserved
    expected = promised(session, campaign)
    ahead = sum(session.scalars(sa.select(Carry.ahead).where(Carry.campaign_id == campaign)))
    if ahead != session.get_one(Campaign, campaign).ahead:
        found.append(f"campaign {campaign}: {ahead} hundredths were paid ahead, not what the campaign says")
    if reserved != expected:
        found.append(f"campaign {campaign}: {reserved} hundredths are reserved, {expected} are promised")
    wrong = sum(1 for difference in _wallets(session, campaign).values() if difference)
    if wrong:
        found.append(f"campaign {campaign}: {wrong} wallets got more or less than they earned")
    return found


def _wallets(session: Session, campaign: int) -> dict[bytes, int]:
    """For each wallet, what it earned less what it got, is owed or owes."""
    balance: dict[bytes, int] = defaultdict(int)
    actions = sa.select(Action.wallet, Action.kind, Action.points - Action.withheld).where(
        Action.campaign_id == campaign, Action.state == ActionState.SETTLED, Action.wallet.is_not(None)
    )
    for wallet, kind, points in session.execute(actions).tuples():
        balance[wallet or b""] += -points if kind == ActionKind.REFUND else points
    entries = (
        sa.select(BatchEntry.wallet, Batch.kind, BatchEntry.amount, BatchEntry.taken)
        .join(Batch, Batch.id == BatchEntry.batch_id)
        .where(Batch.campaign_id == campaign)
    )
    for wallet, batch_kind, amount, taken in session.execute(entries).tuples():
        balance[wallet] += -amount if batch_kind == BatchKind.AWARD else amount if taken is None else taken
    for row in session.scalars(sa.select(Carry).where(Carry.campaign_id == campaign)):
        balance[row.wallet] += row.owed - row.points + row.ahead - row.back
    return balance
