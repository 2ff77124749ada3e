"""HTTP of leaderboards."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.core.pages import Limit
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.earning.boards.schemas import BoardOut, NamesOut, Placing, PlayerIn, PlayerOut, Pseudonym
from gateway.loyalty.earning.boards.service import Leaderboards

Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(db: Database, boards: Leaderboards) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1/campaigns", tags=["play"])

    @router.get("/{id}/leaderboard")
    def board(
        id: Id,
        back: Annotated[int, Query(ge=0, le=60, description="So many periods ago")] = 0,
        of: Annotated[Pseudonym | None, Query(description="Show this one's place too")] = None,
        cursor: Placing = None,
        limit: Limit = 50,
    ) -> BoardOut:
        """The first places of those who asked to be shown, by the points that the chain shows. Public."""
        with db.read() as session:
            return BoardOut.of(id, boards.board(session, id, back, of, cursor, limit))

    @router.get("/{id}/leaderboard/names")
    def names(id: Id, count: Annotated[int, Query(ge=1, le=20)] = 5) -> NamesOut:
        """Some names that nobody plays under."""
        with db.read() as session:
            return NamesOut(items=boards.free(session, id, count))

    @router.post("/{id}/leaderboard", dependencies=[Depends(anonymous)])
    def say(id: Id, body: PlayerIn) -> PlayerOut:
        """Shows a wallet on the board under a name, or no more. Anonymous: refuses credentials."""
        with db.begin() as session:
            boards.say(session, id, body.wallet, body.pseudonym, body.at, body.signature)
        return PlayerOut(campaign=id, pseudonym=body.pseudonym)

    return router
