"""HTTP of tiers."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response

from gateway.core import changes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import once
from gateway.core.limits import MAX_ID
from gateway.core.pages import Limit, Named, after
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope
from gateway.identity.wallets import proofs
from gateway.identity.wallets.fields import Address
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.tiers.schemas import PlaceOut, TiersOut, VipIn, VipOut
from gateway.loyalty.tiers.service import Tiers
from gateway.loyalty.tiers.vips import Vips


def build(db: Database, auth: Auth, tiers: Tiers, vips: Vips, wallet_proofs: proofs.Proofs, clock: Clock) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["tiers"])
    manager = auth.require(Scope.MANAGE)

    @router.get("/wallets/{address}/tiers", dependencies=[Depends(anonymous)])
    def places(
        address: Annotated[Address, Path(description="0x-hex address")],
        proof: Annotated[str | None, Header(alias=proofs.HEADER)] = None,
        cursor: Named = None,
        limit: Limit = 50,
    ) -> TiersOut:
        """On which rungs the wallet stands, for how long, and what is missing to the next, by campaign and ladder. Only
        for the wallet itself: it counts what the chain does not show yet. Header `Wallet-Proof: <at>.<signature>`,
        EIP-191 over `show wallet <address> on chain <id> at <at>`."""
        wallet_proofs.check(address, proof)
        with db.read() as session:
            items = [PlaceOut.place(place) for place in tiers.places(session, address, after(cursor), limit)]
        return TiersOut(items=items, next=f"{items[-1].campaign}.{items[-1].ladder}" if len(items) == limit else None)

    @router.put("/campaigns/{id}/vips", response_model=VipOut)
    def give(
        id: Annotated[int, Path(ge=1, le=MAX_ID)],
        body: VipIn,
        caller: Annotated[Caller, Depends(manager)],
        key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    ) -> Response:
        """Lets a wallet that asked for it by its signature stand on a rung at least, from today until a day."""
        with db.begin() as session:

            def write() -> str:
                asked = (body.wallet, body.ladder, body.rung, body.last, body.until, body.signature)
                before = vips.give(session, caller.merchant, id, *asked)
                old = before and _told(body.ladder, *before)
                new = _told(body.ladder, body.rung, body.last)
                changes.record(session, caller, "campaign.vip", id, old, new, clock.now())
                named = {name: getattr(body, name) for name in ("wallet", "ladder", "rung", "last")}
                return VipOut.model_construct(campaign=id, **named).model_dump_json()

            sent = body.model_dump_json().encode()
            text = once(session, caller.merchant, key, f"PUT /campaigns/{id}/vips", sent, clock.now(), write)
        return Response(text, 200, media_type="application/json")

    return router


def _told(ladder: str, rung: str | None, last: date) -> dict[str, str | None]:
    return {"ladder": ladder, "rung": rung, "last": last.isoformat()}
