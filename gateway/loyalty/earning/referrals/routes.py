"""HTTP of referrals."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.earning.referrals.schemas import ReferralIn, ReferralOut
from gateway.loyalty.earning.referrals.service import Referrals


def build(db: Database, referrals: Referrals) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["actions"])

    @router.post("/campaigns/{id}/referrals", dependencies=[Depends(anonymous)])
    def name(id: Annotated[int, Path(ge=1, le=MAX_ID)], body: ReferralIn) -> ReferralOut:
        """Says who brought a wallet to a campaign, before it earns there. Anonymous: refuses credentials."""
        with db.begin() as session:
            referrals.name(session, id, body.wallet, body.referrer, body.signature)
        return ReferralOut(campaign=id)

    return router
