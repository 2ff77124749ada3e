"""What is told about an action, for the first time or again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.secrets import Secrets
from gateway.loyalty.earning import codes
from gateway.loyalty.earning.models import Action, ActionKind, ActionLine
from gateway.loyalty.earning.receipts import Kept
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.judging import Count
from gateway.loyalty.rules.programme import Programme
from gateway.loyalty.rules.words import Verdict, explain


@dataclass(frozen=True)
class Ground:
    """What an award was judged by: enough to say why. `rooms`: what each limit had left, known while it is judged."""

    programme: Programme
    facts: Facts
    rooms: Sequence[int | None] | None = None


@dataclass(frozen=True)
class Answer:
    """The first answer to a report; the same whenever the report is repeated. `claim`: code, and when it lapses.
    `ground`: of an award whose report is at hand. `left`: the lines that are left after a refund with a receipt."""

    id: int
    campaign: int
    kind: ActionKind
    points: int
    counts: tuple[Count, ...]
    claim: tuple[str, int] | None
    repeated: bool = False
    ground: Ground | None = None
    left: tuple[Kept, ...] | None = None

    def verdicts(self) -> list[Verdict] | None:
        """Why each rule fired or did not."""
        if self.ground is None:
            return None
        ground, counts = self.ground, {count.rule: count for count in self.counts}
        return explain(ground.programme, ground.facts, counts, ground.rooms)


def of(secrets: Secrets, action: Action, counts: Sequence[Count], repeated: bool) -> Answer:
    """The answer about a stored action."""
    claim = None
    if action.claim_expires is not None:
        claim = (codes.code_of(secrets, action.merchant_id, action.key_hash), action.claim_expires)
    return Answer(action.id, action.campaign_id, action.kind, action.points, tuple(counts), claim, repeated)


def counts_of(session: Session, ids: Collection[int]) -> dict[int, list[Count]]:
    """What counted in each action, by rule."""
    found: dict[int, list[Count]] = defaultdict(list)
    query = sa.select(ActionLine).where(ActionLine.action_id.in_(ids)).order_by(ActionLine.rule)
    for line in session.scalars(query):
        found[line.action_id].append(Count(line.rule, line.eligible, line.points))
    return found
