"""HTTP of statistics."""

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.core.db import Database
from gateway.core.pages import Cursor, Limit
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope
from gateway.loyalty.ledger.service import Ledger
from gateway.statistics import published
from gateway.statistics.schemas import (
    FORMULAS,
    CampaignTotals,
    FigureList,
    FigureOut,
    PublicOut,
    WalletTotals,
    paid,
    sums,
)

WALLETS = 0


def build(db: Database, auth: Auth, ledger: Ledger) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["statistics"])
    reader = Depends(auth.require(Scope.STATISTICS))

    @router.get("/statistics")
    def own(caller: Annotated[Caller, reader], cursor: Cursor = 0, limit: Limit = 50) -> FigureList:
        """The merchant's weekly figures, oldest first. Each was computed once; asking again gives the same number."""
        with db.read() as session:
            rows = published.releases(session, caller.merchant, cursor, limit)
        items = [FigureOut.of(row) for row in rows]
        return FigureList(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/statistics/public")
    def public(cursor: Cursor = 0, limit: Limit = 50) -> PublicOut:
        """Totals of every campaign on the hub, exact, as the chain shows them to everybody."""
        with db.read() as session:
            campaigns = ledger.campaigns(session, cursor, limit)
            totals = ledger.totals(session, [WALLETS, *campaigns])
        wallets = [total for total in totals if total.campaign == WALLETS]
        return PublicOut(
            wallets=WalletTotals(redeemed=paid(wallets), **sums(wallets, WalletTotals.model_fields)),
            items=[CampaignTotals.of(campaign, totals) for campaign in campaigns],
            next=campaigns[-1] if len(campaigns) == limit else None,
            formulas=FORMULAS,
        )

    return router
