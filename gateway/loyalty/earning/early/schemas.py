"""Wishes for points at once, on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.identity.wallets.fields import CampaignId, Moment, Signature
from gateway.loyalty.earning.early.models import EarlyAsk

ASK: dict[str, JsonValue] = {"campaign": 1, "at": 1_767_225_600, "signature": "0x" + "11" * 65}


class EarlyIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ASK]})

    campaign: CampaignId
    at: Moment = Field(description="When it is said; good for five minutes")
    signature: Signature = Field(
        description="The wallet's, EIP-191: `<wallet> wants its points of campaign <id> on chain <id> at <at>, alone "
        "and not among others; who knows what was earned and when can tell whose wallet this is`"
    )


class EarlyOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"campaign": 1, "points": 1_250, "state": "asked"}]})

    campaign: int
    points: Annotated[int, Field(description="What waited when it was asked for; sent in the campaign's whole steps")]
    state: Annotated[Literal["asked", "sent"], Field(description="`sent`: on its way to the chain")]

    @classmethod
    def of(cls, ask: EarlyAsk) -> EarlyOut:
        return cls(campaign=ask.campaign_id, points=ask.points, state="asked" if ask.open else "sent")
