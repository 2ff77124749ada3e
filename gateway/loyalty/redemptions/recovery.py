"""Takes redemptions back in that a restored database forgot. The chain keeps the whole order in its calldata, and the
salt follows from order and master secret (sealing.py): so the code that was sold is recognised, is sold to nobody else,
and is sealed to its buyer once more. Docs: docs/decisions/0120-after-a-restore-the-chain-is-asked-first.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain import sent, signatures
from gateway.chain.calls import OrderData
from gateway.chain.indexer.models import ChainEvent
from gateway.chain.relayer.models import KeyState
from gateway.chain.rpc import Rpc
from gateway.chain.typed_data import Domains
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.limits import MAX_HUNDREDTHS
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.offers.codes import Codes
from gateway.loyalty.offers.models import Offer
from gateway.loyalty.redemptions import sealing
from gateway.loyalty.redemptions.models import (
    AGAIN_AFTER,
    Redemption,
    RedemptionState,
    StrayRedemption,
    StrayState,
)

log = structlog.get_logger(__name__)


class Recovery:
    """`addresses`: our keys of today; those of the past are in the relayer's table."""

    def __init__(
        self,
        db: Database,
        rpc: Rpc,
        clock: Clock,
        jobs: Jobs,
        domains: Domains,
        codes: Codes,
        addresses: Sequence[bytes],
        hub: bytes,
    ) -> None:
        self.db, self.rpc, self.clock, self.jobs = db, rpc, clock, jobs
        self.domains, self.codes, self.hub = domains, codes, hub
        self.addresses = frozenset(addresses)

    def unread(self, session: Session) -> int:
        """Payments that were not looked up yet."""
        seen = StrayRedemption.state == StrayState.SEEN
        return session.scalar(sa.select(sa.func.count()).select_from(StrayRedemption).where(seen)) or 0

    def take_back_due(self, limit: int = 50) -> int:
        """Looks payments up on the chain and delivers once more what was sold; returns how many. Raises the
        ChainErrors of a node that cannot be asked."""
        now = self.clock.now()
        with self.db.read() as session:
            query = (
                sa.select(StrayRedemption.event_id, ChainEvent.tx_hash)
                .join(ChainEvent, ChainEvent.id == StrayRedemption.event_id)
                .where(StrayRedemption.retry_at <= now)
                .order_by(StrayRedemption.event_id)
                .limit(limit)
            )
            strays = list(session.execute(query).tuples())
            keys = self.addresses | set(session.scalars(sa.select(KeyState.sender)))
        found = sent.fetch(self.rpc, [tx_hash for _, tx_hash in strays])
        taken = 0
        for (event_id, _), tx in zip(strays, found, strict=True):
            with self.db.begin() as session:
                row = session.get(StrayRedemption, event_id, with_for_update={"skip_locked": True})
                event = session.get(ChainEvent, event_id)
                if row is None or event is None:
                    continue
                if tx is None:  # the node does not have it, or not yet
                    row.retry_at = now + AGAIN_AFTER
                elif tx.sender not in keys:  # the merchant served it without us
                    session.delete(row)
                elif self._take_back(session, row, event, sent.orders(tx.data) if tx.to == self.hub else None):
                    session.delete(row)
                    taken += 1
                else:
                    row.state, row.retry_at = StrayState.UNKNOWN, now + AGAIN_AFTER
        return taken

    def _take_back(
        self, session: Session, row: StrayRedemption, event: ChainEvent, orders: sent.SentOrders | None
    ) -> bool:
        order = next((each for each in orders.orders if _is_of(each, event)), None) if orders else None
        if orders is None or order is None or orders.campaign != (event.campaign or 0):
            return False
        offer = session.get_one(Offer, row.offer_id)
        merchant = session.get_one(Merchant, offer.merchant_id)
        signature = signatures.expanded(order.r, order.vs)
        terms = (order.amount, order.offer, order.seal_key, order.nonce, order.deadline)
        if orders.campaign:
            digest = self.domains.spend(order.holder, orders.campaign, merchant.address, *terms)
        else:
            digest = self.domains.redemption(order.holder, merchant.address, *terms)
        row.digest, row.commitment = digest, order.commitment
        known = session.scalar(sa.select(Redemption.id).where(Redemption.digest == digest))
        if known is not None or order.amount > MAX_HUNDREDTHS:
            return False
        salt = sealing.salt_of(self.codes.secrets, digest)
        drawn = self.codes.find_sold(
            session, offer, digest, order.deadline, lambda text: sealing.commitment(salt, text) == order.commitment
        )
        if drawn is None:
            log.error("redemption.code_not_found", offer=offer.id)
            return False
        redemption = Redemption(
            holder=order.holder,
            merchant_id=offer.merchant_id,
            offer_id=offer.id,
            campaign=orders.campaign,
            amount=order.amount,
            nonce=order.nonce,
            deadline=order.deadline,
            seal_key=order.seal_key,
            signature=signature,
            digest=digest,
            code_id=drawn.id,
            commitment=order.commitment,
            box=sealing.seal(order.seal_key, salt, drawn.text).box,
            state=RedemptionState.DELIVERED,
            attempts=0,
            paid_block=event.block,
            expires_at=self.codes.deliver(session, drawn.id),
            created_at=event.block_time,
        )
        session.add(redemption)
        session.flush()
        self.jobs.publish(session, "redemption.delivered", redemption.id)
        log.error("redemption.taken_back", redemption=redemption.id)
        return True


def _is_of(order: OrderData, event: ChainEvent) -> bool:
    return (order.holder, order.nonce, order.commitment) == (event.holder, event.nonce, event.commitment)
