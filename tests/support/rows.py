"""Rows of other rooms that a test needs but is not about."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.core.columns import Choice, Int
from gateway.core.db import Base


def add(session: Session, model: type[Base], **values: Any) -> None:
    """Inserts a row with `values`, and the smallest admitted value in every other column that must have one."""
    table = model.__table__
    missing = [c for c in table.columns if c.name not in values and not c.nullable and c.default is None]
    row = {column.name: _smallest(column.type) for column in missing if not column.primary_key}
    session.execute(sa.insert(model), [{**row, **values}])


def _smallest(kind: Any) -> Any:
    if isinstance(kind, Int):
        return kind.low
    if isinstance(kind, Choice):
        return kind.numbers[0]
    if isinstance(kind, sa.String):
        return "x"
    return bytes(getattr(kind, "size", 0))
