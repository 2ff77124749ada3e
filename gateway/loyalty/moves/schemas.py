"""Moves on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.identity.wallets.fields import Address, CampaignId, Moment, Nonce, Points, Signature
from gateway.loyalty.moves.models import Move, MoveKind, MoveState
from gateway.loyalty.moves.orders import SHAPES, MoveOrder, check_shape
from gateway.loyalty.moves.pricing import Quote

SIGNED: dict[str, JsonValue] = {
    "holder": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "nonce": 0,
    "deadline": 1767229200,
    "signature": "0x" + "1c" * 65,
}
EXAMPLES: list[JsonValue] = [
    {"kind": "enter", "target": 2, "amount": 5000, "min_received": 5500, **SIGNED},
    {"kind": "leave", "source": 1, "amount": 5000, **SIGNED},
    {"kind": "move", "source": 1, "target": 2, "amount": 5000, "min_received": 5500, **SIGNED},
    {"kind": "send", "amount": 5000, "recipient": "0x90F79bf6EB2c4f870365E785982E1f101E93b906", **SIGNED},
    {"kind": "cash_out", "amount": 5000, "recipient": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", **SIGNED},
    {"kind": "stay", "source": 1, "stay": True, **SIGNED},
]
ANSWER: dict[str, JsonValue] = {
    "id": 1,
    "kind": "move",
    "source": 1,
    "target": 2,
    "amount": 5000,
    "min_received": 5500,
    "nonce": 0,
    "deadline": 1767229200,
    "state": "done",
    "received": 5500,
    "created_at": 1767225600,
}


class MoveIn(BaseModel):
    """Signed as EIP-712: `Payment … Enter`, `Transfer`, `CashOut` of the token; `Leave`, `Move`, `Stay` of the hub."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": EXAMPLES})

    kind: Literal["enter", "leave", "move", "send", "cash_out", "stay"]
    holder: Address
    source: CampaignId | None = None
    target: CampaignId | None = None
    amount: Points | None = None
    min_received: Annotated[int, Field(strict=True, ge=0, le=MAX_HUNDREDTHS)] | None = None
    recipient: Address | None = None
    stay: Annotated[bool, Field(strict=True)] | None = None
    nonce: Nonce
    deadline: Moment
    signature: Signature

    def order(self) -> MoveOrder:
        """Raises `invalid-request` when the fields are not those of the kind."""
        kind = MoveKind[self.kind.upper()]
        given = {name: getattr(self, name) for name in sorted(frozenset().union(*SHAPES.values()))}
        check_shape(kind, given)
        return MoveOrder(
            kind=kind,
            holder=self.holder,
            nonce=self.nonce,
            deadline=self.deadline,
            signature=self.signature,
            **{name: value for name, value in given.items() if value is not None},
        )


class MoveOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [ANSWER]})

    id: int
    kind: str
    source: int | None
    target: int | None
    amount: int
    min_received: int
    nonce: int
    deadline: int
    state: Annotated[str, Field(json_schema_extra={"enum": [state.name.lower() for state in MoveState]})]
    received: int | None
    created_at: int

    @classmethod
    def of(cls, move: Move) -> MoveOut:
        return cls(
            id=move.id,
            kind=move.kind.name.lower(),
            source=move.source or None,
            target=move.target or None,
            amount=move.amount,
            min_received=move.min_received,
            nonce=move.nonce,
            deadline=move.deadline,
            state=move.state.name.lower(),
            received=move.received,
            created_at=move.created_at,
        )


class QuoteIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "move", "source": 1, "target": 2, "amount": 5000}]}
    )

    kind: Literal["enter", "leave", "move", "send", "cash_out"]
    source: CampaignId | None = None
    target: CampaignId | None = None
    amount: Points

    def checked(self) -> MoveKind:
        """Raises `invalid-request` when the campaigns are not those of the kind."""
        kind = MoveKind[self.kind.upper()]
        check_shape(kind, {"source": self.source, "target": self.target})
        return kind


class QuoteOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"received": 5500, "bonus": 500, "min_received": 5500}]})

    received: int
    bonus: int
    min_received: int

    @classmethod
    def of(cls, quote: Quote) -> QuoteOut:
        return cls(received=quote.received, bonus=quote.bonus, min_received=quote.min_received)
