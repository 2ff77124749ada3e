"""Adds a column to a table as the models declare it, check included. SQLite would otherwise copy the whole table, which
those that refer to it do not allow."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.core.columns import Checked


def add_column(table: str, name: str, kind: Checked, default: int) -> None:
    """A column that is never empty; rows that are there get `default`. Names are ours, not somebody's input."""
    dialect = op.get_bind().dialect
    typed: Any = kind.load_dialect_impl(dialect)
    quoted = f'"{name}"'
    check = f"{quoted} IS NULL OR ({kind.check(quoted, dialect.name)})"
    op.execute(
        sa.text(
            f"ALTER TABLE {table} ADD COLUMN {name} {typed.compile(dialect=dialect)} DEFAULT {default} NOT NULL "
            f"CONSTRAINT ck_{table}_{name}_{dialect.name} CHECK ({check})"
        )
    )
