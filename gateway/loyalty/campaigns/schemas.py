"""Campaigns on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.chain.hexes import to_hex
from gateway.core.durations import DAY
from gateway.core.limits import MAX_SUM
from gateway.core.words import Name, Text
from gateway.identity.wallets.fields import CampaignId, Moment
from gateway.loyalty.campaigns import settling
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant, RuleVersion
from gateway.loyalty.campaigns.service import NewCampaign
from gateway.loyalty.campaigns.versions import in_force_or_first
from gateway.loyalty.rules.document import EXAMPLE, RulesDocument, parse

#: A day, and a crowd of twenty.
DEFAULT_WINDOW, DEFAULT_WALLETS = DAY, 20


Window = Annotated[int, Field(strict=True, ge=0, le=7 * DAY, description="Seconds between settlements; 0: at once")]
Crowd = Annotated[int, Field(strict=True, ge=1, le=10_000, description="Fewer wait, at most a week")]
Step = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=1_000_000,
        description="Settled amounts are multiples of so many hundredths; the rest waits",
    ),
]


class CampaignIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "name": "Spring",
                    "terms": "One point for each pound.",
                    "starts_at": 1_767_225_600,
                    "settle_every": DEFAULT_WINDOW,
                    "min_wallets": DEFAULT_WALLETS,
                    "step": 100,
                    "rules": EXAMPLE,
                }
            ]
        },
    )

    id: CampaignId = Field(description="The campaign's number on the hub; the merchant's wallet must own it")
    name: Name
    terms: Text = Field(description="The published terms, whose keccak-256 is on the chain")
    starts_at: Moment
    settle_every: Window = DEFAULT_WINDOW
    min_wallets: Crowd = DEFAULT_WALLETS
    step: Step = 1
    rules: RulesDocument

    def new(self) -> NewCampaign:
        return NewCampaign(**{name: getattr(self, name) for name in type(self).model_fields})


class NameIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Spring and summer"}]})

    name: Name


class SettlementIn(BaseModel):
    """All three; those in force withdraw what was announced."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"settle_every": 43_200, "min_wallets": DEFAULT_WALLETS, "step": 100}]},
    )

    settle_every: Window
    min_wallets: Crowd
    step: Step

    def terms(self) -> settling.Terms:
        return settling.Terms(self.settle_every, self.min_wallets, self.step)


class SettlementOut(BaseModel):
    """How it will settle. `since`: from this moment on, or some minutes later."""

    settle_every: int
    min_wallets: int
    step: int
    since: int

    @classmethod
    def of(cls, row: Campaign) -> SettlementOut | None:
        there = settling.announced(row)
        return None if there is None else cls(**there[0]._asdict(), since=there[1])


class RulesIn(RulesDocument):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    valid_from: Moment | None = Field(None, description="Default: at once")

    def document(self) -> RulesDocument:
        return RulesDocument.model_construct(**{name: getattr(self, name) for name in RulesDocument.model_fields})


class QuotaIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"daily_quota": 500_000}]})

    daily_quota: int = Field(strict=True, ge=0, le=MAX_SUM, description="Hundredths of a point a UTC day")


class MemberOut(BaseModel):
    merchant_id: int
    accepted: bool = Field(description="As the chain says: this merchant takes the campaign's points")

    @classmethod
    def of(cls, member: CampaignMerchant) -> MemberOut:
        return cls(merchant_id=member.merchant_id, accepted=bool(member.accepted))


class QuotaOut(MemberOut):
    campaign: int
    daily_quota: int

    @classmethod
    def quota(cls, member: CampaignMerchant) -> QuotaOut:
        return cls(
            campaign=member.campaign_id,
            merchant_id=member.merchant_id,
            daily_quota=member.daily_quota,
            accepted=bool(member.accepted),
        )


class QuotaList(BaseModel):
    items: list[QuotaOut]
    next: int | None = Field(description="The cursor of the next page")


class RulesOut(BaseModel):
    version: int
    valid_from: int
    rules: RulesDocument

    @classmethod
    def of(cls, row: RuleVersion) -> RulesOut:
        return cls(version=row.version, valid_from=row.valid_from, rules=parse(row.document))


class RulesList(BaseModel):
    items: list[RulesOut]
    next: int | None = Field(description="The cursor of the next page")


class CampaignOut(BaseModel):
    """What everybody may know. Points in hundredths, times in Unix seconds."""

    id: int
    merchant_id: int
    name: str
    terms: str
    terms_hash: str
    starts_at: int
    end: int
    hold: int
    closed: bool
    expiry: int | None
    bonus: int = Field(description="Basis points on top of what enters, while the pot lasts")
    budget: int = Field(description="What the chain may still award")
    pot: int
    daily_cap: int = Field(description="The most that the gateway's keys may award a UTC day")
    settle_every: int
    min_wallets: int
    step: int
    notice: int = Field(description="Seconds from announcing how it will settle until it does")
    coming: SettlementOut | None = Field(description="Announced: how it will settle")
    paused: bool
    rules: list[RulesOut] = Field(description="The rules in force, and those to come; earlier ones: /rules")
    merchants: list[MemberOut] = Field(description="All who share it, its owner among them, however many")

    @classmethod
    def of(
        cls, row: Campaign, rules: list[RuleVersion], members: list[CampaignMerchant], now: int, notice: int
    ) -> CampaignOut:
        running = in_force_or_first(rules, now)
        coming = [version for version in rules if version.valid_from > now and version is not running]
        plain = ("id", "merchant_id", "name", "terms", "starts_at", "end", "hold", "expiry", "bonus", "budget", "pot")
        return cls(
            **{name: getattr(row, name) for name in (*plain, "daily_cap", "settle_every", "min_wallets", "step")},
            notice=notice,
            coming=SettlementOut.of(row),
            terms_hash=to_hex(row.terms_hash),
            closed=bool(row.closed),
            paused=bool(row.paused),
            rules=[RulesOut.of(version) for version in (running, *coming[::-1])],
            merchants=[MemberOut.of(member) for member in members],
        )


class CampaignList(BaseModel):
    items: list[CampaignOut]
    next: int | None
