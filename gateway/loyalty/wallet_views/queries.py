"""What is promised to a wallet and not yet on the chain."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionKind, ActionState, Batch, BatchState


@dataclass(frozen=True)
class Pending:
    """One accepted action. `points` in hundredths, negative for a refund; `expected_at`: the settlement it waits for,
    None when it is on its way."""

    id: int
    campaign: int
    kind: ActionKind
    points: int
    occurred_at: int
    expected_at: int | None


def pending(session: Session, wallet: bytes, cursor: int | None, limit: int) -> list[Pending]:
    """The newest `limit` actions of a wallet that have not landed, with an id below `cursor`."""
    query = (
        sa.select(Action, Campaign.settle_at)
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
    return [
        Pending(
            id=action.id,
            campaign=action.campaign_id,
            kind=action.kind,
            points=(action.points - action.withheld) * (-1 if action.kind == ActionKind.REFUND else 1),
            occurred_at=action.occurred_at,
            expected_at=settle_at if action.state == ActionState.ACCEPTED else None,
        )
        for action, settle_at in session.execute(query)
    ]
