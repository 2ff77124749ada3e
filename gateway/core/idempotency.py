"""A merchant's write under an Idempotency-Key happens once; the first answer is given again.

Actions keep their key in their own row (loyalty/earning); every other write of a merchant uses this table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.core.columns import Blob, Int, Seconds
from gateway.core.db import Base
from gateway.core.problems import IDEMPOTENCY_CONFLICT, IDEMPOTENCY_KEY_REQUIRED, INVALID_REQUEST, Problem

KEY = re.compile(r"[\x21-\x7e]{1,200}")


class IdempotentWrite(Base):
    __tablename__ = "idempotent_writes"
    __table_args__ = ({"info": {"side": "merchant"}},)

    #: Merchant id, 0 for the operator.
    owner: Mapped[int] = mapped_column(Int(), primary_key=True, autoincrement=False)
    key_hash: Mapped[bytes] = mapped_column(Blob(32), primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(Blob(32))
    response: Mapped[str] = mapped_column(sa.Text())
    created_at: Mapped[int] = mapped_column(Seconds())


def key_hash(key: str | None) -> bytes:
    """SHA-256 of an Idempotency-Key (1 to 200 visible ASCII characters); raises a Problem when it is missing or odd."""
    if not key:
        raise IDEMPOTENCY_KEY_REQUIRED.at("Idempotency-Key")
    if not KEY.fullmatch(key):
        raise INVALID_REQUEST.at("Idempotency-Key", "1 to 200 visible ASCII characters")
    return hashlib.sha256(key.encode()).digest()


def once(
    session: Session, owner: int, key: str | None, route: str, body: bytes, now: int, write: Callable[[], str]
) -> str:
    """Runs `write` unless this owner already used `key`; returns its answer, new or stored.

    `route` and `body` together are what the key stands for: another body or route is refused with 409. Runs in the
    caller's transaction; of two at the same time one fails on the primary key and is tried again by its client, or is
    refused for what the other has done meanwhile, and gets its answer.
    """
    known = answered(session, owner, key, route, body)
    if known is not None:
        return known
    try:
        with session.begin_nested():
            response = write()
    except Problem:
        known = answered(session, owner, key, route, body)
        if known is None:
            raise
        return known
    digests = {"key_hash": key_hash(key), "body_hash": _body_hash(route, body)}
    session.add(IdempotentWrite(owner=owner, **digests, response=response, created_at=now))
    session.flush()
    return response


def answered(session: Session, owner: int, key: str | None, route: str, body: bytes) -> str | None:
    """The stored answer of what `once` ran with these; None when it was not run. Raises as `once`."""
    row = session.get(IdempotentWrite, (owner, key_hash(key)))
    if row is not None and row.body_hash != _body_hash(route, body):
        raise IDEMPOTENCY_CONFLICT.at("Idempotency-Key")
    return None if row is None else row.response


def _body_hash(route: str, body: bytes) -> bytes:
    return hashlib.sha256(route.encode() + b"\0" + body).digest()
