"""A wallet's view of itself on the wire. Amounts in hundredths of a point, times in Unix seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.identity.wallets.fields import Address
from gateway.loyalty.ledger.service import HistoryItem
from gateway.loyalty.redemptions.schemas import RedemptionOut
from gateway.loyalty.wallet_views.queries import Pending

WALLET: dict[str, JsonValue] = {
    "wallet": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "balance": 12500,
    "nonce": 3,
    "accounts": [
        {"campaign": 2, "matured": 5500, "pending": 800, "next_maturity": 1767830400, "stay": False, "nonce": 0}
    ],
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
    accounts: list[AccountOut]


class HistoryEntry(BaseModel):
    id: int
    kind: Annotated[str, Field(description="The contracts' event")]
    block: int
    at: int
    campaign: Annotated[int, Field(description="0: the wallet itself")]
    credit: int
    debit: int
    counterparty: Address | None

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
    expected_at: Annotated[int | None, Field(description="Its settlement; null when it is on its way")]

    @classmethod
    def of(cls, item: Pending) -> PendingEntry:
        return cls(**vars(item) | {"kind": item.kind.name.lower()})


class PendingOut(BaseModel):
    items: list[PendingEntry]


class InboxOut(BaseModel):
    items: list[RedemptionOut]
    next: int | None
