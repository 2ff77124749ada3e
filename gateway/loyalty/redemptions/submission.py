"""From accepted orders to transactions: per merchant and source, each tried out before it is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain import calls, signatures
from gateway.chain.calls import OrderData
from gateway.chain.errors import Permanent, Reverted
from gateway.chain.hexes import to_hex
from gateway.chain.relayer.models import Purpose
from gateway.chain.rpc import Rpc
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.offers.models import Offer
from gateway.loyalty.redemptions.models import Redemption, RedemptionState

log = structlog.get_logger(__name__)

MAX_BATCH = 50
MAX_BACKOFF = 300
#: Orders whose transaction is through at depth: seconds until one without its event is tried again.
SETTLES = 60
WAITING = (RedemptionState.ACCEPTED, RedemptionState.SUBMITTED, RedemptionState.FLAGGED)
Group = tuple[int, int]  # merchant id, campaign


class Relays(Protocol):
    """What of the relayer is needed here."""

    @property
    def addresses(self) -> tuple[bytes, ...]: ...

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int: ...


class Submission:
    """Sends orders and takes them back from failed transactions. An order is signed by its holder and carries a nonce:
    sending it twice wastes gas but never pays twice."""

    def __init__(self, db: Database, clock: Clock, rpc: Rpc, hub: bytes, relayer: Relays) -> None:
        self.db, self.clock, self.rpc, self.hub, self.relayer = db, clock, rpc, hub, relayer

    def submit_due(self, limit: int = 500) -> int:
        """Hands due orders to the relayer, at most 50 in a transaction; returns how many.

        Raises the ChainError of a node that cannot be asked; then the orders wait.
        """
        now = self.clock.now()
        with self.db.read() as session:
            query = sa.select(Redemption).where(Redemption.retry_at <= now, Redemption.state.in_(WAITING))
            rows = list(session.scalars(query.order_by(Redemption.id).limit(limit)))
            merchants = {id: session.get_one(Merchant, id).address for id in {row.merchant_id for row in rows}}
            hashes = {id: session.get_one(Offer, id).hash for id in {row.offer_id for row in rows}}
        sent = 0
        for batch in _batches(rows):
            orders = [_order(row, hashes[row.offer_id]) for row in batch]
            sent += self._submit(batch, orders, merchants[batch[0].merchant_id])
        return sent

    def _submit(self, batch: Sequence[Redemption], orders: Sequence[OrderData], merchant: bytes) -> int:
        campaign = batch[0].campaign
        try:
            done = self._try(self._calldata(campaign, merchant, orders))
        except Permanent as error:
            log.warning("redemptions.refused", orders=len(batch), error=str(error))
            with self.db.begin() as session:
                self._put_back(session, [row.id for row in batch])
            return 0
        good = {row.id: order for at, (row, order) in enumerate(zip(batch, orders, strict=True)) if done >> at & 1}
        with self.db.begin() as session:
            rows = self._still_waiting(session, [row.id for row in batch])
            now = self.clock.now()
            for row in rows:
                if row.id not in good:
                    # Skipped: an earlier nonce has not landed yet, or the points are gone; the older, the less often.
                    row.retry_at = now + max(1, min(MAX_BACKOFF, (now - row.created_at) // 8))
            rows = [row for row in rows if row.id in good]
            if rows:
                data = self._calldata(campaign, merchant, [good[row.id] for row in rows])
                tx_id = self.relayer.enqueue(session, Purpose.REDEEM, rows[0].id, self.hub, data)
                for row in rows:
                    row.tx_id, row.retry_at = tx_id, None
                    if row.state == RedemptionState.ACCEPTED:
                        row.state = RedemptionState.SUBMITTED
        if rows:
            crashes.reach("submitted", ("redeem",))
        return len(rows)

    def _calldata(self, campaign: int, merchant: bytes, orders: Sequence[OrderData]) -> bytes:
        return calls.spend_batch(campaign, merchant, orders) if campaign else calls.redeem_batch(merchant, orders)

    def _try(self, data: bytes) -> int:
        """Bit i of the answer says that the contracts would execute order i now, from a key that the merchant lets."""
        refusal: Reverted | None = None
        for key in self.relayer.addresses:
            call = {"from": to_hex(key), "to": to_hex(self.hub), "data": to_hex(data)}
            try:
                return int(self.rpc.call("eth_call", call, "latest"), 16)
            except Reverted as error:
                if error.name != "NotDelegate":
                    raise
                refusal = error
        raise refusal or Reverted()

    def _still_waiting(self, session: Session, ids: Sequence[int]) -> list[Redemption]:
        query = sa.select(Redemption).where(
            Redemption.id.in_(ids), Redemption.retry_at.is_not(None), Redemption.state.in_(WAITING)
        )
        return list(session.scalars(query.order_by(Redemption.id).with_for_update(skip_locked=True)))

    # ------------------------------------------------- what the relayer tells

    def tx_failed(self, session: Session, tx_id: int) -> None:
        """Handler of tx.refused and tx.reverted: the orders wait again, from now on each alone."""
        query = sa.select(Redemption.id).where(Redemption.tx_id == tx_id, Redemption.state.in_(WAITING))
        self._put_back(session, list(session.scalars(query)))

    def tx_done(self, session: Session, tx_id: int) -> None:
        """Handler of tx.done: an order without its event after a while was skipped and is tried again."""
        query = sa.select(Redemption).where(Redemption.tx_id == tx_id, Redemption.state.in_(WAITING))
        for row in session.scalars(query.order_by(Redemption.id).with_for_update()):
            row.retry_at = self.clock.now() + SETTLES

    def _put_back(self, session: Session, ids: Sequence[int]) -> None:
        query = sa.select(Redemption).where(Redemption.id.in_(ids), Redemption.state.in_(WAITING))
        for row in session.scalars(query.order_by(Redemption.id).with_for_update()):
            row.attempts += 1
            row.retry_at = self.clock.now() + min(MAX_BACKOFF, 2 ** min(row.attempts, 10))
            row.tx_id = None
            if row.state == RedemptionState.SUBMITTED:
                row.state = RedemptionState.ACCEPTED


def _batches(rows: Sequence[Redemption]) -> Iterator[list[Redemption]]:
    """At most 50 of one merchant and source, in the order of acceptance; what failed before goes alone."""
    groups: defaultdict[Group, list[Redemption]] = defaultdict(list)
    for row in rows:
        if row.attempts:
            yield [row]
        else:
            groups[(row.merchant_id, row.campaign)].append(row)
    for group in groups.values():
        for start in range(0, len(group), MAX_BATCH):
            yield group[start : start + MAX_BATCH]


def _order(row: Redemption, offer_hash: bytes) -> OrderData:
    r, vs = signatures.compact(row.signature)
    return OrderData(row.holder, row.amount, offer_hash, row.seal_key, row.nonce, row.deadline, row.commitment, r, vs)
