"""Offers and codes on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.identity.wallets.fields import Address, Bytes32, Signature
from gateway.loyalty.offers.codes import CodeView
from gateway.loyalty.offers.documents import MAX_BYTES
from gateway.loyalty.offers.models import CodeSource, Offer
from gateway.loyalty.offers.patterns import MAX_LENGTH
from gateway.loyalty.offers.service import NewOffer, in_stock
from gateway.loyalty.offers.texts import MAX_CODE

DOCUMENT = (
    '{"campaign":null,"chain_id":31337,"code_valid":7776000,"description":"One small coffee.","ends_at":1798761600,'
    '"hub":"0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512","kind":"product",'
    '"merchant":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","price":25000,"starts_at":1767225600,"title":"Coffee"}'
)
OFFER: dict[str, JsonValue] = {
    "id": 1,
    "merchant": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "document": DOCUMENT,
    "hash": "0x" + "5f" * 32,
    "signature": "0x" + "1c" * 65,
    "price": 25000,
    "campaign": None,
    "source": "pool",
    "starts_at": 1767225600,
    "ends_at": 1798761600,
    "code_valid": 7776000,
    "wallet_limit": 2,
    "active": True,
    "in_stock": True,
}
CODE: dict[str, JsonValue] = {
    "offer": 1,
    "title": "Coffee",
    "state": "delivered",
    "expires_at": 1775001600,
    "used_at": None,
}


class OfferIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"document": DOCUMENT, "signature": "0x" + "1c" * 65, "source": "pool", "wallet_limit": 2},
                {
                    "document": DOCUMENT,
                    "signature": "0x" + "1c" * 65,
                    "source": "generated",
                    "pattern": "CAFE-****-****-****-%",
                    "stock_limit": 500,
                },
            ]
        },
    )

    document: Annotated[str, Field(min_length=2, max_length=MAX_BYTES, description="Canonical JSON, see the example")]
    signature: Annotated[Signature, Field(description="The merchant's wallet over the document's bytes (EIP-191)")]
    source: Literal["pool", "generated"]
    pattern: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)] | None = None
    stock_limit: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] | None = None
    wallet_limit: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    low_stock: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 20

    def new(self) -> NewOffer:
        return NewOffer(
            document=self.document,
            signature=self.signature,
            source=CodeSource[self.source.upper()],
            pattern=self.pattern,
            stock_limit=self.stock_limit,
            wallet_limit=self.wallet_limit,
            low_stock=self.low_stock,
        )


class OfferOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [OFFER]})

    id: int
    merchant: Address
    document: str
    hash: Bytes32
    signature: Signature
    price: int
    campaign: int | None
    source: str
    starts_at: int
    ends_at: int
    code_valid: int
    wallet_limit: int | None
    active: bool
    in_stock: bool

    @classmethod
    def of(cls, offer: Offer, merchant: bytes) -> OfferOut:
        return cls.model_construct(
            id=offer.id,
            merchant=merchant,
            document=offer.document,
            hash=offer.hash,
            signature=offer.signature,
            price=offer.price,
            campaign=offer.campaign_id,
            source=offer.source.name.lower(),
            starts_at=offer.starts_at,
            ends_at=offer.ends_at,
            code_valid=offer.code_valid,
            wallet_limit=offer.wallet_limit,
            active=offer.active,
            in_stock=in_stock(offer),
        )


class OfferList(BaseModel):
    items: list[OfferOut]
    next: int | None


class UploadOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"offer": 1, "added": 100_000}]})

    offer: int
    added: int


class CodeCounts(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"free": 99_990, "reserved": 1, "delivered": 7, "used": 2}]}
    )

    free: int
    reserved: int
    delivered: int
    used: int


class CodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "CAFE-7Q2M-X9AB-33KD-5"}]})

    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]


class CodeOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [CODE]})

    offer: int
    title: str
    state: Literal["delivered", "used", "expired"]
    expires_at: int
    used_at: int | None

    @classmethod
    def of(cls, view: CodeView) -> CodeOut:
        return cls.model_validate(vars(view))
