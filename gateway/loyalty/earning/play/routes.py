"""HTTP of challenges and streaks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path

from gateway.core.db import Database
from gateway.core.pages import Limit, Named, after
from gateway.identity.wallets import proofs
from gateway.identity.wallets.fields import Address
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.earning.play.schemas import GoalOut, GoalsOut
from gateway.loyalty.earning.play.service import Play


def build(db: Database, play: Play, wallet_proofs: proofs.Proofs) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["play"])

    @router.get("/wallets/{address}/goals", dependencies=[Depends(anonymous)])
    def goals(
        address: Annotated[Address, Path(description="0x-hex address")],
        proof: Annotated[str | None, Header(alias=proofs.HEADER)] = None,
        cursor: Named = None,
        limit: Limit = 50,
    ) -> GoalsOut:
        """How far the wallet is with challenges and streaks, by campaign and id. Only for the wallet itself: it counts
        what the chain does not show. Header `Wallet-Proof: <at>.<signature>`, EIP-191 over
        `show wallet <address> on chain <id> at <at>`."""
        wallet_proofs.check(address, proof)
        with db.read() as session:
            found = play.progress(session, address, after(cursor), limit)
        items = [GoalOut.of(progress) for progress in found]
        return GoalsOut(items=items, next=f"{items[-1].campaign}.{items[-1].goal}" if len(items) == limit else None)

    return router
