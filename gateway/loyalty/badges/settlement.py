"""What the chain says of badges that were asked for: landed, taken back, or no longer possible."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.badges import parts
from gateway.chain.indexer.models import STANDS, ChainEvent, EventKind, IndexedBlock
from gateway.chain.indexer.stream import applied_block
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.identity.wallets.addresses import NOBODY
from gateway.loyalty.badges.models import BadgeWish
from gateway.loyalty.badges.submission import SETTLES
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.ledger import badges as ledger


class Settlement:
    """The only place that says that a wish has come true."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs) -> None:
        self.db, self.clock, self.jobs = db, clock, jobs

    def apply_events(self, session: Session, events: Sequence[ChainEvent]) -> None:
        """Applies events at depth, in stream order."""
        for event in events:
            if event.kind == EventKind.REWIND:
                self._rewind(session, event.block)
            elif event.kind == EventKind.BADGE and event.holder == NOBODY:
                self._landed(session, event)

    def _landed(self, session: Session, event: ChainEvent) -> None:
        campaign, badge, holder = parts(event.number or bytes(32))
        row = session.get(BadgeWish, (campaign, badge, holder), with_for_update=True)
        if row is not None:
            row.landed_block, row.retry_at = event.block, None
            session.flush()
        if session.get(Campaign, campaign) is not None and self._is_first(session, event):
            self.jobs.publish(session, "badges.landed", event.id)

    def _is_first(self, session: Session, event: ChainEvent) -> bool:
        """Whether it is the first of its badge in its transaction: one message tells of them all."""
        same = sa.select(ChainEvent.id).where(*ledger.landed_with(event))
        before = same.where(STANDS, ChainEvent.id < event.id)
        return session.scalar(before.limit(1)) is None

    def _rewind(self, session: Session, fork: int) -> None:
        """What landed in blocks above `fork` is waited for again: its transaction is sent again, byte for byte."""
        query = sa.select(BadgeWish).where(BadgeWish.landed_block > fork).order_by(BadgeWish.wallet)
        for row in session.scalars(query.with_for_update()):
            row.landed_block, row.retry_at = None, self.clock.now() + SETTLES
        session.flush()

    def sweep_due(self) -> int:
        """Forgets wishes whose deadline has passed at depth: they landed, or can land no more; returns how many."""
        with self.db.read() as session:
            number = applied_block(session)
            block = session.get(IndexedBlock, number) if number is not None else None
            gone = sa.select(BadgeWish.wallet).where(BadgeWish.deadline < (block.time if block else 0))
            if block is None or session.scalar(gone.limit(1)) is None:
                return 0
        with self.db.begin() as session:
            # Whoever holds one of them just now wants it still: it goes the next time.
            late = sa.select(BadgeWish).where(BadgeWish.deadline < block.time).with_for_update(skip_locked=True)
            rows = session.scalars(late).all()
            for row in rows:
                session.delete(row)
            return len(rows)
