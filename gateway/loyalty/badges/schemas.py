"""Badges on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.chain.badges import token_id, uri
from gateway.identity.wallets.fields import Address, Moment, Signature
from gateway.loyalty.badges.earned import Defined
from gateway.loyalty.badges.service import State, Status, Wish
from gateway.loyalty.ledger.models import ChainBadge
from gateway.loyalty.rules.badges import MAX_NUMBER, Badge

WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
Number = Annotated[int, Field(strict=True, ge=1, le=MAX_NUMBER)]


class DefinitionOut(BaseModel):
    badge: int = Field(description="The chain's number for it in this campaign")
    name: str
    description: str | None
    takes: str = Field(description="What has to be reached, for people")
    goal: str | None = Field(description="A challenge or streak of the rules")
    times: int = Field(description="So often in all")
    ladder: str | None
    rung: str | None
    offered: bool = Field(description="False: the rules of now have it no more; who has it keeps it")
    held: int = Field(description="How many hold it, as the chain shows")

    @classmethod
    def of(cls, defined: Defined, held: int) -> DefinitionOut:
        badge = defined.badge
        return cls(
            badge=badge.number,
            name=badge.name,
            description=badge.description,
            takes=defined.words,
            goal=badge.goal,
            times=badge.times,
            ladder=badge.ladder,
            rung=badge.rung,
            offered=defined.offered,
            held=held,
        )


class DefinitionsOut(BaseModel):
    contract: Address | None = Field(description="LoyaltyBadges; null: this deployment has none")
    items: list[DefinitionOut]
    next: int | None


class BadgeOut(BaseModel):
    campaign: int
    badge: int
    name: str | None = Field(description="As the campaign's rules call it; null: the campaign is not known here")
    token_id: str = Field(description="The chain's number for this wallet's badge, decimal")
    uri: str = Field(description="What the contract's tokenURI says")
    at: int = Field(description="When it landed, Unix seconds")
    block: int
    renounced: bool

    @classmethod
    def of(cls, row: ChainBadge, badge: Badge | None) -> BadgeOut:
        return cls(
            campaign=row.campaign,
            badge=row.badge,
            name=badge.name if badge else None,
            token_id=str(token_id(row.campaign, row.badge, row.holder)),
            uri=uri(row.campaign, row.badge),
            at=row.at,
            block=row.block,
            renounced=row.renounced_block is not None,
        )


class BadgesOut(BaseModel):
    items: list[BadgeOut]
    next: int | None


class StatusOut(BaseModel):
    campaign: int
    badge: int
    name: str
    takes: str
    counted: int = Field(description="How often the goal was reached, or the highest rank; no more than is needed")
    needed: int
    state: State = Field(
        description="`earned`: it may be asked for; `asked`: its wish waits for the campaign's next settlement; "
        "`sent`: on its way to the chain"
    )
    sends_at: int | None = Field(description="When the wish is sent at the earliest, Unix seconds")

    @classmethod
    def of(cls, status: Status) -> StatusOut:
        return cls(
            campaign=status.campaign,
            badge=status.badge.number,
            name=status.badge.name,
            takes=status.words,
            counted=status.progress.counted,
            needed=status.progress.needed,
            state=status.state,
            sends_at=status.sends_at,
        )


class StatusesOut(BaseModel):
    items: list[StatusOut]
    next: str | None


class WishIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"wallet": WALLET, "badge": 1, "deadline": 1_767_830_400, "signature": "0x" + "11" * 65},
            ]
        },
    )

    wallet: Address
    badge: Number
    deadline: Moment = Field(description="The last second at which it may land")
    signature: Signature = Field(
        description="The wallet's, EIP-712 on the contract LoyaltyBadges: `Badge(address holder,uint256 campaign,"
        "uint256 badge,uint256 deadline)`. A badge is public for good and ties what it stands for to the wallet"
    )

    def wish(self, campaign: int) -> Wish:
        return Wish(campaign, self.badge, self.wallet, self.deadline, self.signature)
