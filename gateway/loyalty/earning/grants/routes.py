"""HTTP of grants."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response

from gateway.core import changes, crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import key_hash, once
from gateway.core.limits import MAX_ID
from gateway.core.pages import Below, Limit
from gateway.core.problems import Problem
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope
from gateway.loyalty.earning.grants.models import Grant
from gateway.loyalty.earning.grants.schemas import (
    AdjustmentIn,
    BalancesIn,
    BalancesOut,
    GrantList,
    GrantOut,
    OpenedOut,
    OpeningIn,
    WelcomeIn,
)
from gateway.loyalty.earning.grants.service import Grants, Opened
from gateway.loyalty.earning.schemas import ClaimOut

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(db: Database, auth: Auth, grants: Grants, clock: Clock) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["grants"])
    manager = Depends(auth.require(Scope.MANAGE))
    _add_asking(router, db, manager, grants, clock)
    _add_deciding(router, db, manager, grants, clock)
    _add_reading(router, db, manager, grants, clock)
    return router


def _add_asking(router: APIRouter, db: Database, manager: Any, grants: Grants, clock: Clock) -> None:
    def ask(
        id: int, body: AdjustmentIn | OpeningIn | WelcomeIn, caller: Caller, key: str | None, route: str
    ) -> Response:
        now = clock.now()
        with db.begin() as session:

            def write() -> str:
                asked = body.asked()
                grant = grants.ask(session, caller, id, asked, caller.merchant.to_bytes(8, "big") + key_hash(key))
                out = GrantOut.of(grant, None, now)
                told = {"campaign", "reason", "points", "uses", "valid_until", "state"}
                changes.record(session, caller, "grant.asked", grant.id, None, out.model_dump(include=told), now)
                return str(grant.id)

            # Only the number is kept for a repeated request: a welcome's code opens the campaign's purse.
            sent = body.model_dump_json().encode()
            number = int(once(session, caller.merchant, key, f"POST /campaigns/{id}/{route}", sent, now, write))
            out = _out(grants, grants.get(session, caller.merchant, number), now)
            crashes.reach("taken", ("grant",))
        crashes.reach("accepted", ("grant",))
        return Response(out.model_dump_json(), 201, media_type="application/json")

    @router.post("/campaigns/{id}/adjustments", status_code=201, response_model=GrantOut)
    def adjust(id: Id, body: AdjustmentIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Gives a wallet points that no action earned. What one key may not give alone waits for a second one."""
        return ask(id, body, caller, key, "adjustments")

    @router.post("/campaigns/{id}/openings", status_code=201, response_model=GrantOut)
    def bring_in(id: Id, body: OpeningIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Asks to bring in the balances of an older programme, so many points together."""
        return ask(id, body, caller, key, "openings")

    @router.post("/campaigns/{id}/welcome-codes", status_code=201, response_model=GrantOut)
    def welcome(id: Id, body: WelcomeIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """A code that staff show to newcomers: each wallet gets its points once, `POST /v1/claims` takes it."""
        return ask(id, body, caller, key, "welcome-codes")


def _add_deciding(router: APIRouter, db: Database, manager: Any, grants: Grants, clock: Clock) -> None:
    @router.post("/grants/{id}/approve")
    def approve(id: Id, caller: Annotated[Caller, manager]) -> GrantOut:
        """The second key's word for what waits. Needs no Idempotency-Key: a grant is approved once."""
        now = clock.now()
        with db.begin() as session:
            before, grant = grants.approve(session, caller, id)
            out = _out(grants, grant, now)
            old, new = {"state": before.name.lower()}, {"state": out.state}
            changes.record(session, caller, "grant.approved", id, old, new, now)
            crashes.reach("taken", ("grant",))
        crashes.reach("accepted", ("grant",))
        return out

    @router.post("/grants/{id}/withdraw")
    def withdraw(id: Id, caller: Annotated[Caller, manager]) -> GrantOut:
        """Takes back what can be: what waits wholly, an adjustment as a refund would, an opening or a welcome for those
        who have not had it. Needs no Idempotency-Key."""
        now = clock.now()
        with db.begin() as session:
            before, grant = grants.withdraw(session, caller, id)
            out = _out(grants, grant, now)
            old, new = {"state": before.name.lower()}, {"state": out.state}
            changes.record(session, caller, "grant.withdrawn", id, old, new, now)
        return out

    @router.post("/grants/{id}/balances")
    def balances(id: Id, body: BalancesIn, caller: Annotated[Caller, manager]) -> BalancesOut:
        """Up to 1,000 balances of an approved opening, each judged by itself. The same again changes nothing: needs no
        Idempotency-Key."""
        with db.begin() as session:
            before, grant, results = grants.open_balances(session, caller, id, [b.balance() for b in body.balances])
            old, new = {"used": before}, {"used": grant.used}
            changes.record(session, caller, "grant.balances", id, old, new, clock.now())
            crashes.reach("taken", ("balances",))
        crashes.reach("accepted", ("balances",))
        return BalancesOut.model_construct(results=[_opened(result) for result in results])


def _add_reading(router: APIRouter, db: Database, manager: Any, grants: Grants, clock: Clock) -> None:
    @router.get("/grants")
    def page(caller: Annotated[Caller, manager], cursor: Below = None, limit: Limit = 50) -> GrantList:
        """Adjustments, openings and welcomes of the merchant, newest first."""
        now = clock.now()
        with db.read() as session:
            items = [_out(grants, row, now) for row in grants.page(session, caller.merchant, cursor, limit)]
        return GrantList.model_construct(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/grants/{id}")
    def get(id: Id, caller: Annotated[Caller, manager]) -> GrantOut:
        """One grant."""
        with db.read() as session:
            return _out(grants, grants.get(session, caller.merchant, id), clock.now())


def _out(grants: Grants, row: Grant, now: int) -> GrantOut:
    return GrantOut.of(row, grants.code(row) if row.seed else None, now)


def _opened(result: Opened | Problem) -> OpenedOut:
    if isinstance(result, Problem):
        return OpenedOut.model_construct(status=result.refusal.status, problem=result.body())
    claim = ClaimOut(code=result.claim[0], expires_at=result.claim[1]) if result.claim else None
    return OpenedOut.model_construct(status=202, points=result.points, repeated=result.repeated, claim=claim)
