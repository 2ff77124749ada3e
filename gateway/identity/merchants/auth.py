"""Who is calling: the check of the API key, as a FastAPI dependency."""

from collections.abc import Callable, Collection, Sequence
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.errors import FORBIDDEN, UNAUTHENTICATED
from gateway.identity.merchants.keys import ApiKeys, Caller, hash_of
from gateway.identity.merchants.models import Scope

BEARER = HTTPBearer(auto_error=False, scheme_name="API key", description="`Authorization: Bearer loy_…`")


class Auth:
    """Reads `Authorization: Bearer loy_…`."""

    def __init__(self, db: Database, keys: ApiKeys, clock: Clock) -> None:
        self.db, self.keys, self.clock = db, keys, clock
        #: Hashes of keys that worked when they were looked up last; may be forgotten.
        self._working: set[bytes] = set()

    def remember(self) -> None:
        """Looks up all keys there are, so that `knows` knows them from the start."""
        with self.db.read() as session:
            self._working |= self.keys.hashes(session)

    def knows(self, token: bytes) -> bool:
        """Whether this text is that of a key that worked when it was used last. Asks nobody: for who shares out places,
        not for who lets somebody in."""
        return hash_of(token) in self._working

    def require(self, *any_of: Scope) -> Callable[..., Caller]:
        """A dependency that gives the caller; `unauthenticated` without a valid key, `forbidden` when the key has none
        of the scopes."""

        def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> Caller:
            if credentials is None:
                raise UNAUTHENTICATED.at("Authorization")
            with self.db.read() as session:
                caller = self.callers(session, [credentials.credentials])[credentials.credentials]
            if caller is None:
                raise UNAUTHENTICATED.at("Authorization")
            return allowed(caller, any_of)

        return check

    def callers(self, session: Session, tokens: Collection[str]) -> dict[str, Caller | None]:
        """Who these keys' texts belong to, within the caller's transaction; None for what is refused."""
        found = self.keys.check_all(session, tokens, self.clock.now())
        for token, caller in found.items():
            (self._working.discard if caller is None else self._working.add)(hash_of(token.encode()))
        return found


def allowed(caller: Caller, any_of: Sequence[Scope]) -> Caller:
    """The caller, or `forbidden` when its key has none of the scopes."""
    if not any(scope in caller.scopes for scope in any_of):
        raise FORBIDDEN.at(detail=f"needs {' or '.join(str(scope.name).lower() for scope in any_of)}")
    return caller
