"""The audit log on the wire."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field

from gateway.core.changes import Change


class ChangeOut(BaseModel):
    """Who changed what, and when. Only the values that the change is about are told."""

    id: int
    at: int = Field(description="Unix seconds")
    key: int = Field(description="Id of the API key that did it")
    operator: bool = Field(description="True when that is an operator's key")
    merchant_id: int | None = Field(description="Whose configuration it is; null: the operator's own")
    what: str = Field(examples=["campaign.rules"])
    subject: int = Field(description="Id of the campaign, offer, key … that it was done to")
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @classmethod
    def of(cls, row: Change) -> ChangeOut:
        return cls(
            id=row.id,
            at=row.at,
            key=row.key_id,
            operator=row.by_operator,
            merchant_id=row.owner or None,
            what=row.what,
            subject=row.subject,
            before=None if row.before is None else json.loads(row.before),
            after=None if row.after is None else json.loads(row.after),
        )


class ChangeList(BaseModel):
    items: list[ChangeOut]
    next: int | None
