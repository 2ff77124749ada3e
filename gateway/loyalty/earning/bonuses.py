"""Points that no reported action earned: rows like any other action's, so that they settle, are claimed and are audited
as those are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionKind, ActionState
from gateway.loyalty.rules.document import Refunds


def row(
    merchant: int, campaign: int, version: int, kind: ActionKind, digest: bytes, occurred_at: int, now: int
) -> dict[str, Any]:
    """What every such row has. `digest` is what makes it one: the key of an action that nobody reported."""
    return {
        "merchant_id": merchant,
        "campaign_id": campaign,
        "key_hash": digest,
        "body_hash": digest,
        "kind": kind,
        "rule_version_id": version,
        "occurred_at": occurred_at,
        "amount": 0,
        "created_at": now,
    }


def give(
    session: Session, campaign: Campaign, like: Action, given: Sequence[tuple[bytes, bytes, int]], now: int
) -> list[Action]:
    """Gives bonuses for what `like` did, all or none: each a digest of its own, a wallet, hundredths. Raises what does
    not cover them. They are the owner's as far as quotas go; the campaign must be locked."""
    allowance = promises.allowance(session, campaign, campaign.merchant_id, None, now)
    allowance.take(sum(points for _, _, points in given))
    promises.keep(session, allowance)
    found = []
    for digest, wallet, points in given:
        values = row(
            campaign.merchant_id, campaign.id, like.rule_version_id, ActionKind.BONUS, digest, like.occurred_at, now
        )
        found.append(Action(**values, wallet=wallet, points=points, state=ActionState.ACCEPTED))
    session.add_all(found)
    session.flush()
    return found


def take_back(
    session: Session, bonus: Action, policy: Refunds, digest: bytes, now: int, points: int | None = None
) -> None:
    """Takes a bonus back, or so many `points` of it, as a refund takes back an award: what has not left yet is folded
    with it, the rest goes as `policy` says. The campaign must be locked."""
    gone = bonus.points if points is None else points
    stays = bonus.state == ActionState.SETTLED and policy == Refunds.NOTHING
    values = row(
        bonus.merchant_id, bonus.campaign_id, bonus.rule_version_id, ActionKind.REFUND, digest, bonus.occurred_at, now
    )
    session.add(
        Action(
            **values,
            wallet=bonus.wallet,
            points=gone,
            withheld=gone if stays else 0,
            refers_to=bonus.id,
            state=ActionState.SETTLED if stays else ActionState.ACCEPTED,
        )
    )
    session.flush()
