"""The versions of a campaign's rules: each action is judged by the one that was in force at its time."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.errors import BADGE_CHANGED
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.rules import badges
from gateway.loyalty.rules.document import RulesDocument, parse


def of(session: Session, campaigns: Sequence[int]) -> dict[int, list[RuleVersion]]:
    """All of each campaign, those valid from the latest moment first."""
    query = sa.select(RuleVersion).where(RuleVersion.campaign_id.in_(campaigns))
    found: dict[int, list[RuleVersion]] = {campaign: [] for campaign in campaigns}
    for row in session.scalars(query.order_by(RuleVersion.valid_from.desc(), RuleVersion.version.desc())):
        found[row.campaign_id].append(row)
    return found


def add(session: Session, campaign: int, version: int, valid_from: int, rules: RulesDocument, now: int) -> RuleVersion:
    """A new version."""
    row = RuleVersion(
        campaign_id=campaign, version=version, valid_from=valid_from, document=rules.dump(), created_at=now
    )
    session.add(row)
    session.flush()
    return row


def check_badges(versions: Sequence[RuleVersion], rules: RulesDocument) -> None:
    """`badge-changed`: somebody may have a badge already, so that its number must not come to stand for something
    else."""
    number = badges.changed((parse(version.document).badges for version in versions), rules.badges)
    if number is not None:
        raise BADGE_CHANGED.at("badges", f"number {number}")
