"""Grants on the wire. Hundredths of a point, Unix seconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.core.idempotency import key_hash
from gateway.identity.wallets.fields import Address, Moment, Points
from gateway.loyalty.earning.grants.models import Grant, GrantState, Reason
from gateway.loyalty.earning.grants.service import Asked, Balance
from gateway.loyalty.earning.schemas import WALLET, ClaimOut, Key

MAX_BALANCES = 1_000
ReasonName = Literal["goodwill", "unreported", "correction", "prize"]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class AdjustmentIn(BaseModel):
    model_config = _example(wallet=WALLET, points=500, reason="goodwill")

    wallet: Address
    points: Points
    reason: ReasonName = Field(
        description="`goodwill`: amends · `unreported`: no till reported it · `correction`: too little was awarded · "
        "`prize`. A closed list: a free text could name a person"
    )

    def asked(self) -> Asked:
        return Asked(Reason[self.reason.upper()], self.points, self.wallet)


class OpeningIn(BaseModel):
    model_config = _example(points=1_250_000)

    points: int = Field(strict=True, ge=1, le=10**11 - 1, description="All balances together, hundredths")

    def asked(self) -> Asked:
        return Asked(Reason.OPENING, self.points)


class WelcomeIn(BaseModel):
    model_config = _example(points=1_000, uses=100, valid_until=1_798_761_600)

    points: Points = Field(description="For each wallet")
    uses: int = Field(1, strict=True, ge=1, le=100_000, description="How many wallets may have it")
    valid_until: Moment | None = Field(None, description="Default: as long as the campaign takes actions")

    def asked(self) -> Asked:
        return Asked(Reason.WELCOME, self.points, uses=self.uses, valid_until=self.valid_until)


class GrantOut(BaseModel):
    """`waiting`: for another API key of the merchant, until `expires_at`; then it has `lapsed`. Who has used a welcome
    is not told: a till could match it with the chain."""

    id: int
    campaign: int
    reason: Literal["goodwill", "unreported", "correction", "prize", "opening", "welcome"]
    state: Literal["waiting", "lapsed", "given", "withdrawn"]
    wallet: Address | None = Field(description="Of an adjustment")
    points: int
    uses: int
    used: int | None = Field(description="Of an opening: hundredths given")
    code: str | None = Field(description="Of a welcome that is given: 26 characters, for a QR code")
    valid_until: int | None
    asked_by: int = Field(description="Id of the API key")
    asked_at: int
    approved_by: int | None = Field(description="Id of the second API key, where one was needed")
    expires_at: int

    @classmethod
    def of(cls, row: Grant, code: str | None, now: int) -> GrantOut:
        lapsed = row.state == GrantState.WAITING and now >= row.expires_at
        reason: Any = row.reason.name.lower()
        state: Any = "lapsed" if lapsed else row.state.name.lower()
        plain = ("id", "wallet", "points", "uses", "valid_until", "asked_by", "asked_at", "expires_at")
        return cls.model_construct(
            **{name: getattr(row, name) for name in plain},
            campaign=row.campaign_id,
            reason=reason,
            state=state,
            used=row.used if row.reason == Reason.OPENING else None,
            code=code if row.reason == Reason.WELCOME and row.state == GrantState.GIVEN else None,
            approved_by=row.decided_by if row.state == GrantState.GIVEN else None,
        )


class GrantList(BaseModel):
    items: list[GrantOut]
    next: int | None


class BalanceIn(BaseModel):
    model_config = _example(wallet=WALLET, points=12_500)

    points: Points
    wallet: Address | None = None
    key: Key | None = Field(None, description="Instead of a wallet: answer with a code; the merchant's own number")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.wallet is None) == (self.key is None):
            raise ValueError("wallet or key")
        return self

    def balance(self) -> Balance:
        return Balance(self.points, self.wallet, None if self.key is None else key_hash(self.key))


class BalancesIn(BaseModel):
    """Each wallet, and each key, has one opening balance in a campaign; the same again changes nothing."""

    model_config = _example(
        balances=[{"wallet": WALLET, "points": 12_500}, {"key": "member-4711", "points": 8_000}],
    )

    balances: Annotated[list[BalanceIn], Field(min_length=1, max_length=MAX_BALANCES)]


class OpenedOut(BaseModel):
    status: int
    points: int | None = None
    repeated: bool = False
    claim: ClaimOut | None = None
    problem: dict[str, Any] | None = Field(None, description="RFC 9457")


class BalancesOut(BaseModel):
    results: list[OpenedOut] = Field(description="One for each balance, in their order")
