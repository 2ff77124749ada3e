"""What of actions counts for ladders.

Of an action that names its wallet: its points, what was spent, and whether it is a visit, on its own day; a refund
takes that off the same day. Bonuses count nothing. Of a claimed code only the points count, from the day on which the
chain was told of them: a rank that rose with the claim would show the till which wallet used the code (decision 0130).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from gateway.core.bulk import parts
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.earning.models import EARNED, Action, ActionKind, ActionState, Batch
from gateway.loyalty.earning.refunds import Target, what_is_left
from gateway.loyalty.earning.returns import Taken
from gateway.loyalty.rules.calendar import Local
from gateway.loyalty.rules.document import parse
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.tiers.tallies import Tally

VISITED = frozenset({ActionKind.PURCHASE, ActionKind.VISIT})
CHUNK = 2_000


def earned(campaign: int, wallet: bytes, kind: ActionKind, facts: Facts, points: int) -> Tally:
    """Of an award."""
    spend = facts.amount if kind == ActionKind.PURCHASE else 0
    return Tally(campaign, wallet, facts.local.day, points, spend, int(kind in VISITED))


def refunded(target: Target, taken: Taken) -> Tally:
    """Of a refund that has just been taken off its target."""
    action = target.action
    if action.wallet is None:
        raise ValueError("an action without a wallet counts for nobody")
    spend = taken.amount if action.kind == ActionKind.PURCHASE else 0
    gone = int(action.kind in VISITED and target.left.nothing)
    return Tally(action.campaign_id, action.wallet, target.facts.local.day, -taken.points, -spend, -gone)


def codes_settled(session: Session, ids: Collection[int]) -> list[Tally]:
    """Of codes, and refunds of codes, among actions that have just been put into a batch: points on the day of the
    code's own batch."""
    root = aliased(Action)
    query = (
        sa.select(Action.campaign_id, Action.wallet, Action.kind, Action.points - Action.withheld, Batch.created_at)
        .add_columns(RuleVersion.document)
        .join(root, root.id == sa.func.coalesce(Action.refers_to, Action.id))
        .join(Batch, Batch.id == root.batch_id)
        .join(RuleVersion, RuleVersion.id == root.rule_version_id)
        .where(root.claim_hash.is_not(None), root.kind.in_(EARNED), Action.state == ActionState.SETTLED)
    )
    found = []
    for part in parts(sorted(ids), CHUNK):
        for campaign, wallet, kind, points, at, document in session.execute(query.where(Action.id.in_(part))):
            sign = -1 if kind == ActionKind.REFUND else 1
            found.append(Tally(campaign, wallet, Local(at, parse(document).zone).day, sign * int(points)))
    return found


def everything(session: Session, campaign: int) -> Iterator[Tally]:
    """Of all that ever happened in a campaign."""
    named = (
        sa.select(Action, RuleVersion.document)
        .join(RuleVersion, RuleVersion.id == Action.rule_version_id)
        .where(Action.campaign_id == campaign, Action.kind.in_(EARNED), Action.wallet.is_not(None))
        .where(Action.claim_hash.is_(None))
        .order_by(Action.id)
        .limit(CHUNK)
    )
    last = 0
    while rows := list(session.execute(named.where(Action.id > last)).tuples()):
        last = rows[-1][0].id
        yield from _named(session, rows)
    codes = sa.select(Action.id).where(Action.campaign_id == campaign, Action.state == ActionState.SETTLED)
    yield from codes_settled(session, list(session.scalars(codes)))


def _named(session: Session, rows: list[tuple[Action, str]]) -> Iterator[Tally]:
    left = what_is_left(session, [action for action, _ in rows])
    query = sa.select(Action.refers_to).where(Action.refers_to.in_(left))
    touched = set(session.scalars(query))
    for action, document in rows:
        rest = left[action.id]
        visit = action.kind in VISITED and not (rest.nothing and action.id in touched)
        spend = rest.amount if action.kind == ActionKind.PURCHASE else 0
        day = Local(action.occurred_at, parse(document).zone).day
        yield Tally(action.campaign_id, action.wallet or b"", day, rest.points, spend, int(visit))
