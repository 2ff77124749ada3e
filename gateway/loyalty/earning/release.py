"""Sends matured points of open campaigns to their holders' wallets, so that nobody has to ask for what is theirs."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.batches import Enqueues

#: (session, campaign, now, limit) → holders whose matured points anybody may release.
MaturedHolders = Callable[[Session, int, int, int], list[bytes]]

#: Holders in one transaction.
MAX_HOLDERS = 100
#: Seconds between two releases of a campaign: the ledger learns of one only at depth.
RELEASE_EVERY = 60


class Releaser:
    """`hub` is the contract's address."""

    def __init__(
        self, db: Database, clock: Clock, relayer: Enqueues, hub: bytes, matured_holders: MaturedHolders
    ) -> None:
        self.db, self.clock, self.relayer, self.hub = db, clock, relayer, hub
        self.matured_holders = matured_holders
        self._not_before: dict[int, int] = {}

    def release_due(self) -> int:
        """Enqueues at most one release for each campaign; returns how many.

        Releasing twice moves nothing twice, it only costs gas.
        """
        now = self.clock.now()
        with self.db.read() as session:
            query = sa.select(Campaign.id).where(Campaign.closed == 0, Campaign.hold > 0)
            ids = [id for id in session.scalars(query) if self._not_before.get(id, 0) <= now]
            due = [id for id in ids if self.matured_holders(session, id, now, 1)]
        return sum(self._release(campaign, now) for campaign in due)

    def _release(self, campaign: int, now: int) -> bool:
        with self.db.begin() as session:
            promises.lock(session, [campaign])
            holders = self.matured_holders(session, campaign, now, MAX_HOLDERS)
            if not holders or self._is_under_way(session, campaign):
                return False
            self.relayer.enqueue(session, Purpose.RELEASE, campaign, self.hub, calls.release(campaign, holders))
        self._not_before[campaign] = now + RELEASE_EVERY
        return True

    def _is_under_way(self, session: Session, campaign: int) -> bool:
        query = sa.select(ChainTx.id).where(
            ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED)),
            ChainTx.purpose == Purpose.RELEASE,
            ChainTx.ref == campaign,
        )
        return session.scalar(query.limit(1)) is not None
