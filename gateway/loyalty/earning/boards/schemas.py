"""Leaderboards on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.core.pages import NEXT
from gateway.identity.wallets.fields import Address, Moment, Signature
from gateway.loyalty.earning.boards.service import Board
from gateway.loyalty.rules.calendar import Period

WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NAME = r"[a-z]{3,10}-[a-z]{3,10}-[0-9]{1,2}"
Pseudonym = Annotated[str, StringConstraints(strict=True, pattern=rf"^{NAME}$")]
#: Points and name of the last one on the page before.
Placing = Annotated[str | None, Field(pattern=rf"^[1-9][0-9]{{0,17}}\.{NAME}$", description=NEXT)]


class PlayerIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "wallet": WALLET,
                    "pseudonym": "brave-otter-42",
                    "at": 1_767_225_600,
                    "signature": "0x" + "11" * 65,
                }
            ]
        },
    )

    wallet: Address
    pseudonym: Pseudonym | None = Field(None, description="Of the gateway's list; null: play no more")
    at: Moment = Field(description="When it is said; good for five minutes")
    signature: Signature = Field(
        description="The wallet's, EIP-191: `<wallet> plays as <pseudonym> on the leaderboard of campaign <id> on "
        "chain <id> at <at>; its points there can be compared with the chain`, or `<wallet> leaves the "
        "leaderboard of campaign <id> on chain <id> at <at>`"
    )


class PlayerOut(BaseModel):
    campaign: int
    pseudonym: str | None


class PlacedOut(BaseModel):
    place: int = Field(description="Who earned as much has the same")
    pseudonym: str
    points: int = Field(description="Hundredths that landed in this period, less what was taken back")


class BoardOut(BaseModel):
    campaign: int
    period: Period
    began: int = Field(description="Unix seconds")
    players: int = Field(description="Who plays and earned something in this period")
    items: list[PlacedOut]
    next: str | None

    @classmethod
    def of(cls, campaign: int, board: Board) -> BoardOut:
        return cls(
            campaign=campaign,
            period=board.terms.period,
            began=board.began,
            players=board.players,
            items=[PlacedOut(**vars(item)) for item in board.items],
            next=board.next,
        )


class NamesOut(BaseModel):
    items: list[str]
