"""What the chain says about orders: delivered, dead, or taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets.models import OrderKind
from gateway.identity.wallets.orders import Claim, OpenOrders
from gateway.loyalty.offers.codes import Codes
from gateway.loyalty.offers.models import Code, CodeState, Offer
from gateway.loyalty.redemptions import sealing
from gateway.loyalty.redemptions.models import UNSERVED, Redemption, RedemptionState, StrayRedemption

log = structlog.get_logger(__name__)

#: This room's cursor in the stream of chain events.
STREAM = "redemptions"
WIPE_EVERY = 600
OPEN = (RedemptionState.ACCEPTED, RedemptionState.SUBMITTED)
DELIVERED = (RedemptionState.DELIVERED, RedemptionState.CONFIRMED)


class Settlement:
    """The only place that delivers a code, and the only one that gives one up."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        orders: OpenOrders,
        codes: Codes,
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        """`whole`: whether the database knows everything that our keys have sent."""
        self.db, self.clock, self.jobs, self.orders, self.codes, self.whole = db, clock, jobs, orders, codes, whole
        self._wipe_at = 0

    def apply_events(self, session: Session, events: Sequence[ChainEvent]) -> None:
        """Applies events at depth, in stream order."""
        for event in events:
            if event.kind == EventKind.REWIND:
                self._rewind(session, event.block)
            elif event.kind in (EventKind.REDEEMED, EventKind.SPENT):
                self._landed(session, event)

    def _landed(self, session: Session, event: ChainEvent) -> None:
        row = self._match(session, event)
        if row is None:
            self._stray(session, event)
            return
        # First the open order, then its row, as the sweep does: two workers must not wait for each other.
        self.orders.close(session, OrderKind.REDEMPTION, row.id)
        session.refresh(row, with_for_update=True)
        if row.state == RedemptionState.DEAD:
            # Given up, then brought back by a reorganisation deeper than the confirmations: see _serve_late.
            row.state = RedemptionState.FLAGGED
            log.error("redemption.paid_after_death", redemption=row.id)
        elif row.state in OPEN:
            self._deliver(session, row)
        elif row.state == RedemptionState.FLAGGED and row.expires_at is not None:
            # No box, and not because its code has expired: its holder confirmed it.
            confirmed = row.box is None and row.expires_at >= self.clock.now()
            row.state = RedemptionState.CONFIRMED if confirmed else RedemptionState.DELIVERED
        row.paid_block, row.retry_at = event.block, None

    def _deliver(self, session: Session, row: Redemption) -> None:
        row.state = RedemptionState.DELIVERED
        row.expires_at = self.codes.deliver(session, row.code_id)
        self.jobs.publish(session, "redemption.delivered", row.id)

    def _sealed_again(self, session: Session, row: Redemption) -> bool:
        """Whether the code of an order that was given up is still there for it: nobody else has it."""
        salt = sealing.salt_of(self.codes.secrets, row.digest)
        drawn = self.codes.draw_again(
            session,
            row.code_id,
            row.digest,
            row.deadline,
            lambda text: sealing.commitment(salt, text) == row.commitment,
        )
        if drawn is not None:
            row.code_id, row.box = drawn.id, sealing.seal(row.seal_key, salt, drawn.text).box
        return drawn is not None

    def _stray(self, session: Session, event: ChainEvent) -> None:
        """A payment for an offer of ours that we know no order of: see recovery.py."""
        offers = sa.select(Offer.id).join(Merchant, Merchant.id == Offer.merchant_id)
        offer = session.scalar(offers.where(Offer.hash == event.offer, Merchant.address == event.counterparty))
        if offer is not None and session.get(StrayRedemption, event.id) is None:
            log.warning("redemption.unknown", offer=offer)
            session.add(StrayRedemption(event_id=event.id, offer_id=offer, retry_at=self.clock.now()))

    def _match(self, session: Session, event: ChainEvent) -> Redemption | None:
        """The order that this event executed, to the letter: a commitment may be copied into another order, or into the
        same order for another payee."""
        query = (
            sa.select(Redemption)
            .join(Offer, Offer.id == Redemption.offer_id)
            .join(Merchant, Merchant.id == Redemption.merchant_id)
            .where(
                Merchant.address == event.counterparty,
                Redemption.commitment == event.commitment,
                Redemption.holder == event.holder,
                Redemption.campaign == (event.campaign or 0),
                Redemption.nonce == event.nonce,
                Redemption.amount == event.amount,
                Offer.hash == event.offer,
            )
        )
        return session.scalar(query)

    def _rewind(self, session: Session, fork: int) -> None:
        """Payments in blocks above `fork` never happened.

        What was delivered is flagged for a human and its payment sent again; what is open stays open.
        """
        lost = sa.exists().where(ChainEvent.id == StrayRedemption.event_id, ChainEvent.orphaned == 1)
        session.execute(sa.delete(StrayRedemption).where(lost))
        query = sa.select(Redemption).where(Redemption.paid_block > fork).order_by(Redemption.paid_block)
        for row in session.scalars(query.with_for_update()):
            row.paid_block = row.tx_id = None
            if row.state == RedemptionState.FLAGGED and row.expires_at is None:
                row.state = RedemptionState.DEAD
                continue
            log.error("redemption.reorganised", redemption=row.id)
            row.state, row.retry_at = RedemptionState.FLAGGED, self.clock.now()
            self.orders.reopen(session, OrderKind.REDEMPTION, row.id, _claim(row))

    def sweep_dead(self) -> int:
        """Gives up orders whose nonce or deadline has passed at depth without their event, and returns how many; serves
        those that were paid all the same."""
        self._open_again()
        dead = self.orders.sweep(OrderKind.REDEMPTION, STREAM, self._bury)
        self._serve_late()
        return dead

    def _serve_late(self) -> None:
        """Delivers what was paid after it had been given up, once no other order has its code: at once, or when that
        one is given up in its turn. After a restore the code may have been sold to somebody whom this database forgot,
        so recovery comes first."""
        found = sa.select(Redemption.id, Code.state, Offer).where(UNSERVED).order_by(Redemption.id)
        found = found.join(Code, Code.id == Redemption.code_id).join(Offer, Offer.id == Redemption.offer_id)
        with self.db.read() as session:
            rows = session.execute(found).tuples()
            ids = [id for id, state, offer in rows if state == CodeState.FREE or offer.signed]
        if not ids or not self.whole():
            return
        for redemption_id in ids:
            with self.db.begin() as session:
                mine = sa.select(Redemption).where(UNSERVED, Redemption.id == redemption_id)
                row = session.scalar(mine.with_for_update(skip_locked=True))
                if row is not None and self._sealed_again(session, row):
                    self._deliver(session, row)
                    log.warning("redemption.served_late", redemption=row.id)

    def _open_again(self) -> None:
        """Payments that a reorganisation took back while their nonce was promised anew: once that order has ended, the
        sweep must find them."""
        unpaid = sa.select(Redemption).where(
            Redemption.state == RedemptionState.FLAGGED, Redemption.retry_at.is_not(None)
        )
        with self.db.read() as session:
            found = session.scalar(unpaid.limit(1)) is not None
        if found:
            with self.db.begin() as session:
                for row in session.scalars(unpaid.order_by(Redemption.id).with_for_update(skip_locked=True)):
                    self.orders.reopen(session, OrderKind.REDEMPTION, row.id, _claim(row))

    def _bury(self, session: Session, redemption_id: int) -> None:
        row = session.get_one(Redemption, redemption_id, with_for_update=True)
        row.retry_at = None
        if row.state in OPEN:
            # The box was shown to nobody, so the code is still unknown.
            row.state, row.box = RedemptionState.DEAD, None
            self.codes.free(session, row.code_id)

    def wipe_due(self) -> int:
        """Forgets the boxes of codes that have expired, flagged ones too, every ten minutes; returns how many."""
        now = self.clock.now()
        if now < self._wipe_at:
            return 0
        self._wipe_at = now + WIPE_EVERY
        expired = sa.update(Redemption).where(Redemption.box.is_not(None), Redemption.expires_at < now)
        with self.db.begin() as session:
            return session.connection().execute(expired.values(box=None)).rowcount


def _claim(row: Redemption) -> Claim:
    return Claim(row.holder, row.campaign, row.nonce, row.amount, row.deadline)
