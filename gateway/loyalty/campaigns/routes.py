"""HTTP of campaigns."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response
from sqlalchemy.orm import Session

from gateway.chain.hexes import to_hex
from gateway.core import changes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import once
from gateway.core.limits import MAX_ID
from gateway.core.pages import Cursor, Limit
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope
from gateway.identity.merchants.service import Merchants
from gateway.identity.wallets.asking import asking
from gateway.loyalty.campaigns import versions
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.schemas import (
    CampaignIn,
    CampaignList,
    CampaignOut,
    NameIn,
    QuotaIn,
    QuotaList,
    QuotaOut,
    RulesIn,
    RulesList,
    RulesOut,
    SettlementIn,
    SettlementOut,
)
from gateway.loyalty.campaigns.service import Campaigns

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(db: Database, auth: Auth, campaigns: Campaigns, merchants: Merchants, clock: Clock) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["campaigns"])
    manager = auth.require(Scope.MANAGE)
    _add_reading(router, db, campaigns, clock)
    _add_owning(router, db, Depends(manager), campaigns, clock)
    _add_changing(router, db, Depends(manager), campaigns, clock)
    _add_withdrawing(router, db, Depends(manager), campaigns, clock)
    _add_sharing(router, db, Depends(manager), campaigns, merchants, clock)
    return router


def _out(session: Session, campaigns: Campaigns, rows: list[Campaign], now: int) -> list[CampaignOut]:
    rules = versions.rules_of(session, [row.id for row in rows])
    told = (now, campaigns.notice)
    return [CampaignOut.of(row, rules[row.id], campaigns.merchants(session, row.id), *told) for row in rows]


def _add_reading(router: APIRouter, db: Database, campaigns: Campaigns, clock: Clock) -> None:
    @router.get("/campaigns")
    def page(cursor: Cursor = 0, limit: Limit = 50) -> CampaignList:
        """All campaigns, by number. Public."""
        with db.read() as session:
            items = _out(session, campaigns, campaigns.page(session, cursor, limit), clock.now())
        return CampaignList(items=items, next=items[-1].id if len(items) == limit else None)

    @router.get("/campaigns/{id}")
    def get(id: Id) -> CampaignOut:
        """One campaign. Public."""
        with db.read() as session:
            return _out(session, campaigns, [campaigns.get(session, id, "id")], clock.now())[0]

    @router.get("/campaigns/{id}/rules")
    def rules(id: Id, cursor: Cursor = 0, limit: Limit = 50) -> RulesList:
        """All versions of a campaign's rules, those of earlier times and those to come among them. Public."""
        with db.read() as session:
            campaigns.get(session, id, "id")
            items = [RulesOut.of(row) for row in versions.page(session, id, cursor, limit)]
        return RulesList(items=items, next=items[-1].version if len(items) == limit else None)


