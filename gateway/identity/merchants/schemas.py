"""Merchants and keys on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.words import Name
from gateway.identity.merchants.keys import GRACE, MAX_GRACE
from gateway.identity.merchants.models import ApiKey, Merchant, Scope
from gateway.identity.wallets.fields import Address, RowId

ScopeName = Literal["actions", "codes", "manage", "statistics", "admin"]


class MerchantIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Corner Books", "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}]
        },
    )

    name: Name
    address: Address = Field(description="The merchant's own wallet: signs offers, is paid in points")


class MerchantOut(BaseModel):
    id: int
    name: str
    address: Address
    created_at: int

    @classmethod
    def of(cls, merchant: Merchant) -> MerchantOut:
        return cls.model_construct(
            id=merchant.id, name=merchant.name, address=merchant.address, created_at=merchant.created_at
        )


class MerchantList(BaseModel):
    items: list[MerchantOut]
    next: int | None


class KeyIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"merchant_id": 1, "scopes": ["actions", "codes"]}]}
    )

    merchant_id: RowId | None = Field(
        None, description="Operator only; a merchant's key makes keys for its own merchant"
    )
    scopes: list[ScopeName] = Field(min_length=1, max_length=5)

    def scope(self) -> Scope:
        scope = Scope(0)
        for name in self.scopes:
            scope |= Scope[name.upper()]
        return scope


class RotateIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"grace": 86_400}]})

    grace: int = Field(GRACE, strict=True, ge=0, le=MAX_GRACE, description="Seconds that the old key still works")


class KeyOut(BaseModel):
    id: int
    merchant_id: int | None
    scopes: list[str]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    current: bool = Field(False, description="It is the key of this request")

    @classmethod
    def of(cls, key: ApiKey, current: bool = False) -> KeyOut:
        return cls(**_fields(key), current=current)


class NewKeyOut(KeyOut):
    key: str = Field(description="Shown this once")

    @classmethod
    def issued(cls, key: ApiKey, token: str) -> NewKeyOut:
        return cls(**_fields(key), key=token)


class KeyList(BaseModel):
    items: list[KeyOut]
    next: int | None


def _fields(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "merchant_id": key.merchant_id,
        "scopes": [str(scope.name).lower() for scope in Scope if scope in Scope(key.scopes)],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
