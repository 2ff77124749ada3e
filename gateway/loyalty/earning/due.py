"""What a campaign's settlement is for, and what of it is on its way to a key."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionState, Batch, Carry

Given = int | sa.BindParameter[int]

_QUEUED = (
    sa.select(sa.func.count())
    .select_from(ChainTx)
    .join(Batch, Batch.id == ChainTx.ref)
    .where(ChainTx.state == TxState.QUEUED, ChainTx.purpose.in_((Purpose.AWARD, Purpose.CLAWBACK)))
    .where(Batch.campaign_id == sa.bindparam("campaign"))
)


def waiting(campaign: Given) -> tuple[sa.ColumnElement[bool], ...]:
    """An action that waits for the campaign's settlement."""
    return Action.campaign_id == campaign, Action.state == ActionState.ACCEPTED


def queued(session: Session, campaign: int) -> int:
    """How many batches of the campaign wait for a key."""
    return session.scalar(_QUEUED, {"campaign": campaign}) or 0


def has_work(now: Given) -> sa.ColumnElement[bool]:
    """Something waits, or something carried on is to be paid out in the last settlement."""
    accepted = sa.select(Action.id).where(Action.campaign_id == Campaign.id, Action.state == ActionState.ACCEPTED)
    carried = sa.select(Carry.wallet).where(Carry.campaign_id == Campaign.id, Carry.points > 0)
    called = Campaign.end.between(now - schedule.GRACE, now - schedule.GRACE + schedule.LAST_CALL)
    return sa.or_(accepted.exists(), sa.and_(called, carried.exists()))


_NOW: sa.BindParameter[int] = sa.bindparam("now", type_=sa.BigInteger)
#: Campaigns whose time has come by `now`, at most `limit`; the longest overdue first.
CAMPAIGNS = (
    sa.select(Campaign.id)
    .where(
        Campaign.settle_at <= _NOW,
        Campaign.searched == 1,
        sa.or_(Campaign.settle_every > 0, has_work(_NOW)),
    )
    .order_by(Campaign.settle_at, Campaign.id)
    .limit(sa.bindparam("limit", type_=sa.BigInteger))
)
