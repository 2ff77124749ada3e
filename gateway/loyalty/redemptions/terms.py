"""What one wallet may have of an offer, and for what: the same words for the quote and for the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.loyalty.offers import documents, prices
from gateway.loyalty.offers.documents import Limit
from gateway.loyalty.offers.models import Offer
from gateway.loyalty.offers.prices import Price
from gateway.loyalty.offers.service import limits
from gateway.loyalty.redemptions import standing
from gateway.loyalty.redemptions.errors import PRICE_MISMATCH, STANDING_TOO_LOW, WALLET_LIMIT_REACHED
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from gateway.loyalty.redemptions.standing import Ladders


@dataclass(frozen=True)
class Quote:
    """`prices`: what the wallet may pay, the best first; none: the offer is not for it. `reached`: the limit that keeps
    it from another code now."""

    prices: Sequence[Price]
    reached: Limit | None


class Terms:
    """All methods work in the caller's transaction."""

    def __init__(self, clock: Clock, ladders: Ladders) -> None:
        self.clock, self.ladders = clock, ladders

    def quote(self, session: Session, offer: Offer, holder: bytes) -> Quote:
        """What this wallet may have now."""
        return Quote(self._prices(session, offer, holder), self._reached(session, offer, holder))

    def check_price(self, session: Session, offer: Offer, holder: bytes, amount: int) -> None:
        """Raises `standing-too-low` or `price-mismatch` unless the wallet may have the offer for this amount."""
        found = self._prices(session, offer, holder)
        if not found:
            raise STANDING_TOO_LOW.at("offer")
        if amount not in {price.amount for price in found}:
            raise PRICE_MISMATCH.at("amount", f"expected {' or '.join(str(price.amount) for price in found)}")

    def check_limit(self, session: Session, offer: Offer, holder: bytes) -> None:
        """Raises `wallet-limit-reached`. Exact where the caller has locked the offer."""
        limit = self._reached(session, offer, holder)
        if limit is not None:
            often = f"at most {limit.times}"
            raise WALLET_LIMIT_REACHED.at("offer", often if limit.per == "ever" else f"{often} a {limit.per}")

    def _prices(self, session: Session, offer: Offer, holder: bytes) -> list[Price]:
        document = documents.parse(offer.document)
        campaigns = prices.campaigns(document)
        where = standing.of(self.ladders, session, campaigns, holder, self.clock.now())
        return prices.prices(document, where)

    def _reached(self, session: Session, offer: Offer, holder: bytes) -> Limit | None:
        document = documents.parse(offer.document)
        bounds = limits(offer, document)
        if not bounds:
            return None
        query = sa.select(Redemption.created_at).where(
            Redemption.holder == holder, Redemption.offer_id == offer.id, Redemption.state != RedemptionState.DEAD
        )
        return prices.reached(bounds, document.zone, session.scalars(query), self.clock.now())
