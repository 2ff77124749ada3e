"""What a campaign's settlement is for, and what of it is on its way to a key."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionState, Batch, Carry


def waiting(campaign: int) -> tuple[sa.ColumnElement[bool], ...]:
    """An action that waits for the campaign's settlement."""
    return Action.campaign_id == campaign, Action.state == ActionState.ACCEPTED


def queued(session: Session, campaign: int) -> int:
    """How many batches of the campaign wait for a key."""
    query = (
        sa.select(sa.func.count())
        .select_from(ChainTx)
        .join(Batch, Batch.id == ChainTx.ref)
        .where(ChainTx.state == TxState.QUEUED, ChainTx.purpose.in_((Purpose.AWARD, Purpose.CLAWBACK)))
        .where(Batch.campaign_id == campaign)
    )
    return session.scalar(query) or 0


def has_work(now: int) -> sa.ColumnElement[bool]:
    """Something waits, or something carried on is to be paid out in the last settlement."""
    accepted = sa.select(Action.id).where(Action.campaign_id == Campaign.id, Action.state == ActionState.ACCEPTED)
    carried = sa.select(Carry.wallet).where(Carry.campaign_id == Campaign.id, Carry.points > 0)
    called = Campaign.end.between(now - schedule.GRACE, now - schedule.GRACE + schedule.LAST_CALL)
    return sa.or_(accepted.exists(), sa.and_(called, carried.exists()))
