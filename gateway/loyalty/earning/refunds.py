"""What is left of actions after their refunds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.idempotency import key_hash
from gateway.core.problems import INVALID_REQUEST
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.earning import answers, rules
from gateway.loyalty.earning.errors import REFUND_WITHOUT_PURCHASE
from gateway.loyalty.earning.models import Action, ActionKind, ActionLine, ActionState
from gateway.loyalty.earning.rules import Count, Left, Taken
from gateway.loyalty.earning.schemas import ActionIn


@dataclass
class Target:
    """An action that is refunded, and what is left of it."""

    action: Action
    document: str
    left: Left

    @property
    def state_of_refund(self) -> ActionState:
        """A refund shares the fate of what it refunds: it waits for the same claim, the same settlement or none."""
        if self.action.state == ActionState.SETTLED:
            return ActionState.ACCEPTED
        return self.action.state

    @property
    def is_reserved(self) -> bool:
        """True while the points are promised and not yet in a batch: then a refund frees them at once."""
        return self.action.state in (ActionState.UNCLAIMED, ActionState.ACCEPTED)


class Targets:
    """The targets of many refunds, read at once. Their campaigns must be locked."""

    def __init__(self, session: Session, merchant_id: int, refunds: Sequence[ActionIn]) -> None:
        ids = {refund.refers_to for refund in refunds if refund.refers_to is not None}
        keys = {key_hash(refund.refers_to_key) for refund in refunds if refund.refers_to_key is not None}
        query = (
            sa.select(Action, RuleVersion.document)
            .join(RuleVersion, RuleVersion.id == Action.rule_version_id)
            .where(Action.merchant_id == merchant_id, Action.kind != ActionKind.REFUND)
            .where(sa.or_(Action.id.in_(ids), Action.key_hash.in_(keys)))
            .execution_options(populate_existing=True)
        )
        rows = session.execute(query).tuples().all()
        left = what_is_left(session, [action for action, _ in rows])
        self.by_id = {action.id: Target(action, document, left[action.id]) for action, document in rows}
        self.by_key = {target.action.key_hash: target for target in self.by_id.values()}

    def take(self, refund: ActionIn) -> tuple[Target, Taken]:
        """Takes one refund off its target. Of another merchant, another campaign or nothing at all:
        `refund-without-purchase`; see also `rules.take_back`."""
        if refund.refers_to is not None:
            target, field = self.by_id.get(refund.refers_to), "refers_to"
        else:
            target, field = self.by_key.get(key_hash(refund.refers_to_key)), "refers_to_key"
        if target is None or target.action.campaign_id != refund.campaign:
            raise REFUND_WITHOUT_PURCHASE.at(field)
        if target.action.kind != ActionKind.PURCHASE:
            for name in ("lines", "amount"):
                if getattr(refund, name) is not None:
                    raise INVALID_REQUEST.at(name, "only purchases are refunded in part")
        return target, rules.take_back(target.document, target.left, refund.lines, refund.amount)


def what_is_left(session: Session, actions: Collection[Action]) -> dict[int, Left]:
    """Each action less all of its refunds."""
    ids = [action.id for action in actions]
    counts = answers.counts_of(session, ids)
    left = {a.id: Left(a.amount, {count.rule: count for count in counts.get(a.id, [])}) for a in actions}
    sums = sa.select(Action.refers_to, sa.func.sum(Action.amount)).where(Action.refers_to.in_(ids))
    for id, amount in session.execute(sums.group_by(Action.refers_to)):
        left[id].amount -= int(amount)
    lines = (
        sa.select(Action.refers_to, ActionLine.rule, sa.func.sum(ActionLine.eligible), sa.func.sum(ActionLine.points))
        .join(Action, Action.id == ActionLine.action_id)
        .where(Action.refers_to.in_(ids))
        .group_by(Action.refers_to, ActionLine.rule)
    )
    for id, rule, eligible, points in session.execute(lines):
        count = left[id].counts[rule]
        left[id].counts[rule] = Count(rule, count.eligible - int(eligible), count.points - int(points))
    return left
