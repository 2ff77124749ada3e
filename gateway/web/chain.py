"""The public page of facts: which contracts, how many points, and what backs them, live from the chain."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.chain.deployment import Deployment
from gateway.chain.errors import ChainError
from gateway.chain.hexes import checksum
from gateway.chain.reads import Reads
from gateway.identity.wallets.errors import CHAIN_UNREACHABLE


class ChainOut(BaseModel):
    """Anyone can check these against a node of their own."""

    chain_id: int
    token: str = Field(examples=["0x5FbDB2315678afecb367f032d93F642f64180aa3"])
    hub: str
    asset: str
    badges: str | None = Field(None, description="Soulbound badges, where the deployment has them")
    token_name: str
    decimals: int = 2
    par: int = Field(description="Units of the asset behind one hundredth of a point")
    head: int = Field(description="Block of these figures")
    supply: int = Field(description="All points, in hundredths")
    reserve: int = Field(description="Units of the asset that the token holds")
    solvent: bool = Field(description="reserve >= par * supply")


def build(reads: Reads, deployment: Deployment) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["chain"])

    @router.get("/chain")
    def chain() -> ChainOut:
        """Contracts, supply and reserve at the newest block."""
        try:
            head = reads.head().number
            supply, reserve = reads.total_supply(head), reads.reserve(head)
        except ChainError:
            raise CHAIN_UNREACHABLE.at(retry_after=5) from None
        return ChainOut(
            chain_id=deployment.chain_id,
            token=checksum(deployment.token),
            hub=checksum(deployment.hub),
            asset=checksum(deployment.asset),
            badges=checksum(deployment.badges) if deployment.badges else None,
            token_name=deployment.token_name,
            par=deployment.par,
            head=head,
            supply=supply,
            reserve=reserve,
            solvent=reserve >= deployment.par * supply,
        )

    return router
