"""HTTP of webhooks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response

from gateway.core import changes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import once
from gateway.core.limits import MAX_ID
from gateway.core.pages import Below, Cursor, Limit
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope
from gateway.messaging.outbox import Outbox
from gateway.messaging.schemas import DeliveryList, DeliveryOut, NewWebhookOut, WebhookIn, WebhookList, WebhookOut

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def build(db: Database, auth: Auth, outbox: Outbox, clock: Clock) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
    manager = Depends(auth.require(Scope.MANAGE))
    _add_deliveries(router, db, auth, outbox, clock)

    @router.post("", status_code=201, response_model=NewWebhookOut)
    def create(body: WebhookIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Sends the merchant's events to a URL from now on, signed as Standard Webhooks says."""
        with db.begin() as session:

            def boxed() -> str:
                endpoint, secret = outbox.add(session, caller.merchant, body.url)
                changes.record(session, caller, "webhook.added", endpoint.id, None, {"url": body.url}, clock.now())
                document = NewWebhookOut(**WebhookOut.of(endpoint).model_dump(), secret=secret).model_dump_json()
                # Kept for a repeated request only encrypted: the database alone must sign nothing.
                return outbox.keys.box(document.encode()).hex()

            sent = body.model_dump_json().encode()
            answer = once(session, caller.merchant, key, "POST /webhooks", sent, clock.now(), boxed)
        return _json(outbox.keys.unbox(bytes.fromhex(answer)).decode(), 201)

    @router.get("")
    def page(caller: Annotated[Caller, manager], cursor: Cursor = 0, limit: Limit = 50) -> WebhookList:
        """The merchant's webhooks, without their secrets."""
        with db.read() as session:
            items = [WebhookOut.of(row) for row in outbox.endpoints(session, caller.merchant, cursor, limit)]
        return WebhookList(items=items, next=items[-1].id if len(items) == limit else None)

    @router.delete("/{id}", status_code=204)
    def remove(id: Id, caller: Annotated[Caller, manager]) -> None:
        """Forgets a webhook and what still waits for it. Needs no Idempotency-Key."""
        with db.begin() as session:
            url = outbox.remove(session, caller.merchant, id)
            changes.record(session, caller, "webhook.removed", id, {"url": url}, None, clock.now())

    return router


def _add_deliveries(router: APIRouter, db: Database, auth: Auth, outbox: Outbox, clock: Clock) -> None:
    manager = Depends(auth.require(Scope.MANAGE))

    @router.get("/deliveries")
    def page(caller: Annotated[Caller, manager], cursor: Below = None, limit: Limit = 50) -> DeliveryList:
        """What was and is to be delivered, newest first."""
        with db.read() as session:
            items = [DeliveryOut.of(row) for row in outbox.deliveries(session, caller.merchant, cursor, limit)]
        return DeliveryList(items=items, next=items[-1].id if len(items) == limit else None)

    @router.post("/deliveries/{id}/replay", status_code=202, response_model=DeliveryOut)
    def replay(id: Id, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Sends a message once more, under its old id."""
        with db.begin() as session:

            def write() -> str:
                return DeliveryOut.of(outbox.replay(session, caller.merchant, id)).model_dump_json()

            route = f"POST /webhooks/deliveries/{id}/replay"
            answer = once(session, caller.merchant, key, route, b"", clock.now(), write)
        return _json(answer, 202)


def _json(document: str, status: int) -> Response:
    return Response(document, status, media_type="application/json")
