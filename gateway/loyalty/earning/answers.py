"""What is told about an action, for the first time or again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.secrets import Secrets
from gateway.loyalty.earning import claims
from gateway.loyalty.earning.models import Action, ActionKind, ActionLine
from gateway.loyalty.earning.rules import Count


@dataclass(frozen=True)
class Answer:
    """The first answer to a report; the same whenever the report is repeated. `claim`: code, and when it lapses."""

    id: int
    campaign: int
    kind: ActionKind
    points: int
    counts: tuple[Count, ...]
    claim: tuple[str, int] | None
    repeated: bool = False


def of(secrets: Secrets, action: Action, counts: Sequence[Count], repeated: bool) -> Answer:
    """The answer about a stored action."""
    claim = None
    if action.claim_expires is not None:
        claim = (claims.code_of(secrets, action.merchant_id, action.key_hash), action.claim_expires)
    return Answer(action.id, action.campaign_id, action.kind, action.points, tuple(counts), claim, repeated)


def counts_of(session: Session, ids: Collection[int]) -> dict[int, list[Count]]:
    """What counted in each action, by rule."""
    found: dict[int, list[Count]] = defaultdict(list)
    query = sa.select(ActionLine).where(ActionLine.action_id.in_(ids)).order_by(ActionLine.rule)
    for line in session.scalars(query):
        found[line.action_id].append(Count(line.rule, line.eligible, line.points))
    return found
