"""HTTP of wishes for points at once."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from gateway.core import crashes
from gateway.core.db import Database
from gateway.identity.wallets.fields import Address
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.earning.early.schemas import EarlyIn, EarlyOut
from gateway.loyalty.earning.early.service import Early


def build(db: Database, early: Early) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1/wallets", tags=["wallets"], dependencies=[Depends(anonymous)])

    @router.post("/{address}/settlements", status_code=202)
    def ask(address: Annotated[Address, Path(description="0x-hex address")], body: EarlyIn) -> EarlyOut:
        """Has what waits for the wallet in a campaign sent now, whatever the campaign's window and however few the
        wallets. It costs the wallet its place in the crowd: the chain then shows what it earned, and about when, in a
        batch of its own, and a merchant who looks at its till's log can tell who that was. Nobody else's points are
        sent by it. The same wish again gets the same answer."""
        with db.begin() as session:
            answer = EarlyOut.of(early.ask(session, body.campaign, address, body.at, body.signature))
        crashes.reach("accepted", ("early",))
        return answer

    return router
