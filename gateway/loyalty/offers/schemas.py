"""Offers and codes on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.core.problems import Problem
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets.fields import Address, Bytes32, Moment, Signature
from gateway.loyalty.offers import documents, prices
from gateway.loyalty.offers.codes import CodeView
from gateway.loyalty.offers.documents import MAX_BYTES, MAX_STOCK, Limit, Rung, TierPrice
from gateway.loyalty.offers.models import Offer, OfflineUse
from gateway.loyalty.offers.offline import Recorded, Use
from gateway.loyalty.offers.patterns import MAX_LENGTH
from gateway.loyalty.offers.rewards import Kind, Reward
from gateway.loyalty.offers.service import Availability, NewOffer, Source, availability, limits, source
from gateway.loyalty.offers.texts import MAX_CODE

DOCUMENT = (
    '{"campaign":null,"chain_id":31337,"code_valid":7776000,"description":"One small coffee.","ends_at":1798761600,'
    '"hub":"0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512","limits":[{"per":"week","times":2}],'
    '"merchant":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","price":25000,'
    '"prices":[{"campaign":1,"ladder":"status","price":20000,"rank":2}],"ref":"coffee",'
    '"reward":{"kind":"product","product":"coffee_small"},"starts_at":1767225600,"stock":500,"title":"Coffee",'
    '"version":2}'
)
REWARD: dict[str, JsonValue] = {"kind": "product", "product": "coffee_small", "quantity": 1}
OFFER: dict[str, JsonValue] = {
    "id": 1,
    "merchant": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "merchant_id": 1,
    "merchant_name": "Corner Café",
    "document": DOCUMENT,
    "hash": "0x" + "5f" * 32,
    "signature": "0x" + "1c" * 65,
    "kind": "product",
    "reward": REWARD,
    "words": [
        "coffee_small",
        "250.00 points",
        "200.00 points from rank 2 of status in campaign 1",
        "at most 2 a wallet and week",
    ],
    "price": 25000,
    "prices": [{"campaign": 1, "ladder": "status", "rank": 2, "price": 20000}],
    "only": None,
    "limits": [{"times": 2, "per": "week"}],
    "campaign": None,
    "source": "pool",
    "starts_at": 1767225600,
    "ends_at": 1798761600,
    "code_valid": 7776000,
    "stock": 500,
    "availability": "enough",
    "active": True,
}
#: The first of the vectors in docs/howto.
SIGNED_CODE = (
    "AEAAAAABA56ZEAICAMCAKBQHHJ3KHW4FN263ZDKL43FJ6MJB6OR62UOFNDSNAIIHGWONJZGWVFLOO7MLMJCX77A7KSJTDMQARPYZA4ET7TMTDCKUWHBH"
    "22D6VQJLYBI"
)
CODE: dict[str, JsonValue] = {
    "offer": 1,
    "title": "Coffee",
    "reward": REWARD,
    "instruction": "Hand over coffee_small without payment.",
    "state": "delivered",
    "expires_at": 1775001600,
    "used_at": None,
}


OF_OLD = "Only beside a document of version 1"


class OfferIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"document": DOCUMENT, "signature": "0x" + "1c" * 65, "source": "pool", "low_stock": 50},
                {
                    "document": DOCUMENT,
                    "signature": "0x" + "1c" * 65,
                    "source": "generated",
                    "pattern": "CAFE-****-****-****-%",
                },
            ]
        },
    )

    document: Annotated[str, Field(min_length=2, max_length=MAX_BYTES, description="Canonical JSON, see the example")]
    signature: Annotated[Signature, Field(description="The merchant's wallet over the document's bytes (EIP-191)")]
    source: Source
    pattern: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)] | None = None
    stock_limit: Annotated[int, Field(strict=True, ge=1, le=MAX_STOCK, description=OF_OLD)] | None = None
    wallet_limit: Annotated[int, Field(strict=True, ge=1, le=10_000, description=OF_OLD)] | None = None
    low_stock: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 20

    def new(self) -> NewOffer:
        return NewOffer(
            document=self.document,
            signature=self.signature,
            source=self.source,
            pattern=self.pattern,
            stock_limit=self.stock_limit,
            wallet_limit=self.wallet_limit,
            low_stock=self.low_stock,
        )


class OfferOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [OFFER]})

    id: int
    merchant: Address
    merchant_id: int
    merchant_name: str
    document: str
    hash: Bytes32
    signature: Signature
    kind: Kind
    reward: Annotated[Reward | None, Field(description="null: the document is of version 1 and names the kind alone")]
    words: Annotated[list[str], Field(description="What it is, what it costs and how often, for people")]
    price: Annotated[int, Field(description="What anybody may pay")]
    prices: list[TierPrice]
    only: Rung | None
    limits: list[Limit]
    campaign: int | None
    source: Source
    starts_at: int
    ends_at: int
    code_valid: int
    stock: int | None
    availability: Availability
    active: bool

    @classmethod
    def of(cls, offer: Offer, merchant: Merchant) -> OfferOut:
        document = documents.parse(offer.document)
        reward = getattr(document, "reward", None)
        return cls.model_construct(
            id=offer.id,
            merchant=merchant.address,
            merchant_id=merchant.id,
            merchant_name=merchant.name,
            document=offer.document,
            hash=offer.hash,
            signature=offer.signature,
            kind=document.kind,
            reward=reward,
            words=[reward.say() if reward else document.title, *prices.say(document)],
            price=offer.price,
            prices=list(document.prices),
            only=document.only,
            limits=list(limits(offer, document)),
            campaign=offer.campaign_id,
            source=source(offer),
            starts_at=offer.starts_at,
            ends_at=offer.ends_at,
            code_valid=offer.code_valid,
            stock=offer.stock_limit,
            availability=availability(offer),
            active=offer.active,
        )


class OfferList(BaseModel):
    items: list[OfferOut]
    next: int | None


class UploadOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"offer": 1, "added": 100_000}]})

    offer: int
    added: int


class LowStockIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"low_stock": 50}]})

    low_stock: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class CodesOut(BaseModel):
    """How many codes are in each state, and what of them is not in the offer's document."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"free": 99_990, "reserved": 1, "delivered": 7, "used": 2, "pattern": None, "low_stock": 20},
            ]
        }
    )

    free: int
    reserved: int
    delivered: int
    used: int
    pattern: Annotated[str | None, Field(description="Of generated codes")]
    low_stock: Annotated[int, Field(description="`codes.low` is told when so many or fewer are left")]

    @classmethod
    def of(cls, offer: Offer, counts: dict[str, int]) -> CodesOut:
        return cls(**counts, pattern=offer.pattern, low_stock=offer.low_stock)


class CodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "CAFE-7Q2M-X9AB-33KD-5"}]})

    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]


class UseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]
    used_at: Annotated[Moment, Field(description="By the till's clock")]


class UsesIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"uses": [{"code": SIGNED_CODE, "used_at": 1767229200}]}]}
    )

    uses: Annotated[list[UseIn], Field(min_length=1, max_length=1_000)]

    def each(self) -> list[Use]:
        return [Use(use.code, use.used_at) for use in self.uses]


class TakenOut(BaseModel):
    key: Annotated[int, Field(description="The till's API key, by its number")]
    at: int


class UseResult(BaseModel):
    outcome: Literal["counted", "double", "refused"]
    repeated: Annotated[bool, Field(description="It had been reported before; nothing was changed")] = False
    offer: int | None = None
    first: Annotated[TakenOut | None, Field(description="Of a double use: the one that counts")] = None
    problem: dict[str, JsonValue] | None = None

    @classmethod
    def of(cls, result: Recorded | Problem) -> UseResult:
        if isinstance(result, Problem):
            return cls.model_validate({"outcome": "refused", "problem": result.body()})
        first = TakenOut(key=result.first.key, at=result.first.at) if result.first else None
        outcome: Literal["counted", "double"] = "double" if first else "counted"
        return cls(outcome=outcome, repeated=result.repeated, offer=result.offer, first=first)


class UsesOut(BaseModel):
    results: list[UseResult]


class DoubleUse(BaseModel):
    id: int
    offer: int
    first: Annotated[TakenOut, Field(description="The use that counts")]
    second: Annotated[TakenOut, Field(description="The one that was reported later")]
    reported_at: int

    @classmethod
    def of(cls, row: OfflineUse, offer: int) -> DoubleUse:
        return cls(
            id=row.id,
            offer=offer,
            first=TakenOut(key=row.other_key or 0, at=row.other_at or 0),
            second=TakenOut(key=row.key_id, at=row.used_at),
            reported_at=row.reported_at,
        )


class DoubleUses(BaseModel):
    items: list[DoubleUse]
    next: int | None


class CodeKeyOut(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"merchant_id": 1, "algorithm": "Ed25519", "key": "0x" + "d7" * 32}]}
    )

    merchant_id: int
    algorithm: Literal["Ed25519"]
    key: Bytes32


class CodeOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [CODE]})

    offer: int
    title: str
    reward: Reward | None
    instruction: Annotated[str, Field(description="What to do at the till, for people")]
    state: Literal["delivered", "used", "expired"]
    expires_at: Annotated[int, Field(description="Rounded up, see the walk")]
    used_at: int | None

    @classmethod
    def of(cls, view: CodeView) -> CodeOut:
        return cls.model_validate(vars(view))
