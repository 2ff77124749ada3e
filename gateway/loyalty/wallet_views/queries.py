"""What is promised to a wallet and not yet on the chain."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.durations import DAY
from gateway.loyalty.campaigns import schedule
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionKind, ActionState, Batch, BatchState


@dataclass(frozen=True)
class Pending:
    """One accepted action. `points` in hundredths, negative for a refund; `expected_at`: the settlement it waits for,
    None when it is on its way, or when it can land no more because its campaign has closed (`too_late`)."""

    id: int
    campaign: int
    kind: ActionKind
    points: int
    occurred_at: int
    expected_at: int | None
    too_late: bool


def pending(session: Session, wallet: bytes, now: int, cursor: int | None, limit: int) -> list[Pending]:
    """The newest `limit` actions of a wallet that have not landed, with an id below `cursor`."""
    query = (
        sa.select(Action, Campaign.settle_at, Campaign.end)
        .join(Campaign, Campaign.id == Action.campaign_id)
        .join(Batch, Batch.id == Action.batch_id, isouter=True)
        .where(
            Action.wallet == wallet,
            sa.true() if cursor is None else Action.id < cursor,
            sa.or_(
                Action.state == ActionState.ACCEPTED,
                sa.and_(Action.state == ActionState.SETTLED, Batch.state == BatchState.QUEUED),
            ),
        )
        .order_by(Action.id.desc())
        .limit(limit)
    )
    return [_pending(action, settle_at, end, now) for action, settle_at, end in session.execute(query)]


def _pending(action: Action, settle_at: int, end: int, now: int) -> Pending:
    waits, refund = action.state == ActionState.ACCEPTED, action.kind == ActionKind.REFUND
    # A day later no block in which its batch may be is unread any more.
    closed = schedule.closes_at(end) + (0 if waits else DAY)
    too_late = not refund and now >= closed
    return Pending(
        id=action.id,
        campaign=action.campaign_id,
        kind=action.kind,
        points=(action.points - action.withheld) * (-1 if refund else 1),
        occurred_at=action.occurred_at,
        expected_at=settle_at if waits and not too_late else None,
        too_late=too_late,
    )
