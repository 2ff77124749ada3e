"""Offers: made from signed documents, listed, closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.hexes import checksum, keccak256, to_hex
from gateway.core.clock import Clock
from gateway.core.problems import INVALID_REQUEST, NOT_FOUND
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets.errors import BAD_SIGNATURE
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant
from gateway.loyalty.offers import documents, patterns
from gateway.loyalty.offers.documents import Document, Full, Limit, Plain
from gateway.loyalty.offers.errors import (
    MERCHANT_NOT_IN_CAMPAIGN,
    OFFER_EXISTS,
    OFFER_MALFORMED,
    OFFER_OTHER_CHAIN,
    OFFER_OTHER_MERCHANT,
)
from gateway.loyalty.offers.models import CodeSource, Offer, RewardKind

Source = Literal["pool", "generated", "signed"]
Availability = Literal["none", "few", "enough"]


@dataclass(frozen=True)
class NewOffer:
    """What a merchant sends: the canonical document, its wallet's EIP-191 signature of it, where codes come from."""

    document: str
    signature: bytes
    source: Source
    pattern: str | None = None
    stock_limit: int | None = None
    wallet_limit: int | None = None
    low_stock: int = 20


@dataclass(frozen=True)
class Sought:
    """Which offers: paid from this `campaign` (0: from the wallet); of this merchant; of this kind; bought with
    `points_of` a campaign, from its accounts and, where its points are free, from wallets at its merchants; also those
    that are `closed`."""

    campaign: int | None = None
    merchant: int | None = None
    kind: RewardKind | None = None
    points_of: int | None = None
    closed: bool = False


