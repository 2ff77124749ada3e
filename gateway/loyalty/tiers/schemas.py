"""Standing on the wire. Points and money in hundredths, visits in days; days are local to the campaign's programme."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from gateway.identity.wallets.fields import Address, Signature
from gateway.loyalty.rules.calendar import EPOCH
from gateway.loyalty.rules.ladders import By, Ladder
from gateway.loyalty.rules.parts import Slug
from gateway.loyalty.tiers.service import Place

WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


class RungOut(BaseModel):
    rank: int
    rung: str
    name: str | None
    benefits: list[str]

    @classmethod
    def of(cls, ladder: Ladder, rank: int) -> RungOut:
        rung = ladder.rungs[rank]
        return cls(rank=rank, rung=rung.id, name=rung.name, benefits=rung.benefits)


class NextOut(RungOut):
    missing: int = Field(description="So much more, and it is reached overnight")


class ChangeOut(BaseModel):
    day: date = Field(description="From this day on")
    rank: int
    rung: str


class PlaceOut(RungOut):
    campaign: int
    ladder: str
    by: By
    vip: bool = Field(description="Given by the merchant, above what was earned")
    counted: int = Field(description="What its window holds, today included")
    through: date | None = Field(description="Held to the end of this day if nothing more counts; null: always")
    ends: date | None = Field(description="What counts until the end of this day adds up; null: nothing begins anew")
    next: NextOut | None
    changes: list[ChangeOut] = Field(description="The newest first, by today's names")

    @classmethod
    def place(cls, place: Place) -> PlaceOut:
        ladder, rise = place.ladder, place.rise
        above = RungOut.of(ladder, rise.rank).model_dump() | {"missing": rise.missing} if rise else None
        return cls(
            **RungOut.of(ladder, place.rank).model_dump(),
            campaign=place.campaign,
            ladder=ladder.id,
            by=ladder.by,
            vip=place.vip,
            counted=place.counted,
            through=_date(place.through),
            ends=_date(place.ends),
            next=NextOut.model_validate(above) if above else None,
            changes=[
                ChangeOut(day=date.fromordinal(EPOCH + c.day), rank=c.rank, rung=ladder.rungs[c.rank].id)
                for c in place.changes
            ],
        )


class TiersOut(BaseModel):
    items: list[PlaceOut]
    next: str | None


class VipIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "wallet": WALLET,
                    "ladder": "status",
                    "rung": "gold",
                    "last": "2027-12-31",
                    "until": "2028-12-31",
                    "signature": "0x" + "11" * 65,
                }
            ]
        },
    )

    wallet: Address
    ladder: Slug
    rung: Slug
    last: date = Field(description="To the end of this day; one that is over ends it")
    until: date = Field(description="As the wallet asked: it can be given to the end of this day at most")
    signature: Signature = Field(
        description="The wallet's, EIP-191: "
        "`<wallet> asks for rung <rung> of <ladder> in campaign <id> on chain <id>, until <YYYY-MM-DD>`"
    )


class VipOut(BaseModel):
    campaign: int
    wallet: Address
    ladder: str
    rung: str
    last: date


def _date(day: int | None) -> date | None:
    return None if day is None else date.fromordinal(EPOCH + day)
