"""Orders for codes on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.core.limits import MAX_ID
from gateway.identity.wallets.fields import Address, Bytes32, Moment, Nonce, Points, RowId, Signature, Words
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from gateway.loyalty.redemptions.service import Order, visible_box

ORDER: dict[str, JsonValue] = {
    "holder": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "offer": 1,
    "source": 0,
    "amount": 25000,
    "nonce": 0,
    "deadline": 1767229200,
    "seal_key": "0x" + "a7" * 32,
    "signature": "0x" + "1c" * 65,
}
ANSWER: dict[str, JsonValue] = {
    "id": 1,
    "offer": 1,
    "source": 0,
    "amount": 25000,
    "nonce": 0,
    "state": "delivered",
    "commitment": "0x" + "c0" * 32,
    "box": "0x" + "b0" * 208,
    "expires_at": 1775001600,
    "created_at": 1767225600,
}


class RedemptionIn(BaseModel):
    """Signed as EIP-712 `Payment … Redemption` of the token (source 0) or `Spend` of the hub."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ORDER]})

    holder: Address
    offer: RowId
    source: Annotated[int, Field(strict=True, ge=0, le=MAX_ID, description="0: the wallet; else a campaign")]
    amount: Points
    nonce: Nonce
    deadline: Moment
    seal_key: Annotated[Bytes32, Field(description="X25519 public key, fresh for this order")]
    signature: Signature

    def order(self) -> Order:
        return Order(**{name: getattr(self, name) for name in type(self).model_fields})


class RedemptionOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [ANSWER]})

    id: int
    offer: int
    source: int
    amount: int
    nonce: int
    state: Annotated[str, Field(json_schema_extra={"enum": [state.name.lower() for state in RedemptionState]})]
    commitment: Bytes32
    box: Annotated[Words | None, Field(description="Sealed box, from delivery to confirmation or the code's end")]
    expires_at: int | None
    created_at: int

    @classmethod
    def of(cls, row: Redemption) -> RedemptionOut:
        return cls.model_construct(
            id=row.id,
            offer=row.offer_id,
            source=row.campaign,
            amount=row.amount,
            nonce=row.nonce,
            state=row.state.name.lower(),
            commitment=row.commitment,
            box=visible_box(row),
            expires_at=row.expires_at,
            created_at=row.created_at,
        )


class ConfirmIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"signature": "0x" + "1c" * 65}]})

    signature: Annotated[Signature, Field(description="The holder's wallet over `confirm redemption <id>` (EIP-191)")]
