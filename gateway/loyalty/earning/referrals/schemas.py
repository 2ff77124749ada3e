"""Referrals on the wire."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gateway.identity.wallets.fields import Address, Signature

WALLET, REFERRER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


class ReferralIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"wallet": WALLET, "referrer": REFERRER, "signature": "0x" + "11" * 65}]},
    )

    wallet: Address = Field(description="The newcomer")
    referrer: Address
    signature: Signature = Field(
        description="The newcomer's, EIP-191: `<wallet> was brought to campaign <id> on chain <chain id> by <referrer>`"
    )


class ReferralOut(BaseModel):
    campaign: int
