"""HTTP of redemptions: anonymous, authorised by the holder's signature alone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.redemptions.schemas import ConfirmIn, RedemptionIn, RedemptionOut
from gateway.loyalty.redemptions.service import Redemptions

Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(db: Database, redemptions: Redemptions) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["redemptions"], dependencies=[Depends(anonymous)])

    @router.post("/redemptions", status_code=202)
    def accept(body: RedemptionIn) -> RedemptionOut:
        """Orders one code. The same order again gets the same redemption."""
        return RedemptionOut.of(redemptions.accept(body.order()))

    @router.get("/redemptions/{id}")
    def get(id: Id) -> RedemptionOut:
        """One order; its box once it is paid for at depth."""
        with db.read() as session:
            return RedemptionOut.of(redemptions.get(session, id))

    @router.post("/redemptions/{id}/confirm")
    def confirm(id: Id, body: ConfirmIn) -> RedemptionOut:
        """The holder has opened the box; the gateway forgets it."""
        with db.begin() as session:
            return RedemptionOut.of(redemptions.confirm(session, id, body.signature))

    return router
