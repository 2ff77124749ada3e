"""The versions of a campaign's rules: each action is judged by the one that was in force at its time."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.problems import NOT_FOUND
from gateway.loyalty.campaigns.errors import BADGE_CHANGED, RULES_IN_FORCE
from gateway.loyalty.campaigns.models import RuleVersion
from gateway.loyalty.rules import badges
from gateway.loyalty.rules.document import RulesDocument, parse

#: Tills' clocks may run ahead: rules that come into force within so many seconds may have judged something already.
TOO_LATE = 600
#: Built once, for tills (see promises.py).
_RULES = (
    sa.select(RuleVersion)
    .where(RuleVersion.campaign_id.in_(sa.bindparam("campaigns", expanding=True)))
    .order_by(RuleVersion.valid_from.desc(), RuleVersion.version.desc())
)


def rules_of(session: Session, campaigns: Sequence[int]) -> dict[int, list[RuleVersion]]:
    """All of each campaign, those valid from the latest moment first."""
    found: dict[int, list[RuleVersion]] = {campaign: [] for campaign in campaigns}
    for row in session.scalars(_RULES, {"campaigns": campaigns}):
        found[row.campaign_id].append(row)
    return found


def in_force(versions: Sequence[RuleVersion], now: int) -> RuleVersion | None:
    """Of one campaign's, as `rules_of` gives them; None before it begins."""
    return next((version for version in versions if version.valid_from <= now), None)


def in_force_or_first(versions: Sequence[RuleVersion], now: int) -> RuleVersion:
    """The same, and before the campaign begins the rules that it will begin with."""
    return in_force(versions, now) or versions[-1]


def add(session: Session, campaign: int, version: int, valid_from: int, rules: RulesDocument, now: int) -> RuleVersion:
    """A new version."""
    row = RuleVersion(
        campaign_id=campaign, version=version, valid_from=valid_from, document=rules.dump(), created_at=now
    )
    session.add(row)
    session.flush()
    return row


def page(session: Session, campaign: int, cursor: int, limit: int) -> list[RuleVersion]:
    """At most `limit` versions above `cursor`, the oldest first."""
    query = sa.select(RuleVersion).where(RuleVersion.campaign_id == campaign, RuleVersion.version > cursor)
    return list(session.scalars(query.order_by(RuleVersion.version).limit(limit)))


def to_come(session: Session, campaign: int, version: int, now: int) -> RuleVersion:
    """A version that has judged nothing yet. `not-found`, `rules-in-force`. The campaign must be locked."""
    row = session.scalar(
        sa.select(RuleVersion).where(RuleVersion.campaign_id == campaign, RuleVersion.version == version)
    )
    if row is None:
        raise NOT_FOUND.at("version")
    if row.valid_from <= now + TOO_LATE:
        raise RULES_IN_FORCE.at("version", f"from {row.valid_from} on")
    if row.version == 1:
        raise RULES_IN_FORCE.at("version", "a campaign begins with its first rules")
    return row


def check_badges(versions: Sequence[RuleVersion], rules: RulesDocument) -> None:
    """`badge-changed`: somebody may have a badge already, so that its number must not come to stand for something
    else."""
    number = badges.changed((parse(version.document).badges for version in versions), rules.badges)
    if number is not None:
        raise BADGE_CHANGED.at("badges", f"number {number}")
