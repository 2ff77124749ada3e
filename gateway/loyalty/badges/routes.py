"""HTTP of badges. What the chain shows anyway is open; what was earned needs the wallet's own proof."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path

from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.core.pages import Cursor, Limit, Numbered, after
from gateway.identity.wallets import proofs
from gateway.identity.wallets.fields import Address
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.badges.messages import withdrawal
from gateway.loyalty.badges.schemas import (
    BadgeOut,
    BadgesOut,
    DefinitionOut,
    DefinitionsOut,
    StatusesOut,
    StatusOut,
    WishIn,
)
from gateway.loyalty.badges.service import Badges
from gateway.loyalty.rules.badges import MAX_NUMBER

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Wallet = Annotated[Address, Path(description="0x-hex address")]
Proof = Annotated[str | None, Header(alias=proofs.HEADER)]


def build(db: Database, badges: Badges, wallet_proofs: proofs.Proofs) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["play"])

    @router.get("/campaigns/{id}/badges")
    def defined(id: Id, cursor: Cursor = 0, limit: Limit = 50) -> DefinitionsOut:
        """The badges that a campaign has or had, by number: what each takes, and how many hold it. Public."""
        with db.read() as session:
            items = [DefinitionOut.of(*each) for each in badges.defined(session, id, cursor, limit)]
        next = items[-1].badge if len(items) == limit else None
        return DefinitionsOut.model_construct(contract=badges.contract, items=items, next=next)

    @router.post("/campaigns/{id}/badges", status_code=202, dependencies=[Depends(anonymous)])
    def ask(id: Id, body: WishIn) -> StatusOut:
        """Asks for a badge that the wallet has earned; it goes to the chain with the campaign's next settlement. The
        same wish again gets the same answer. Anonymous: refuses credentials."""
        return StatusOut.of(badges.ask(body.wish(id)))

    @router.delete(
        "/campaigns/{id}/badges/{badge}/wishes/{address}", status_code=204, dependencies=[Depends(anonymous)]
    )
    def withdraw(
        id: Id, badge: Annotated[int, Path(ge=1, le=MAX_NUMBER)], address: Wallet, proof: Proof = None
    ) -> None:
        """Takes a wish back as long as it has not been sent. Header `Wallet-Proof: <at>.<signature>`, EIP-191 over
        `withdraw the wish for badge <number> in campaign <id> of wallet <address> on chain <id> at <at>`."""
        wallet_proofs.check(address, proof, withdrawal(id, badge))
        with db.begin() as session:
            badges.withdraw(session, id, badge, address)

    @router.get("/wallets/{address}/badges", dependencies=[Depends(anonymous)])
    def held(address: Wallet, cursor: Cursor = 0, limit: Limit = 50) -> BadgesOut:
        """The badges that a wallet has on the chain, or had and renounced, the oldest first. Public as the chain is."""
        with db.read() as session:
            rows = badges.held(session, address, cursor, limit)
        next = rows[-1][0].id if len(rows) == limit else None
        return BadgesOut(items=[BadgeOut.of(row, badge) for row, badge in rows], next=next)

    @router.get("/wallets/{address}/badges/earned", dependencies=[Depends(anonymous)])
    def statuses(address: Wallet, proof: Proof = None, cursor: Numbered = None, limit: Limit = 50) -> StatusesOut:
        """How far the wallet is with the badges of the campaigns in which it did something, by campaign and number, and
        what became of its wishes. Only for the wallet itself: it counts what the chain does not show. Header
        `Wallet-Proof: <at>.<signature>`, EIP-191 over `show wallet <address> on chain <id> at <at>`."""
        wallet_proofs.check(address, proof)
        campaign, number = after(cursor)
        with db.read() as session:
            found = badges.statuses(session, address, (campaign, int(number or 0)), limit)
        items = [StatusOut.of(status) for status in found]
        return StatusesOut(items=items, next=f"{items[-1].campaign}.{items[-1].badge}" if len(items) == limit else None)

    return router
