"""HTTP of actions and claims."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path
from pydantic import TypeAdapter, ValidationError

from gateway.core import changes, crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.core.idempotency import key_hash, once
from gateway.core.limits import FIRST_SECOND, MAX_ID
from gateway.core.problems import INVALID_REQUEST, Problem, reason
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope
from gateway.identity.wallets.routes import anonymous
from gateway.loyalty.earning import whatif, wire
from gateway.loyalty.earning.claims import Claims
from gateway.loyalty.earning.counter.routes import Counter, quick
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.schemas import (
    ActionDetailOut,
    ActionIn,
    ActionOut,
    BulkIn,
    BulkItem,
    BulkOut,
    ClaimedOut,
    ClaimIn,
    PreviewIn,
    PreviewOut,
    SettleOut,
    WhatIfIn,
    WhatIfOut,
)
from gateway.loyalty.earning.service import Earning

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
#: Seconds of the past that new rules are tried on by default.
WHAT_IF_SPAN = 90 * DAY
ITEM: TypeAdapter[BulkItem] = TypeAdapter(BulkItem)


def build(db: Database, auth: Auth, earning: Earning, claims: Claims, clock: Clock) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["actions"])
    _add_actions(router, db, auth, earning)
    _add_whatif(router, db, Depends(auth.require(Scope.MANAGE)), earning, clock)
    _add_others(router, db, Depends(auth.require(Scope.MANAGE)), earning, claims, clock)
    return router


def _add_actions(router: APIRouter, db: Database, auth: Auth, earning: Earning) -> None:
    till = Depends(auth.require(Scope.ACTIONS))
    counter = Counter(db, auth, earning)

    def accept(body: ActionIn, caller: Annotated[Caller, till], key: IdempotencyKey = None) -> ActionOut:
        """Reports one action. Accepted means that its points will be on the chain, once; the same key and body get the
        same answer again, code included."""
        key_hash(key)
        with db.begin() as session:
            answer = earning.accept(session, caller.merchant, key or "", body)
        return wire.out(answer)

    def accept_bulk(body: BulkIn, caller: Annotated[Caller, till]) -> BulkOut:
        """Reports up to 1,000 actions, each under a key of its own. Each gets its own answer or problem; all that are
        accepted are committed together."""
        items = [_item(raw) for raw in body.actions]
        good = [Report(item.key, item) for item in items if isinstance(item, BulkItem)]
        with db.begin() as session:
            results = iter(earning.accept_bulk(session, caller.merchant, good) if good else [])
        return BulkOut.model_construct(
            results=[
                wire.result(item.key, next(results), body.explain)
                if isinstance(item, BulkItem)
                else wire.result(_key_of(raw), item)
                for raw, item in zip(body.actions, items, strict=True)
            ]
        )

    for path, endpoint, status, way in (
        ("/actions", accept, 202, counter.one),
        ("/actions/bulk", accept_bulk, 200, counter.many),
    ):
        route = quick(way)
        router.add_api_route(path, endpoint, methods=["POST"], status_code=status, route_class_override=route)

    @router.post("/actions/preview")
    def preview(body: PreviewIn, caller: Annotated[Caller, till]) -> PreviewOut:
        """What an action would earn or a refund take back now, and why. Changes nothing, and says nothing of what is
        left of the campaign's budget and daily cap."""
        report = body if body.wallet or body.claim or body.kind == "refund" else body.model_copy(update={"claim": True})
        with db.read() as session:
            answer = earning.preview(session, caller.merchant, report)
            told = wire.out(answer)
        return PreviewOut.model_construct(**{name: getattr(told, name) for name in PreviewOut.model_fields})

    @router.get("/actions/{id}")
    def get(id: Id, caller: Annotated[Caller, till]) -> ActionDetailOut:
        """One of the merchant's own actions."""
        with db.read() as session:
            detail = earning.get(session, caller.merchant, id)
        out = wire.out(detail.answer)
        state = out.state if detail.answer.claim else detail.state
        fields = out.model_dump() | {"state": state, "claim": None}
        plain = {name: getattr(detail, name) for name in ("occurred_at", "version", "refunded", "owed")}
        return ActionDetailOut(**fields, **plain)


def _add_whatif(router: APIRouter, db: Database, manager: Any, earning: Earning, clock: Clock) -> None:
    @router.post("/campaigns/{id}/rules/preview")
    def what_if(id: Id, body: WhatIfIn, caller: Annotated[Caller, manager]) -> WhatIfOut:
        """What other rules would have awarded. Publishes nothing and changes nothing."""
        until = body.until or clock.now()
        since = body.since or max(FIRST_SECOND, until - WHAT_IF_SPAN)
        with db.read() as session:
            if body.actions is None:
                found = whatif.of_past(session, earning.campaigns, id, caller.merchant, body.document(), since, until)
            else:
                told = body.actions
                found = whatif.of_reported(session, earning.campaigns, id, caller.merchant, body.document(), told)
        return WhatIfOut(**{name: getattr(found, name) for name in WhatIfOut.model_fields})


def _add_others(router: APIRouter, db: Database, manager: Any, earning: Earning, claims: Claims, clock: Clock) -> None:
    @router.post("/claims", dependencies=[Depends(anonymous)])
    def claim(body: ClaimIn) -> ClaimedOut:
        """Gives a code's points to a wallet. Anonymous: refuses cookies and credentials."""
        claims.check_whole()
        with db.begin() as session:
            claimed = claims.claim(session, body.code, body.wallet)
        crashes.reach("accepted", ("claim",))
        return ClaimedOut(campaign=claimed.campaign, points=claimed.points, wanted=claimed.wanted)

    @router.post("/campaigns/{id}/settle", status_code=202)
    def settle(id: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> SettleOut:
        """Settles now instead of at the fixed time, if enough wallets wait."""
        with db.begin() as session:

            def write() -> str:
                before, settle_at = earning.settle_now(session, id, caller.merchant)
                old, new = {"settle_at": before}, {"settle_at": settle_at}
                changes.record(session, caller, "campaign.settle", id, old, new, clock.now())
                return SettleOut(settle_at=settle_at).model_dump_json()

            text = once(session, caller.merchant, key, f"POST /campaigns/{id}/settle", b"", clock.now(), write)
        return SettleOut.model_validate_json(text)


def _item(raw: Any) -> BulkItem | Problem:
    try:
        return ITEM.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        unexpected = first["type"] == "extra_forbidden"  # its name was chosen by the caller: not repeated
        location = first["loc"][:-1] if unexpected else first["loc"]
        return INVALID_REQUEST.at(_path(location), "unexpected field" if unexpected else reason(first))


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "body"


def _key_of(raw: Any) -> str | None:
    """The key of an item that was malformed, if that much of it was right."""
    key = raw.get("key") if isinstance(raw, dict) else None
    try:
        key_hash(key)
    except (Problem, TypeError, AttributeError):
        return None
    return str(key)
