"""Campaigns whose accepted actions wait too long: what came on top could only wait longer, and fill the database."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionState, Batch, BatchState

#: Seconds for which an answer is believed, and after which to come back.
BELIEVED, COME_BACK = 2, 60


class Backlog:
    """By campaign, because what stands still may be one campaign's alone: a key revoked, a budget spent by others."""

    def __init__(self, most: int) -> None:
        """`most`: seconds that actions may wait beyond their settlement, and a batch until it has landed."""
        self.most = most
        self._looked: dict[int, tuple[int, bool]] = {}

    def late(self, session: Session, campaigns: Iterable[Campaign], now: int) -> frozenset[int]:
        """Those of the campaigns that should take no more."""
        return frozenset(campaign.id for campaign in campaigns if self._is_late(session, campaign, now))

    def _is_late(self, session: Session, campaign: Campaign, now: int) -> bool:
        looked, late = self._looked.get(campaign.id, (0, False))
        if not 0 <= now - looked < BELIEVED:
            late = self._look(session, campaign, now - self.most)
            self._looked[campaign.id] = now, late
        return late

    def _look(self, session: Session, campaign: Campaign, before: int) -> bool:
        stuck = sa.select(Batch.id).where(
            Batch.state == BatchState.QUEUED, Batch.campaign_id == campaign.id, Batch.created_at <= before
        )
        if session.scalar(stuck.limit(1)) is not None:
            return True
        if campaign.settle_at > before:
            return False
        # What was reported with a code is as old as its receipt, but waits only since it was claimed.
        waiting = sa.select(Action.id).where(
            Action.campaign_id == campaign.id,
            Action.state == ActionState.ACCEPTED,
            Action.claim_hash.is_(None),
            Action.created_at <= before,
        )
        return session.scalar(waiting.limit(1)) is not None
