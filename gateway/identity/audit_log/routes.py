"""HTTP of the audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from gateway.core import changes
from gateway.core.db import Database
from gateway.core.pages import Below, Limit
from gateway.identity.audit_log.schemas import ChangeList, ChangeOut
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import Caller
from gateway.identity.merchants.models import Scope

What = Annotated[str | None, Query(pattern=r"^[a-z._]{3,40}$", description="Only this, e.g. `campaign.rules`")]


def build(db: Database, auth: Auth) -> APIRouter:
    """The room's routes."""
    router = APIRouter(prefix="/v1", tags=["audit log"])
    reader = Depends(auth.require(Scope.ADMIN, Scope.MANAGE))

    @router.get("/audit-log")
    def page(
        caller: Annotated[Caller, reader], cursor: Below = None, limit: Limit = 50, what: What = None
    ) -> ChangeList:
        """Every change of the merchant's configuration with old and new values, newest first; the operator sees all."""
        owner = None if caller.is_operator else caller.merchant
        with db.read() as session:
            items = [ChangeOut.of(row) for row in changes.page(session, owner, cursor, limit, what)]
        return ChangeList(items=items, next=items[-1].id if len(items) == limit else None)

    return router
