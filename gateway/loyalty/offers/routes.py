"""HTTP of offers and codes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from sqlalchemy.orm import Session

from gateway.core import changes, crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import answered, once
from gateway.core.limits import MAX_ID
from gateway.core.pages import Cursor, Limit
from gateway.core.problems import NOT_FOUND, Problem
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Merchant, Scope
from gateway.identity.wallets.asking import asking
from gateway.identity.wallets.routes import cookieless
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.offers import documents
from gateway.loyalty.offers.codes import Codes, CodeView
from gateway.loyalty.offers.misses import Misses
from gateway.loyalty.offers.models import RewardKind
from gateway.loyalty.offers.offline import OfflineUses
from gateway.loyalty.offers.pools import Pools
from gateway.loyalty.offers.rewards import Kind
from gateway.loyalty.offers.schemas import (
    CodeIn,
    CodeKeyOut,
    CodeOut,
    CodesOut,
    DoubleUse,
    DoubleUses,
    LowStockIn,
    OfferIn,
    OfferList,
    OfferOut,
    UploadOut,
    UseResult,
    UsesIn,
    UsesOut,
)
from gateway.loyalty.offers.service import Offers, Sought
from gateway.loyalty.offers.uploads import Uploads

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
CSV = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": "code\nSPRING-0001\nSPRING-0002\n"}},
    }
}


async def _body(request: Request) -> bytes:
    return await request.body()


def build(
    db: Database, auth: Auth, campaigns: Campaigns, offers: Offers, codes: Codes, pools: Pools, clock: Clock
) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["offers"])
    _add_offers(router, db, auth, campaigns, offers, clock)
    _add_turning(router, db, auth, offers, clock)
    _add_pool(router, db, auth, offers, codes, pools, clock)
    _add_till(router, db, auth, codes, clock)
    _add_offline(router, db, auth, codes, OfflineUses(codes, codes.jobs, clock))
    return router


def _add_offers(
    router: APIRouter, db: Database, auth: Auth, campaigns: Campaigns, offers: Offers, clock: Clock
) -> None:
    manager = Depends(auth.require(Scope.MANAGE))

    @router.post("/offers", status_code=201, response_model=OfferOut)
    def create(body: OfferIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Publishes an offer: its canonical document, signed by the merchant's wallet. Its hash is in every order."""
        with asking(), suppress(Problem):  # a document that is none is refused below
            named = documents.campaigns(documents.parse(body.document))
            campaigns.look_for_acceptance(caller.merchant, set(named.values()))
        with db.begin() as session:

            def write() -> str:
                offer = offers.create(session, caller.merchant, body.new())
                changes.record(session, caller, "offer.created", offer.id, None, told, clock.now())
                return OfferOut.of(offer, offers.merchant(session, offer)).model_dump_json()

            told = body.model_dump(mode="json", exclude={"signature"})
            sent = body.model_dump_json().encode()
            answer = once(session, caller.merchant, key, "POST /offers", sent, clock.now(), write)
        return _json(answer, 201)

    @router.get("/offers")
    def page(
        cursor: Cursor = 0,
        limit: Limit = 50,
        campaign: Annotated[int | None, Query(ge=0, le=MAX_ID, description="0: paid from the wallet")] = None,
        merchant_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
        kind: Kind | None = None,
        points_of: Annotated[int | None, Query(ge=1, le=MAX_ID, description="What its points buy")] = None,
        closed: Annotated[bool, Query(description="Also those that take no orders for now")] = False,
    ) -> OfferList:
        """The catalogue: offers that are not closed and have not ended, oldest first. Public."""
        sought = Sought(campaign, merchant_id, RewardKind[kind.upper()] if kind else None, points_of, closed)
        with db.read() as session:
            rows = offers.page(session, cursor, limit, sought)
            items = [OfferOut.of(row, offers.merchant(session, row)) for row in rows]
        return OfferList.model_construct(items=items, next=rows[-1].id if len(rows) == limit else None)

    @router.get("/offers/{id}")
    def get(id: Id) -> OfferOut:
        """One offer, also after its end. Public."""
        with db.read() as session:
            offer = offers.get(session, id)
            return OfferOut.of(offer, offers.merchant(session, offer))


