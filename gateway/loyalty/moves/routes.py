"""HTTP of moves: anonymous, authorised by the holder's signature alone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.moves.schemas import MoveIn, MoveOut, QuoteIn, QuoteOut
from gateway.loyalty.moves.service import Moves

Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(db: Database, moves: Moves) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["moves"], dependencies=[Depends(anonymous)])

    @router.post("/moves/quote")
    def quote(body: QuoteIn) -> QuoteOut:
        """What would arrive now, bonus included; `min_received` is what to sign."""
        return QuoteOut.of(moves.quote(body.checked(), body.amount, body.source or 0, body.target or 0))

    @router.post("/moves", status_code=202)
    def accept(body: MoveIn) -> MoveOut:
        """Relays a signed order. The same order again gets the same move."""
        return MoveOut.of(moves.accept(body.order()))

    @router.get("/moves/{id}")
    def get(id: Id) -> MoveOut:
        """One move and what has become of it."""
        with db.read() as session:
            return MoveOut.of(moves.get(session, id))

    return router
