"""Who changed what of a merchant's configuration, and when: a row in the transaction of the change itself.

By whom is an API key, never a person. Nothing of customers comes in here: no wallet, no claim code, no action.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.core.columns import Flag, Int, JobKind, PrimaryKey, Seconds
from gateway.core.db import Base

Values = Mapping[str, Any]


class Change(Base):
    """Added and read, never changed."""

    __tablename__ = "changes"
    __table_args__ = (sa.Index("ix_changes_owner", "owner", "id"), {"info": {"side": "merchant"}})

    id: Mapped[int] = mapped_column(PrimaryKey(), primary_key=True)
    #: The merchant whose configuration it is, 0 for the operator's own.
    owner: Mapped[int] = mapped_column(Int())
    #: The API key that did it, and whether it was the operator's.
    key_id: Mapped[int] = mapped_column(Int(1))
    by_operator: Mapped[bool] = mapped_column(Flag())
    at: Mapped[int] = mapped_column(Seconds())
    #: What was done, `campaign.rules`, and the number of what it was done to.
    what: Mapped[str] = mapped_column(JobKind())
    subject: Mapped[int] = mapped_column(Int())
    #: JSON of the values that changed; empty where there were none.
    before: Mapped[str | None] = mapped_column(sa.Text())
    after: Mapped[str | None] = mapped_column(sa.Text())


class Author(Protocol):
    """Whose API key a request came with; `merchant_id` is None for the operator."""

    @property
    def key_id(self) -> int: ...

    @property
    def merchant_id(self) -> int | None: ...


def record(
    session: Session,
    by: Author,
    what: str,
    subject: int,
    before: Values | None,
    after: Values | None,
    now: int,
    owner: int | None = None,
) -> None:
    """Writes one change down in the caller's transaction; what changed nothing is left out. `owner`: where an operator
    changes something of a merchant's."""
    if before == after:
        return
    session.add(
        Change(
            owner=owner or by.merchant_id or 0,
            key_id=by.key_id,
            by_operator=by.merchant_id is None,
            at=now,
            what=what,
            subject=subject,
            before=None if before is None else json.dumps(before),
            after=None if after is None else json.dumps(after),
        )
    )
    session.flush()


def page(session: Session, owner: int | None, cursor: int | None, limit: int, what: str | None = None) -> list[Change]:
    """At most `limit` changes, newest first, with an id below `cursor`; of one owner (0: the operator), or all."""
    query = sa.select(Change).order_by(Change.id.desc()).limit(limit)
    if owner is not None:
        query = query.where(Change.owner == owner)
    if cursor is not None:
        query = query.where(Change.id < cursor)
    if what is not None:
        query = query.where(Change.what == what)
    return list(session.scalars(query))