def _add_turning(router: APIRouter, db: Database, auth: Auth, offers: Offers, clock: Clock) -> None:
    manager = Depends(auth.require(Scope.MANAGE))

    def turn(verb: str, active: bool, id: int, caller: Caller, key: str | None) -> Response:
        with db.begin() as session:

            def write() -> str:
                before, offer = offers.turn(session, id, caller.merchant, active)
                old, new = {"active": before}, {"active": active}
                changes.record(session, caller, "offer.opened" if active else "offer.closed", id, old, new, clock.now())
                return OfferOut.of(offer, offers.merchant(session, offer)).model_dump_json()

            answer = once(session, caller.merchant, key, f"POST /offers/{id}/{verb}", b"", clock.now(), write)
        return _json(answer)

    @router.post("/offers/{id}/close", response_model=OfferOut)
    def close(id: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Takes no new orders from now on; accepted ones go on."""
        return turn("close", False, id, caller, key)

    @router.post("/offers/{id}/open", response_model=OfferOut)
    def reopen(id: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Takes orders again after it was closed, until its end."""
        return turn("open", True, id, caller, key)


def _add_pool(
    router: APIRouter, db: Database, auth: Auth, offers: Offers, codes: Codes, pools: Pools, clock: Clock
) -> None:
    manager, uploads = Depends(auth.require(Scope.MANAGE)), Uploads(db, clock, pools)

    @router.post("/offers/{id}/codes", status_code=201, response_model=UploadOut, openapi_extra=CSV)
    def upload(
        id: Id,
        data: Annotated[bytes, Depends(_body)],
        caller: Annotated[Caller, manager],
        key: IdempotencyKey = None,
    ) -> Response:
        """Adds a CSV file of codes (header `code`) to the pool: all of them or none."""
        sent, route = codes.fingerprint(data), f"POST /offers/{id}/codes"
        with db.read() as session:
            offer = offers.get(session, id, caller.merchant)
            known = answered(session, caller.merchant, key, route, sent)
        if known is not None:
            return _json(known, 201)
        filling = pools.read(offer, data)
        with uploads.staged(filling) as add, db.begin() as session:

            def write() -> str:
                added = add(session)
                changes.record(session, caller, "offer.codes", id, None, {"added": added}, clock.now())
                return UploadOut(offer=id, added=added).model_dump_json()

            answer = once(session, caller.merchant, key, route, sent, clock.now(), write)
            crashes.reach("taken", ("codes",))
        crashes.reach("accepted", ("codes",))
        return _json(answer, 201)

    @router.get("/offers/{id}/codes")
    def counts(id: Id, caller: Annotated[Caller, manager]) -> CodesOut:
        """How many codes of the offer are in each state, how they are made and when to tell that few are left."""
        with db.read() as session:
            offer = offers.get(session, id, caller.merchant)
            return CodesOut.of(offer, codes.counts(session, id))

    @router.put("/offers/{id}/codes")
    def watch(id: Id, body: LowStockIn, caller: Annotated[Caller, manager]) -> CodesOut:
        """When to tell that few codes are left. Needs no Idempotency-Key."""
        with db.begin() as session:
            offers.get(session, id, caller.merchant)
            before, offer = codes.watch(session, id, body.low_stock)
            old, new = {"low_stock": before}, {"low_stock": offer.low_stock}
            changes.record(session, caller, "offer.low_stock", id, old, new, clock.now())
            return CodesOut.of(offer, codes.counts(session, id))


def _add_till(router: APIRouter, db: Database, auth: Auth, codes: Codes, clock: Clock) -> None:
    till = Depends(auth.require(Scope.CODES))
    plain = [Depends(cookieless)]
    misses = Misses(db, clock)

    @router.post("/codes/check", dependencies=plain)
    def check(body: CodeIn, caller: Annotated[Caller, till]) -> CodeOut:
        """What a code is worth at the till. Changes nothing."""
        with misses.counting(caller.merchant), db.read() as session:
            return CodeOut.of(codes.check(session, caller.merchant, body.code))

    def writing(
        verb: str, body: CodeIn, caller: Caller, key: str | None, write: Callable[[Session], CodeView]
    ) -> Response:
        # Not the code itself: see Codes.fingerprint.
        digest = codes.digest(caller.merchant, body.code)
        with misses.counting(caller.merchant), db.begin() as session:

            def answered() -> str:
                return CodeOut.of(write(session)).model_dump_json()

            answer = once(session, caller.merchant, key, f"POST /codes/{verb}", digest, clock.now(), answered)
        return _json(answer)

    @router.post("/codes/use", response_model=CodeOut, dependencies=plain)
    def use(body: CodeIn, caller: Annotated[Caller, till], key: IdempotencyKey = None) -> Response:
        """Uses a code, once. The same request again gets the same answer."""
        return writing(
            "use", body, caller, key, lambda session: codes.use(session, caller.merchant, body.code, caller.key_id)
        )

    @router.post("/codes/undo", response_model=CodeOut, dependencies=plain)
    def undo(body: CodeIn, caller: Annotated[Caller, till], key: IdempotencyKey = None) -> Response:
        """Takes a use back: the same till's key, within ten minutes."""
        return writing(
            "undo", body, caller, key, lambda session: codes.undo(session, caller.merchant, body.code, caller.key_id)
        )


def _add_offline(router: APIRouter, db: Database, auth: Auth, codes: Codes, offline: OfflineUses) -> None:
    till, manager = Depends(auth.require(Scope.CODES)), Depends(auth.require(Scope.MANAGE))

    @router.post("/codes/offline-uses", dependencies=[Depends(cookieless)])
    def report(body: UsesIn, caller: Annotated[Caller, till]) -> UsesOut:
        """Uses of signed codes while the till had no network. The same use again changes nothing; a code that had been
        used before is answered with both times."""
        with db.begin() as session:
            results = offline.report(session, caller.merchant, caller.key_id, body.each())
        return UsesOut(results=[UseResult.of(result) for result in results])

    @router.get("/codes/double-uses")
    def doubles(caller: Annotated[Caller, manager], cursor: Cursor = 0, limit: Limit = 50) -> DoubleUses:
        """Codes that two tills took, oldest report first."""
        with db.read() as session:
            rows = offline.doubles(session, caller.merchant, cursor, limit)
        items = [DoubleUse.of(row, offer) for row, offer in rows]
        return DoubleUses(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/code-keys/{merchant_id}")
    def code_key(merchant_id: Annotated[int, Path(ge=1, le=MAX_ID)]) -> CodeKeyOut:
        """The key that tills check a merchant's signed codes with. Public; documents of such offers name it too."""
        with db.read() as session:
            if session.get(Merchant, merchant_id) is None:
                raise NOT_FOUND.at("merchant_id")
        return CodeKeyOut.model_construct(
            merchant_id=merchant_id, algorithm="Ed25519", key=codes.public_key(merchant_id)
        )


def _json(document: str, status: int = 200) -> Response:
    return Response(document, status, media_type="application/json")
