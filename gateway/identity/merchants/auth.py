"""Who is calling: the check of the API key, as a FastAPI dependency."""

from collections.abc import Callable, Collection, Sequence
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.errors import FORBIDDEN, UNAUTHENTICATED
from gateway.identity.merchants.keys import ApiKeys, Caller
from gateway.identity.merchants.models import Scope

BEARER = HTTPBearer(auto_error=False, scheme_name="API key", description="`Authorization: Bearer loy_…`")


class Auth:
    """Reads `Authorization: Bearer loy_…`."""

    def __init__(self, db: Database, keys: ApiKeys, clock: Clock) -> None:
        self.db, self.keys, self.clock = db, keys, clock

    def require(self, *any_of: Scope) -> Callable[..., Caller]:
        """A dependency that gives the caller; `unauthenticated` without a valid key, `forbidden` when the key has none
        of the scopes."""

        def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> Caller:
            if credentials is None:
                raise UNAUTHENTICATED.at("Authorization")
            with self.db.read() as session:
                caller = self.keys.check(session, credentials.credentials, self.clock.now())
            return allowed(caller, any_of)

        return check

    def callers(self, session: Session, tokens: Collection[str]) -> dict[str, Caller | None]:
        """Who these keys' texts belong to, within the caller's transaction; None for what is refused."""
        return self.keys.check_all(session, tokens, self.clock.now())


def allowed(caller: Caller, any_of: Sequence[Scope]) -> Caller:
    """The caller, or `forbidden` when its key has none of the scopes."""
    if not any(scope in caller.scopes for scope in any_of):
        raise FORBIDDEN.at(detail=f"needs {' or '.join(str(scope.name).lower() for scope in any_of)}")
    return caller
