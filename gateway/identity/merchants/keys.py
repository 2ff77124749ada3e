"""API keys: `loy_<16 hex: public prefix>_<43 characters: 256 random bits>`.

Only SHA-256 of a key is kept. A slow password hash would add nothing: no dictionary holds 256 random bits, and guessing
them takes 2^255 tries however fast one try is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.durations import DAY
from gateway.identity.merchants.errors import (
    FORBIDDEN,
    KEY_REVOKED,
    LAST_OPERATOR_KEY,
    SCOPES_REFUSED,
    UNKNOWN_KEY,
)
from gateway.identity.merchants.models import ApiKey, Merchant, Scope

TOKEN = re.compile(r"loy_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
#: Seconds that a rotated key goes on working, so that tills can be changed over one by one.
GRACE, MAX_GRACE = DAY, 30 * DAY
#: Compared with when there is no such key, so that both cases take the same time.
NO_HASH = bytes(32)
#: Keys and whether their merchants are active; built once, for tills.
_OF_PREFIX = (
    sa.select(ApiKey, sa.func.coalesce(Merchant.active, 1))
    .join(Merchant, Merchant.id == ApiKey.merchant_id, isouter=True)
    .where(ApiKey.prefix.in_(sa.bindparam("prefixes", expanding=True)))
)


@dataclass(frozen=True)
class Caller:
    """Who sent a request. `merchant_id` is None for the operator."""

    key_id: int
    merchant_id: int | None
    scopes: Scope

    @property
    def merchant(self) -> int:
        """The merchant's id; `forbidden` for the operator, who has no till and no campaign."""
        if self.merchant_id is None:
            raise FORBIDDEN.at(detail="this needs a merchant's key")
        return self.merchant_id

    @property
    def is_operator(self) -> bool:
        return Scope.ADMIN in self.scopes


@dataclass(frozen=True)
class Issued:
    """A new key and its text, which is shown this once."""

    key: ApiKey
    token: str


class ApiKeys:
    """Issues, checks, rotates and revokes keys. Times in Unix seconds."""

    def issue(self, session: Session, merchant_id: int | None, scopes: Scope, now: int) -> Issued:
        """A new key. The operator's has the scope ADMIN alone, a merchant's any other; else `scopes-refused`."""
        if (scopes == Scope.ADMIN) != (merchant_id is None) or (merchant_id is not None and Scope.ADMIN in scopes):
            raise SCOPES_REFUSED.at("scopes")
        prefix = secrets.token_bytes(8)
        token = f"loy_{prefix.hex()}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"
        key = ApiKey(
            merchant_id=merchant_id, prefix=prefix, hash=hash_of(token.encode()), scopes=int(scopes), created_at=now
        )
        session.add(key)
        session.flush()
        return Issued(key, token)

    def hashes(self, session: Session) -> set[bytes]:
        """Those of all keys that were not revoked."""
        return set(session.scalars(sa.select(ApiKey.hash).where(ApiKey.revoked_at.is_(None))))

    def check_all(self, session: Session, tokens: Collection[str], now: int) -> dict[str, Caller | None]:
        """Who these keys' texts belong to; None for what is malformed, unknown, revoked or expired."""
        found: dict[str, Caller | None] = dict.fromkeys(tokens)
        matches = {token: match for token in found if (match := TOKEN.fullmatch(token))}
        if not matches:
            return found
        prefixes = list({bytes.fromhex(match[1]) for match in matches.values()})
        known = {
            key.prefix: (key, active) for key, active in session.execute(_OF_PREFIX, {"prefixes": prefixes}).tuples()
        }
        for token, match in matches.items():
            key, active = known.get(bytes.fromhex(match[1]), (None, True))
            same = hmac.compare_digest(NO_HASH if key is None else key.hash, hash_of(token.encode()))
            if key is not None and same and active and _works(key, now):
                found[token] = Caller(key.id, key.merchant_id, Scope(key.scopes))
        return found

    def rotate(
        self, session: Session, caller: Caller, key_id: int, grace: int, now: int
    ) -> tuple[int | None, int, Issued]:
        """A new key like this one, which itself works for `grace` more seconds; beside it when the old one would have
        expired, and when it does. `unknown-key`, `key-revoked`."""
        old = self._find(session, caller, key_id)
        if not _works(old, now):
            raise KEY_REVOKED.at("key")
        before = old.expires_at
        old.expires_at = min(now + grace, before or now + grace)
        return before, old.expires_at, self.issue(session, old.merchant_id, Scope(old.scopes), now)

    def revoke(self, session: Session, caller: Caller, key_id: int, now: int) -> tuple[int | None, ApiKey]:
        """Ends a key at once, and tells when it had been ended before; twice is once. `unknown-key`;
        `last-operator-key` for the only lasting one."""
        # All of them before this one, in one order: two operators must not wait for each other.
        lasting = self._operator_keys(session, now) if caller.is_operator else []
        key = self._find(session, caller, key_id)
        if key.merchant_id is None and all(other.id == key.id for other in lasting):
            raise LAST_OPERATOR_KEY.at("key")
        before = key.revoked_at
        key.revoked_at = before or now
        return before, key

    def page(self, session: Session, caller: Caller, cursor: int, limit: int) -> list[ApiKey]:
        """At most `limit` keys with an id above `cursor`: all of them for the operator, else the caller's own."""
        query = sa.select(ApiKey).where(ApiKey.id > cursor).order_by(ApiKey.id).limit(limit)
        if not caller.is_operator:
            query = query.where(ApiKey.merchant_id == caller.merchant)
        return list(session.scalars(query))

    def _find(self, session: Session, caller: Caller, key_id: int) -> ApiKey:
        key = session.get(ApiKey, key_id, with_for_update=True)
        if key is None or not (caller.is_operator or key.merchant_id == caller.merchant):
            raise UNKNOWN_KEY.at("key")
        return key

    def _operator_keys(self, session: Session, now: int) -> list[ApiKey]:
        """Operator keys that work and do not run out; locked, so that two cannot revoke each other at once."""
        query = (
            sa.select(ApiKey)
            .where(ApiKey.merchant_id.is_(None), ApiKey.revoked_at.is_(None), ApiKey.expires_at.is_(None))
            .order_by(ApiKey.id)
            .with_for_update()
        )
        return list(session.scalars(query))


def _works(key: ApiKey, now: int) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def hash_of(token: bytes) -> bytes:
    """What is kept of a key's text."""
    return hashlib.sha256(token).digest()
