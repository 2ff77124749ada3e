"""Sends matured points of open campaigns to their holders' wallets, so that nobody has to ask for what is theirs."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.indexer.stream import time_read
from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.batches import Enqueues

#: (session, campaign, moment, limit) → holders whose matured points anybody may release.
MaturedHolders = Callable[[Session, int, int, int], list[bytes]]

#: Holders in one transaction: about 12 million gas when all their wallets are empty.
MAX_HOLDERS = 250
#: Seconds until the same holder is tried again: the ledger learns of a release only at depth.
AGAIN_AFTER = 600


class Releaser:
    """`hub` is the contract's address."""

    def __init__(
        self, db: Database, clock: Clock, relayer: Enqueues, hub: bytes, matured_holders: MaturedHolders
    ) -> None:
        self.db, self.clock, self.relayer, self.hub = db, clock, relayer, hub
        self.matured_holders = matured_holders
        # May be forgotten: releasing twice moves nothing twice, it only costs gas.
        self._sent: dict[int, dict[bytes, int]] = {}

    def release_due(self) -> int:
        """Enqueues at most one release for each campaign; returns how many."""
        now = self.clock.now()
        with self.db.read() as session:
            ids = list(session.scalars(sa.select(Campaign.id).where(Campaign.closed == 0, Campaign.hold > 0)))
            due = [id for id in ids if self._next(session, id, now)]
        return sum(self._release(campaign, now) for campaign in due)

    def _next(self, session: Session, campaign: int, now: int) -> list[bytes]:
        """Holders whose turn it is, without those of the last minutes."""
        sent = {holder: at for holder, at in self._sent.get(campaign, {}).items() if at > now - AGAIN_AFTER}
        self._sent[campaign] = sent
        # By the chain's clock: a block may be older than our moment of sending, and would then release nothing.
        holders = self.matured_holders(session, campaign, time_read(session), MAX_HOLDERS + len(sent))
        return [holder for holder in holders if holder not in sent][:MAX_HOLDERS]

    def _release(self, campaign: int, now: int) -> bool:
        with self.db.begin() as session:
            promises.lock(session, [campaign])
            holders = self._next(session, campaign, now)
            if not holders or self._is_under_way(session, campaign):
                return False
            self.relayer.enqueue(session, Purpose.RELEASE, campaign, self.hub, calls.release(campaign, holders))
        self._sent[campaign] |= dict.fromkeys(holders, now)
        return True

    def _is_under_way(self, session: Session, campaign: int) -> bool:
        query = sa.select(ChainTx.id).where(
            ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED)),
            ChainTx.purpose == Purpose.RELEASE,
            ChainTx.ref == campaign,
        )
        return session.scalar(query.limit(1)) is not None
