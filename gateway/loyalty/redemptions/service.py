"""Orders for codes: accepted, looked at, confirmed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.hexes import checksum
from gateway.chain.reads import Reads
from gateway.chain.typed_data import Domains
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.limits import RELAY_MINIMUM
from gateway.core.problems import NOT_FOUND
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets.asking import asking
from gateway.identity.wallets.errors import BAD_SIGNATURE, BELOW_RELAY_MINIMUM, RECOVERING
from gateway.identity.wallets.models import OrderKind
from gateway.identity.wallets.orders import Claim, OpenOrders
from gateway.loyalty.ledger.service import Ledger
from gateway.loyalty.offers.codes import Codes
from gateway.loyalty.offers.errors import OFFER_NOT_OPEN
from gateway.loyalty.offers.models import Offer
from gateway.loyalty.offers.service import Offers
from gateway.loyalty.redemptions import sealing
from gateway.loyalty.redemptions.errors import (
    MERCHANT_HAS_NO_DELEGATE,
    MERCHANT_NOT_SERVING,
    NOT_DELIVERED,
    WRONG_SOURCE,
)
from gateway.loyalty.redemptions.models import AGAIN_AFTER, Redemption, RedemptionState, StrayRedemption
from gateway.loyalty.redemptions.terms import Terms

#: Seconds for which the chain's "yes, may serve" is believed.
BELIEVED = 60


class HasAddresses(Protocol):
    @property
    def addresses(self) -> tuple[bytes, ...]: ...


@dataclass(frozen=True)
class Order:
    """What the holder signed: `amount` hundredths from the wallet (`source` 0) or a campaign's account for one code of
    `offer`, sealed to `seal_key`."""

    holder: bytes
    offer: int
    source: int
    amount: int
    nonce: int
    deadline: int
    seal_key: bytes
    signature: bytes

    @property
    def claim(self) -> Claim:
        return Claim(self.holder, self.source, self.nonce, self.amount, self.deadline)


@dataclass(frozen=True)
class Serving:
    """An offer and the address that is paid."""

    offer: Offer
    merchant: bytes
    active: bool


class Redemptions:
    """Takes orders. A code is drawn, sealed and written down in one transaction, before anything is sent."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        domains: Domains,
        reads: Reads,
        relayer: HasAddresses,
        orders: OpenOrders,
        ledger: Ledger,
        offers: Offers,
        codes: Codes,
        terms: Terms,
        whole: Callable[[], bool] = lambda: True,
    ) -> None:
        """`whole`: whether the database knows everything that our keys have sent: else a code could be sold twice."""
        self.whole = whole
        self.db, self.clock, self.domains, self.reads, self.relayer = db, clock, domains, reads, relayer
        self.orders, self.ledger, self.offers, self.codes, self.terms = orders, ledger, offers, codes, terms
        self._serves: dict[tuple[bytes, int], int] = {}

    def accept(self, order: Order) -> Redemption:
        """Verifies an order, reserves and seals its code. The same order again gives the first answer.

        Opens its own transactions, because the chain is asked between them and not inside. Raises `not-found`,
        `bad-signature`, `wrong-source`, `standing-too-low`, `price-mismatch`, `below-relay-minimum`, `offer-not-open`,
        `stale-nonce`, `nonce-gap`, `order-expired`, `too-many-orders`, `orders-used-up`, `shared-orders-used-up`,
        `insufficient-points`, `wallet-limit-reached`, `out-of-stock`, `seal-key-refused`, `merchant-has-no-delegate`,
        `merchant-not-serving`, `chain-unreachable`, `recovering`.
        """
        with self.db.read() as session:
            serving = self._serving(session, order.offer)
            digest = self._verified(order, serving)
            first = self._by_digest(session, digest)
            if first is not None:
                return first
            self._check_terms(session, order, serving)
            self.orders.check_deadline(order.deadline)
        with asking():
            if not self.whole():
                raise RECOVERING.at(retry_after=10)
            self._check_serves(serving.merchant, order.source)
            chain_nonce = self.orders.chain_nonce(order.holder, order.source)
        with self.db.begin() as session:
            offer = self.codes.lock(session, order.offer)
            first = self._by_digest(session, digest)  # with the lock: the very same order may be taken at this moment
            if first is not None:
                return first
            self._check_terms(session, order, self._serving(session, order.offer))
            matured = self.ledger.holding(session, order.holder, order.source, self.clock.now()).matured
            self.orders.admit(session, order.claim, chain_nonce, matured)
            self.terms.check_limit(session, offer, order.holder)
            redemption = self._write(session, order, digest, offer)
            crashes.reach("taken", ("redeem",))
        crashes.reach("accepted", ("redeem",))
        return redemption

    def _write(self, session: Session, order: Order, digest: bytes, offer: Offer) -> Redemption:
        code = self.codes.draw(session, offer, digest, order.deadline)
        self._check_unsold(session, order.offer, code.text)
        sealed = sealing.seal(order.seal_key, sealing.salt_of(self.codes.secrets, digest), code.text)
        now = self.clock.now()
        redemption = Redemption(
            holder=order.holder,
            merchant_id=offer.merchant_id,
            offer_id=order.offer,
            campaign=order.source,
            amount=order.amount,
            nonce=order.nonce,
            deadline=order.deadline,
            seal_key=order.seal_key,
            signature=order.signature,
            digest=digest,
            code_id=code.id,
            commitment=sealed.commitment,
            box=sealed.box,
            state=RedemptionState.ACCEPTED,
            retry_at=now,
            attempts=0,
            created_at=now,
        )
        session.add(redemption)
        session.flush()
        self.orders.add(session, OrderKind.REDEMPTION, redemption.id, order.claim)
        return redemption

    # ----------------------------------------------------------------- checks

    def _check_unsold(self, session: Session, offer: int, code: bytes) -> None:
        """After a restore: codes uploaded anew may have been sold before; recovery.py finds them in a while."""
        strays = sa.select(StrayRedemption).where(
            StrayRedemption.offer_id == offer, StrayRedemption.digest.is_not(None)
        )
        for stray in session.scalars(strays):
            if sealing.commitment(sealing.salt_of(self.codes.secrets, stray.digest or b""), code) == stray.commitment:
                raise RECOVERING.at("offer", retry_after=AGAIN_AFTER)

    def _serving(self, session: Session, offer_id: int) -> Serving:
        offer = self.offers.get(session, offer_id)
        merchant = session.get_one(Merchant, offer.merchant_id)
        return Serving(offer, merchant.address, merchant.active)

    def _verified(self, order: Order, serving: Serving) -> bytes:
        terms = (order.amount, serving.offer.hash, order.seal_key, order.nonce, order.deadline)
        if order.source == 0:
            digest = self.domains.redemption(order.holder, serving.merchant, *terms)
        else:
            digest = self.domains.spend(order.holder, order.source, serving.merchant, *terms)
        if signatures.recover(digest, order.signature) != order.holder:
            contract = self.domains.token if order.source == 0 else self.domains.hub
            raise BAD_SIGNATURE.at(
                "signature", f"expected EIP-712 on chain {self.domains.chain_id}, contract {checksum(contract)}"
            )
        return digest

    def _by_digest(self, session: Session, digest: bytes) -> Redemption | None:
        return session.scalar(sa.select(Redemption).where(Redemption.digest == digest))

    def _check_terms(self, session: Session, order: Order, serving: Serving) -> None:
        offer, now = serving.offer, self.clock.now()
        if order.source != (offer.campaign_id or 0):
            raise WRONG_SOURCE.at("source", f"expected {offer.campaign_id or 0}")
        self.terms.check_price(session, offer, order.holder, order.amount)
        if order.amount < RELAY_MINIMUM:
            raise BELOW_RELAY_MINIMUM.at("amount", f"at least {RELAY_MINIMUM} hundredths")
        if not (offer.active and serving.active and offer.starts_at <= now < offer.ends_at):
            raise OFFER_NOT_OPEN.at("offer")

    def _check_serves(self, merchant: bytes, source: int) -> None:
        """Asks the chain whether we may execute for the merchant, there; a yes is believed for a minute."""
        now = self.clock.now()
        if self._serves.get((merchant, source), 0) > now:
            return
        keys = self.relayer.addresses
        if merchant not in keys and not any(self.reads.is_delegate(merchant, key) for key in keys):
            raise MERCHANT_HAS_NO_DELEGATE.at("offer")
        if source and not self.reads.is_merchant(source, merchant):
            raise MERCHANT_NOT_SERVING.at("offer")
        self._serves[(merchant, source)] = now + BELIEVED

    # ------------------------------------------------------------------ views

    def get(self, session: Session, redemption_id: int) -> Redemption:
        """One order; `not-found`."""
        redemption = session.get(Redemption, redemption_id)
        if redemption is None:
            raise NOT_FOUND.at("redemption")
        return redemption

    def inbox(self, session: Session, holder: bytes, cursor: int | None, limit: int) -> list[Redemption]:
        """At most `limit` orders of a holder that are not dead, newest first, with ids below `cursor`."""
        query = sa.select(Redemption).where(Redemption.holder == holder, Redemption.state != RedemptionState.DEAD)
        if cursor is not None:
            query = query.where(Redemption.id < cursor)
        return list(session.scalars(query.order_by(Redemption.id.desc()).limit(limit)))

    def confirm(self, session: Session, redemption_id: int, signature: bytes) -> Redemption:
        """The holder has opened its box, which is forgotten here. Signed (EIP-191): `confirm redemption <id>`.

        `not-found`, `bad-signature`, `not-delivered`. Twice is once.
        """
        redemption = self.get(session, redemption_id)
        digest = signatures.personal(f"confirm redemption {redemption_id}".encode())
        if signatures.recover(digest, signature) != redemption.holder:
            raise BAD_SIGNATURE.at(
                "signature", "the holder's wallet signs the text `confirm redemption <id>` (EIP-191)"
            )
        session.refresh(redemption, with_for_update=True)
        if redemption.expires_at is None:
            raise NOT_DELIVERED.at("id")
        redemption.box = None
        if redemption.state == RedemptionState.DELIVERED:  # a flagged one stays for a human to look at
            redemption.state = RedemptionState.CONFIRMED
        session.flush()
        return redemption


def visible_box(redemption: Redemption) -> bytes | None:
    """The box, once it is paid for at depth and as long as it is kept."""
    return redemption.box if redemption.state == RedemptionState.DELIVERED else None