class Offers:
    """All methods work in the caller's transaction."""

    def __init__(self, clock: Clock, chain_id: int, hub: bytes, code_key: Callable[[int], bytes]) -> None:
        self.clock, self.chain_id, self.hub, self.code_key = clock, chain_id, hub, code_key

    def create(self, session: Session, merchant_id: int, new: NewOffer) -> Offer:
        """Checks the document and its signature and keeps both.

        `offer-malformed`, `offer-other-chain`, `offer-other-merchant`, `bad-signature`, `offer-exists`,
        `merchant-not-in-campaign`, `pattern-malformed`, `pattern-too-weak`.
        """
        document = documents.parse(new.document)
        merchant = session.get_one(Merchant, merchant_id)
        self._check_names(document, merchant)
        digest = signatures.personal(new.document.encode())
        if signatures.recover(digest, new.signature) != merchant.address:
            raise BAD_SIGNATURE.at("signature", "the merchant's wallet signs the document's bytes (EIP-191)")
        if document.ends_at <= self.clock.now():
            raise OFFER_MALFORMED.at("document.ends_at", "in the past")
        self._check_source(new, document, merchant_id)
        self._check_campaigns(session, document, merchant_id)
        offer_hash = keccak256(new.document.encode())
        if session.scalar(sa.select(Offer.id).where(Offer.hash == offer_hash)) is not None:
            raise OFFER_EXISTS.at("document")
        offer = Offer(
            merchant_id=merchant_id,
            document=new.document,
            hash=offer_hash,
            signature=new.signature,
            kind=RewardKind[document.kind.upper()],
            price=document.price,
            campaign_id=document.campaign,
            source=CodeSource.POOL if new.source == "pool" else CodeSource.GENERATED,
            pattern=new.pattern,
            starts_at=document.starts_at,
            ends_at=document.ends_at,
            code_valid=document.code_valid,
            stock_limit=new.stock_limit if isinstance(document, Plain) else document.stock,
            drawn=0,
            free=0,
            low_stock=new.low_stock,
            wallet_limit=new.wallet_limit,
            active=True,
            created_at=self.clock.now(),
        )
        session.add(offer)
        session.flush()
        return offer

    def _check_names(self, document: Document, merchant: Merchant) -> None:
        if document.chain_id != self.chain_id:
            raise OFFER_OTHER_CHAIN.at("document.chain_id", f"expected {self.chain_id}")
        if document.hub != self.hub:
            raise OFFER_OTHER_CHAIN.at("document.hub", f"expected {checksum(self.hub)}")
        if document.merchant != merchant.address:
            raise OFFER_OTHER_MERCHANT.at("document.merchant")

    def _check_campaigns(self, session: Session, document: Document, merchant_id: int) -> None:
        """A merchant speaks for its own campaigns only: the one that pays, and those whose rungs count."""
        for field, campaign in documents.campaigns(document).items():
            membership = session.get(CampaignMerchant, (campaign, merchant_id))
            if membership is None:
                raise MERCHANT_NOT_IN_CAMPAIGN.at(field, "its owner shares it first")
            if not membership.accepted:
                raise MERCHANT_NOT_IN_CAMPAIGN.at(field, "the merchant accepts it on the chain first")

    def _check_source(self, new: NewOffer, document: Document, merchant_id: int) -> None:
        for field, value in (("stock_limit", new.stock_limit), ("wallet_limit", new.wallet_limit)):
            if value is not None and isinstance(document, Full):
                raise INVALID_REQUEST.at(field, "the document says so")
        if (new.pattern is None) == (new.source == "generated"):
            raise INVALID_REQUEST.at("pattern", "generated codes need one, others have none")
        if new.pattern is not None:
            patterns.validate(new.pattern)
        if isinstance(document, Full) and document.links and new.source != "pool":
            raise INVALID_REQUEST.at("source", "links come from a pool")
        key = document.code_key if isinstance(document, Full) else None
        if key != (self.code_key(merchant_id) if new.source == "signed" else None):
            expected = to_hex(self.code_key(merchant_id)) if new.source == "signed" else "none, codes are not signed"
            raise OFFER_MALFORMED.at("document.code_key", f"expected {expected}")

    def get(self, session: Session, offer_id: int, merchant_id: int | None = None) -> Offer:
        """An offer, of this merchant where one is named; else `not-found`."""
        offer = session.get(Offer, offer_id)
        if offer is None or merchant_id not in (None, offer.merchant_id):
            raise NOT_FOUND.at("offer")
        return offer

    def merchant(self, session: Session, offer: Offer) -> Merchant:
        """Who is paid."""
        return session.get_one(Merchant, offer.merchant_id)

    def page(self, session: Session, cursor: int, limit: int, sought: Sought) -> list[Offer]:
        """At most `limit` offers that have not ended, with ids above `cursor`; `not-found`."""
        query = sa.select(Offer).where(Offer.id > cursor, Offer.ends_at > self.clock.now())
        if not sought.closed:
            query = query.where(Offer.active == 1)
        if sought.campaign is not None:
            query = query.where(Offer.campaign_id == (sought.campaign or None))
        if sought.merchant is not None:
            query = query.where(Offer.merchant_id == sought.merchant)
        if sought.kind is not None:
            query = query.where(Offer.kind == sought.kind)
        if sought.points_of is not None:
            query = query.where(self._bought_with(session, sought.points_of))
        return [*session.scalars(query.order_by(Offer.id).limit(limit))]

    def _bought_with(self, session: Session, campaign_id: int) -> sa.ColumnElement[bool]:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None:
            raise NOT_FOUND.at("points_of")
        inside = Offer.campaign_id == campaign_id
        if campaign.closed:
            return inside
        members = sa.select(CampaignMerchant.merchant_id).where(
            CampaignMerchant.campaign_id == campaign_id, CampaignMerchant.accepted == 1
        )
        return sa.or_(inside, sa.and_(Offer.campaign_id.is_(None), Offer.merchant_id.in_(members)))

    def turn(self, session: Session, offer_id: int, merchant_id: int, active: bool) -> tuple[bool, Offer]:
        """Takes no new orders from now on, or again; those that were accepted go on. Twice is once. Beside the offer:
        whether it was open."""
        offer = self.get(session, offer_id, merchant_id)
        before, offer.active = offer.active, active
        session.flush()
        return before, offer


def limits(offer: Offer, document: Document) -> tuple[Limit, ...]:
    """How often a wallet may have it."""
    return document.limits if offer.wallet_limit is None else (Limit(times=offer.wallet_limit, per="ever"),)


def source(offer: Offer) -> Source:
    """Where its codes come from."""
    return "pool" if offer.source == CodeSource.POOL else "signed" if offer.signed else "generated"


def left(offer: Offer) -> int | None:
    """How many more orders would get a code; None: there is no end to them."""
    bounds = [offer.free] if offer.source == CodeSource.POOL else []
    if offer.stock_limit is not None:
        bounds.append(max(offer.stock_limit - offer.drawn, 0))
    return min(bounds, default=None)


def availability(offer: Offer) -> Availability:
    """What everybody may know of it. A number would show each order when it is accepted, before the chain does."""
    count = left(offer)
    return "enough" if count is None or count > offer.low_stock else "few" if count else "none"
