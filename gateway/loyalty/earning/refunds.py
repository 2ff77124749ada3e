"""What is left of actions after their refunds, and the judging of refunds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.idempotency import key_hash
from gateway.core.problems import INVALID_REQUEST
from gateway.core.secrets import Secrets
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.earning import answers, receipts, reports, returns
from gateway.loyalty.earning.desk import Member, first_actions
from gateway.loyalty.earning.errors import RECEIPT_MISMATCH, REFUND_WITHOUT_PURCHASE
from gateway.loyalty.earning.limits import Key, Uses, keys
from gateway.loyalty.earning.models import EARNED, Action, ActionKind, ActionLine, ActionState
from gateway.loyalty.earning.returns import Left, Returned, Taken
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.rules.caps import Per
from gateway.loyalty.rules.document import Refunds
from gateway.loyalty.rules.facts import Facts, Line
from gateway.loyalty.rules.judging import Count
from gateway.loyalty.rules.programme import Programme, programme


def receipt_digest(secrets: Secrets, key_digest: bytes, lines: Sequence[Line]) -> bytes:
    """What is kept of an action's lines. Equal baskets of two actions have different digests."""
    return secrets.mac("receipt", key_digest + receipts.canonical(lines))


@dataclass
class Target:
    """An action that is refunded, and what is left of it. `worth`: what its wallet has of it, in hundredths; `receipt`:
    digest of the lines that are left."""

    action: Action
    programme: Programme
    left: Left
    worth: int
    receipt: bytes | None
    facts: Facts
    keys: list[Key | None]

    @property
    def stays(self) -> bool:
        """Whether the wallet keeps what it has: settled, in a programme that takes nothing back then."""
        return self.action.state == ActionState.SETTLED and self.programme.document.refunds == Refunds.NOTHING

    @property
    def state_of_refund(self) -> ActionState:
        """A refund shares the fate of what it refunds: it waits for the same claim, the same settlement or none."""
        return ActionState.ACCEPTED if self.action.state == ActionState.SETTLED else self.action.state

    def fall(self, taken: Taken) -> int:
        """How much of what is taken the wallet loses: caps may have kept some from it when it claimed. Hundredths."""
        worth = self.worth if self.stays else min(self.worth, self.left.points)
        lost, self.worth = self.worth - worth, worth
        return lost


class Targets:
    """The targets of many refunds, read at once. Their campaigns must be locked."""

    def __init__(self, session: Session, secrets: Secrets, merchant_id: int, refunds: Sequence[ActionIn]) -> None:
        self.secrets = secrets
        ids = {refund.refers_to for refund in refunds if refund.refers_to is not None}
        digests = {key_hash(refund.refers_to_key) for refund in refunds if refund.refers_to_key is not None}
        query = (
            sa.select(Action, RuleVersion.document)
            .join(RuleVersion, RuleVersion.id == Action.rule_version_id)
            .where(Action.merchant_id == merchant_id, Action.kind.in_(EARNED))
            .where(sa.or_(Action.id.in_(ids), Action.key_hash.in_(digests)))
            .execution_options(populate_existing=True)
        )
        rows = [(action, programme(document)) for action, document in session.execute(query).tuples()]
        self.by_id = {target.action.id: target for target in _targets(session, rows)}
        self.by_key = {target.action.key_hash: target for target in self.by_id.values()}
        self.uses = Uses(session, [key for target in self.by_id.values() for key in target.keys])

    def find(self, refund: ActionIn) -> Target:
        """What a refund is of. Another merchant's, another campaign's or nothing at all: `refund-without-purchase`."""
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
        return target

    def take(self, target: Target, refund: ActionIn) -> Taken:
        """Takes one refund off its target; see `returns.take_back`. `receipt-mismatch`: not the lines left."""
        if refund.receipt is not None and target.receipt not in (None, self._digest(target, refund.receipt)):
            raise RECEIPT_MISMATCH.at("receipt")
        before = {number: count.points for number, count in target.left.counts.items()}
        named_by = "refers_to" if refund.refers_to is not None else "refers_to_key"
        back = Returned(refund.lines, refund.amount, refund.receipt, named_by)
        taken = returns.take_back(target.programme, target.facts, target.left, back)
        after = {number: count.points for number, count in target.left.counts.items()}
        self.uses.free(target.programme.limits, target.keys, before, after)
        if taken.kept is not None and target.receipt is not None:
            target.receipt = self._digest(target, taken.kept)
        return taken

    def _digest(self, target: Target, lines: Sequence[Line]) -> bytes:
        return receipt_digest(self.secrets, target.action.key_hash, lines)


def _targets(session: Session, rows: Sequence[tuple[Action, Programme]]) -> list[Target]:
    actions = [action for action, _ in rows]
    left = what_is_left(session, actions)
    worth, receipt = after_refunds(session, actions)
    members: set[Member] = {(a.campaign_id, a.wallet) for a, p in rows if p.looks_back and a.wallet is not None}
    since = first_actions(session, members)
    found = []
    for action, version in rows:
        facts = reports.facts_again(action, version)
        dated = replace(facts, member_since=since.get((action.campaign_id, action.wallet or b"")))
        counted = keys(version, dated, action.campaign_id, action.wallet)
        if action.withheld:  # the wallet's caps counted less than the till was told; what is too much stays counted
            counted = [
                None if limit.cap.per == Per.WALLET else key for limit, key in zip(version.limits, counted, strict=True)
            ]
        found.append(Target(action, version, left[action.id], worth[action.id], receipt[action.id], facts, counted))
    return found


def after_refunds(session: Session, actions: Sequence[Action]) -> tuple[dict[int, int], dict[int, bytes | None]]:
    """What the wallet has of each action, and the digest of the lines that are left of it."""
    worth = {action.id: action.points - action.withheld for action in actions}
    receipt = {action.id: action.receipt for action in actions}
    query = sa.select(Action.refers_to, Action.points - Action.withheld, Action.receipt)
    for id, points, digest in session.execute(query.where(Action.refers_to.in_(worth)).order_by(Action.id)):
        worth[id] -= int(points)
        receipt[id] = digest or receipt[id]
    return worth, receipt


def what_is_left(session: Session, actions: Collection[Action]) -> dict[int, Left]:
    """Each action less all of its refunds."""
    ids = [action.id for action in actions]
    counts = answers.counts_of(session, ids)
    left = {
        a.id: Left(a.amount, {count.rule: count for count in counts.get(a.id, [])}, a.receipt is not None)
        for a in actions
    }
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
        count = left[id].counts.get(rule, Count(rule, 0, 0))
        left[id].counts[rule] = Count(rule, count.eligible - int(eligible), count.points - int(points))
    return left
