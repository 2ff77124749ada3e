"""HTTP of merchants and keys."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Response
from sqlalchemy.orm import Session

from gateway.core import changes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.idempotency import once
from gateway.core.limits import MAX_ID
from gateway.core.pages import Cursor, Limit
from gateway.core.secrets import Secrets
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.errors import FORBIDDEN
from gateway.identity.merchants.keys import ApiKeys, Caller
from gateway.identity.merchants.models import Scope
from gateway.identity.merchants.schemas import (
    KeyIn,
    KeyList,
    KeyOut,
    MerchantIn,
    MerchantList,
    MerchantOut,
    NewKeyOut,
    RotateIn,
)
from gateway.identity.merchants.service import Merchants

IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
WriteKey = Callable[[Session, int], NewKeyOut]


def build(db: Database, auth: Auth, merchants: Merchants, keys: ApiKeys, secrets: Secrets, clock: Clock) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["merchants"])
    _add_merchants(router, db, auth, merchants, clock)
    _add_keys(router, db, auth, merchants, keys, secrets, clock)
    return router


def _add_merchants(router: APIRouter, db: Database, auth: Auth, merchants: Merchants, clock: Clock) -> None:
    operator = Depends(auth.require(Scope.ADMIN))

    @router.post("/merchants", status_code=201, response_model=MerchantOut)
    def create(body: MerchantIn, caller: Annotated[Caller, operator], key: IdempotencyKey = None) -> Response:
        """Admits a merchant."""
        now = clock.now()
        with db.begin() as session:

            def write() -> str:
                made = MerchantOut.of(merchants.create(session, body.name, body.address, now))
                values = made.model_dump(mode="json", include={"name", "address"})
                changes.record(session, caller, "merchant.created", made.id, None, values, now, owner=made.id)
                return made.model_dump_json()

            answer = once(session, 0, key, "POST /merchants", body.model_dump_json().encode(), now, write)
        return _json(answer, 201)

    @router.get("/merchants", dependencies=[operator])
    def page(cursor: Cursor = 0, limit: Limit = 50) -> MerchantList:
        """All merchants, oldest first."""
        with db.read() as session:
            items = [MerchantOut.of(row) for row in merchants.page(session, cursor, limit)]
        return MerchantList(items=items, next=_next([item.id for item in items], limit))


def _add_keys(
    router: APIRouter, db: Database, auth: Auth, merchants: Merchants, keys: ApiKeys, secrets: Secrets, clock: Clock
) -> None:
    manager = Depends(auth.require(Scope.ADMIN, Scope.MANAGE))
    _add_own_keys(router, db, manager, keys, clock)

    def issuing(caller: Caller, key: str | None, route: str, body: bytes, write: WriteKey) -> Response:
        """A key's text is kept for a repeated request only encrypted: the database alone must open no door."""
        now = clock.now()
        with db.begin() as session:

            def boxed() -> str:
                return secrets.box(write(session, now).model_dump_json().encode()).hex()

            answer = once(session, caller.merchant_id or 0, key, route, body, now, boxed)
        return _json(secrets.unbox(bytes.fromhex(answer)).decode(), 201)

    @router.post("/keys", status_code=201, response_model=NewKeyOut)
    def issue(body: KeyIn, caller: Annotated[Caller, manager], key: IdempotencyKey = None) -> Response:
        """Issues a key: the operator for itself or any merchant, a merchant for itself."""
        owner = _owner(caller, body.merchant_id)

        def write(session: Session, now: int) -> NewKeyOut:
            if owner is not None:
                merchants.get(session, owner)
            issued = keys.issue(session, owner, body.scope(), now)
            made = NewKeyOut.issued(issued.key, issued.token)
            changes.record(session, caller, "key.issued", made.id, None, {"scopes": made.scopes}, now, owner)
            return made

        return issuing(caller, key, "POST /keys", body.model_dump_json().encode(), write)

    @router.post("/keys/{id}/rotate", status_code=201, response_model=NewKeyOut)
    def rotate(
        id: Id, caller: Annotated[Caller, manager], body: RotateIn | None = None, key: IdempotencyKey = None
    ) -> Response:
        """A new key with the same scopes; the old one works for `grace` more seconds."""
        grace = (body or RotateIn()).grace

        def write(session: Session, now: int) -> NewKeyOut:
            before, expires_at, issued = keys.rotate(session, caller, id, grace, now)
            made = NewKeyOut.issued(issued.key, issued.token)
            old, new = {"expires_at": before}, {"expires_at": expires_at, "new_key": made.id}
            changes.record(session, caller, "key.rotated", id, old, new, now, made.merchant_id)
            return made

        return issuing(caller, key, f"POST /keys/{id}/rotate", str(grace).encode(), write)


def _add_own_keys(router: APIRouter, db: Database, manager: Any, keys: ApiKeys, clock: Clock) -> None:
    @router.get("/keys")
    def page(caller: Annotated[Caller, manager], cursor: Cursor = 0, limit: Limit = 50) -> KeyList:
        """Keys without their text, oldest first."""
        with db.read() as session:
            items = [KeyOut.of(row, row.id == caller.key_id) for row in keys.page(session, caller, cursor, limit)]
        return KeyList(items=items, next=_next([item.id for item in items], limit))

    @router.delete("/keys/{id}", status_code=204)
    def revoke(id: Id, caller: Annotated[Caller, manager]) -> None:
        """Revokes a key at once. Naturally idempotent: needs no Idempotency-Key."""
        now = clock.now()
        with db.begin() as session:
            before, key = keys.revoke(session, caller, id, now)
            old, new = {"revoked_at": before}, {"revoked_at": key.revoked_at}
            changes.record(session, caller, "key.revoked", id, old, new, now, key.merchant_id)


def _owner(caller: Caller, wanted: int | None) -> int | None:
    """Whose key it becomes: a merchant makes them only for itself."""
    if caller.is_operator:
        return wanted
    if wanted not in (None, caller.merchant):
        raise FORBIDDEN.at("merchant_id")
    return caller.merchant


def _json(document: str, status: int) -> Response:
    return Response(document, status, media_type="application/json")


def _next(ids: list[int], limit: int) -> int | None:
    return ids[-1] if len(ids) == limit else None
