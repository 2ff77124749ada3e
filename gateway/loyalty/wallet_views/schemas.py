"""A wallet's view of itself on the wire. Amounts in hundredths of a point, times in Unix seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.identity.wallets.fields import Address
from gateway.loyalty.ledger.service import HistoryItem
from gateway.loyalty.offers import prices
from gateway.loyalty.offers.documents import Limit, Rung
from gateway.loyalty.offers.models import Offer
from gateway.loyalty.offers.prices import Price
from gateway.loyalty.offers.service import Availability, availability
from gateway.loyalty.redemptions.schemas import RedemptionOut
from gateway.loyalty.redemptions.terms import Quote
from gateway.loyalty.wallet_views.queries import Pending

WALLET: dict[str, JsonValue] = {
    "wallet": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "balance": 12500,
    "nonce": 3,
    "accounts": [
        {"campaign": 2, "matured": 5500, "pending": 800, "next_maturity": 1767830400, "stay": False, "nonce": 0}
    ],
    "next": None,
}


QUOTE: dict[str, JsonValue] = {
    "offer": 1,
    "prices": [
        {
            "amount": 20000,
            "why": "200.00 points from rank 2 of status in campaign 1",
            "rung": {"campaign": 1, "ladder": "status", "rank": 2},
        },
        {"amount": 25000, "why": "250.00 points", "rung": None},
    ],
    "limit_reached": None,
    "availability": "enough",
}


class AccountOut(BaseModel):
    campaign: int
    matured: int
    pending: int
    next_maturity: int | None
    stay: bool
    nonce: Annotated[int | None, Field(description="For the next order on this account; null while the node is down")]


class WalletOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [WALLET]})

    wallet: Address
    balance: int
    nonce: Annotated[int | None, Field(description="For the wallet's next order; null while the node is down")]
    accounts: Annotated[list[AccountOut], Field(description="One for each campaign in which it has points")]
    next: int | None


class HistoryEntry(BaseModel):
    id: int
    kind: Annotated[str, Field(description="The contracts' event")]
    block: int
    at: int
    campaign: Annotated[int, Field(description="0: the wallet itself")]
    credit: int
    debit: int
    counterparty: Annotated[
        Address | None,
        Field(description="The other side of a transfer (zero: issued, burnt); merchant paid, or who got the asset"),
    ]

    @classmethod
    def of(cls, item: HistoryItem) -> HistoryEntry:
        return cls.model_construct(
            id=item.id,
            kind=item.kind.name.lower(),
            block=item.block,
            at=item.at,
            campaign=item.campaign,
            credit=item.credit,
            debit=item.debit,
            counterparty=item.counterparty,
        )


class HistoryOut(BaseModel):
    items: list[HistoryEntry]
    next: int | None


class PendingEntry(BaseModel):
    campaign: int
    kind: str
    points: Annotated[int, Field(description="Negative for a refund")]
    occurred_at: int
    expected_at: Annotated[int | None, Field(description="Its settlement; null when it is on its way, or too late")]
    too_late: Annotated[bool, Field(description="Its campaign closed before it landed: it can land no more")]

    @classmethod
    def of(cls, item: Pending) -> PendingEntry:
        told = {name: value for name, value in vars(item).items() if name != "id"}
        return cls(**told | {"kind": item.kind.name.lower()})


class PendingOut(BaseModel):
    items: list[PendingEntry]
    next: int | None


class InboxOut(BaseModel):
    items: list[RedemptionOut]
    next: int | None


class PriceOut(BaseModel):
    amount: int
    why: Annotated[str, Field(description="For people")]
    rung: Rung | None

    @classmethod
    def of(cls, price: Price) -> PriceOut:
        return cls(amount=price.amount, why=prices.why(price), rung=price.rung)


class OfferQuoteOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [QUOTE]})

    offer: int
    prices: Annotated[list[PriceOut], Field(description="What the wallet may pay, the best first; none: not for it")]
    limit_reached: Annotated[Limit | None, Field(description="What keeps the wallet from another code now")]
    availability: Availability

    @classmethod
    def of(cls, offer: Offer, quote: Quote) -> OfferQuoteOut:
        return cls(
            offer=offer.id,
            prices=[PriceOut.of(price) for price in quote.prices],
            limit_reached=quote.reached,
            availability=availability(offer),
        )
