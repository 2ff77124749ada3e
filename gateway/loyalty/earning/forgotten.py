"""What a restored database knows of the points that were paid for actions it forgot."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.earning.models import Action, ActionKind, ActionState, Carry

#: When an action happened, by its till's word. What the gateway itself gives (bonuses, openings, welcomes) is made anew
#: after a restore and dated then: it counts as of old.
HAPPENED = sa.case((Action.kind == ActionKind.BONUS, 0), else_=Action.occurred_at)


def outstanding(session: Session, campaign: int) -> dict[bytes, int]:
    """By wallet, what was paid ahead and no action that waits for its settlement accounts for. Hundredths."""
    query = sa.select(Carry).where(Carry.campaign_id == campaign, Carry.until.is_not(None))
    carries = {row.wallet: row for row in session.scalars(query) if row.ahead}
    left = {wallet: row.ahead for wallet, row in carries.items()}
    waiting = sa.select(Action.wallet, HAPPENED, Action.points - Action.withheld).where(
        Action.campaign_id == campaign,
        Action.wallet.in_(left),
        Action.kind != ActionKind.REFUND,
        Action.state == ActionState.ACCEPTED,
    )
    for wallet, at, points in session.execute(waiting).tuples():
        if wallet is not None and at <= (carries[wallet].until or 0):
            left[wallet] = max(0, left[wallet] - int(points))
    return {wallet: points for wallet, points in left.items() if points}