def _add_owning(router: APIRouter, db: Database, manager: Any, campaigns: Campaigns, clock: Clock) -> None:
    def answer(session: Session, row: Campaign) -> str:
        return _out(session, campaigns, [row], clock.now())[0].model_dump_json()

    @router.post("/campaigns", status_code=201, response_model=CampaignOut)
    def register(body: CampaignIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Registers a campaign that the merchant's wallet created on the chain."""
        with asking():
            seen, accepted = campaigns.look(body.id, caller.merchant)
        with db.begin() as session:

            def write() -> str:
                row = campaigns.register(session, caller.merchant, body.new(), seen, accepted)
                values = body.model_dump(mode="json", exclude={"id", "terms"}) | {"terms_hash": to_hex(row.terms_hash)}
                changes.record(session, caller, "campaign.registered", body.id, None, values, clock.now())
                return answer(session, row)

            sent = body.model_dump_json().encode()
            text = once(session, caller.merchant, key, "POST /campaigns", sent, clock.now(), write)
        return _json(text, 201)

    @router.post("/campaigns/{id}/rules", status_code=201, response_model=RulesOut)
    def add_rules(id: Id, body: RulesIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """New rules; actions that happened before they are in force are judged by the old ones."""
        with db.begin() as session:

            def write() -> str:
                campaigns.owned(session, id, caller.merchant)
                before = RulesOut.of(versions.rules_of(session, [id])[id][0])
                made = RulesOut.of(campaigns.add_rules(session, id, caller.merchant, body.document(), body.valid_from))
                old, new = before.model_dump(mode="json"), made.model_dump(mode="json")
                changes.record(session, caller, "campaign.rules", id, old, new, clock.now())
                return made.model_dump_json()

            sent = body.model_dump_json().encode()
            text = once(session, caller.merchant, key, f"POST /campaigns/{id}/rules", sent, clock.now(), write)
        return _json(text, 201)

    def switch(id: int, caller: Caller, key: str | None, paused: bool) -> Response:
        with db.begin() as session:

            def write() -> str:
                before, row = campaigns.pause(session, id, caller.merchant, paused)
                old, new = {"paused": before}, {"paused": row.paused}
                changes.record(session, caller, "campaign.paused", id, old, new, clock.now())
                return answer(session, row)

            route = f"POST /campaigns/{id}/{'pause' if paused else 'resume'}"
            text = once(session, caller.merchant, key, route, b"", clock.now(), write)
        return _json(text, 200)

    @router.post("/campaigns/{id}/pause", response_model=CampaignOut)
    def pause(id: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Takes no new actions until resumed; what was accepted is settled, and refunds and claims go on."""
        return switch(id, caller, key, True)

    @router.post("/campaigns/{id}/resume", response_model=CampaignOut)
    def resume(id: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Takes actions again."""
        return switch(id, caller, key, False)


def _add_withdrawing(router: APIRouter, db: Database, manager: Any, campaigns: Campaigns, clock: Clock) -> None:
    @router.delete("/campaigns/{id}/rules/{version}", status_code=204, response_class=Response)
    def withdraw_rules(id: Id, version: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Takes back rules that are not in force yet, nor will be within ten minutes."""
        with db.begin() as session:

            def write() -> str:
                gone = RulesOut.of(campaigns.withdraw_rules(session, id, caller.merchant, version))
                old = gone.model_dump(mode="json")
                changes.record(session, caller, "campaign.rules_withdrawn", id, old, None, clock.now())
                return ""

            route = f"DELETE /campaigns/{id}/rules/{version}"
            once(session, caller.merchant, key, route, b"", clock.now(), write)
        return Response(status_code=204)


def _add_changing(router: APIRouter, db: Database, manager: Any, campaigns: Campaigns, clock: Clock) -> None:
    def answer(session: Session, row: Campaign) -> str:
        return _out(session, campaigns, [row], clock.now())[0].model_dump_json()

    @router.put("/campaigns/{id}/name", response_model=CampaignOut)
    def rename(id: Id, body: NameIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Calls the campaign something else, at once. The terms, whose hash is on the chain, stay as they are."""
        with db.begin() as session:

            def write() -> str:
                before, row = campaigns.rename(session, id, caller.merchant, body.name)
                changes.record(session, caller, "campaign.name", id, {"name": before}, body.model_dump(), clock.now())
                return answer(session, row)

            sent = body.model_dump_json().encode()
            text = once(session, caller.merchant, key, f"PUT /campaigns/{id}/name", sent, clock.now(), write)
        return _json(text, 200)

    @router.put("/campaigns/{id}/settlement", response_model=CampaignOut)
    def resettle(
        id: Id, body: SettlementIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None
    ) -> Response:
        """Announces how the campaign will settle, for everybody to read, in force 7 days later (its `notice`):
        what waits now is settled by what was promised. One change at a time; the terms in force withdraw it."""
        with db.begin() as session:

            def values(row: Campaign) -> dict[str, Any]:
                coming = SettlementOut.of(row)
                now = {name: getattr(row, name) for name in SettlementIn.model_fields}
                return now | ({"coming": coming.model_dump()} if coming else {})

            def write() -> str:
                old = values(campaigns.owned(session, id, caller.merchant))
                row = campaigns.resettle(session, id, caller.merchant, body.terms())
                changes.record(session, caller, "campaign.settlement", id, old, values(row), clock.now())
                return answer(session, row)

            sent = body.model_dump_json().encode()
            text = once(session, caller.merchant, key, f"PUT /campaigns/{id}/settlement", sent, clock.now(), write)
        return _json(text, 200)


def _add_sharing(
    router: APIRouter, db: Database, manager: Any, campaigns: Campaigns, merchants: Merchants, clock: Clock
) -> None:
    @router.get("/campaigns/{id}/merchants")
    def quotas(id: Id, caller: Annotated[Caller, manager], cursor: Cursor = 0, limit: Limit = 50) -> QuotaList:
        """The other merchants of a campaign and their quotas, by number. For its owner."""
        with db.read() as session:
            items = [QuotaOut.quota(row) for row in campaigns.guests(session, id, caller.merchant, cursor, limit)]
        return QuotaList(items=items, next=items[-1].merchant_id if len(items) == limit else None)

    @router.put("/campaigns/{id}/merchants/{merchant_id}", response_model=QuotaOut)
    def set_merchant(
        id: Id, merchant_id: Id, body: QuotaIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None
    ) -> Response:
        """Lets another merchant's actions earn in this campaign, up to a quota a day; 0 ends that."""
        with db.begin() as session:

            def write() -> str:
                merchant = merchants.get(session, merchant_id)
                before, row = campaigns.set_merchant(session, id, caller.merchant, merchant, body.daily_quota)
                old = None if before is None else {"merchant_id": merchant_id, "daily_quota": before}
                new = {"merchant_id": merchant_id, "daily_quota": row.daily_quota}
                changes.record(session, caller, "campaign.share", id, old, new, clock.now())
                return QuotaOut.quota(row).model_dump_json()

            route = f"PUT /campaigns/{id}/merchants/{merchant_id}"
            text = once(session, caller.merchant, key, route, body.model_dump_json().encode(), clock.now(), write)
        return _json(text, 200)


def _json(document: str, status: int) -> Response:
    return Response(document, status, media_type="application/json")
