"""Adds a column to a table as the models declare it, check included. SQLite would otherwise copy the whole table, which
those that refer to it do not allow."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.core.columns import Checked


def add_column(table: str, name: str, kind: Checked, default: int | bytes | None = None) -> None:
    """A column; with a `default`, which rows that are there get, it is never empty. Names are ours, not somebody's
    input."""
    dialect = op.get_bind().dialect
    typed: Any = kind.load_dialect_impl(dialect)
    quoted = f'"{name}"'
    check = f"{quoted} IS NULL OR ({kind.check(quoted, dialect.name)})"
    value = default if not isinstance(default, bytes) else _literal(default, dialect.name)
    filled = "" if default is None else f"DEFAULT {value} NOT NULL "
    op.execute(
        sa.text(
            f"ALTER TABLE {table} ADD COLUMN {name} {typed.compile(dialect=dialect)} {filled}"
            f"CONSTRAINT ck_{table}_{name}_{dialect.name} CHECK ({check})"
        )
    )


def _literal(value: bytes, dialect: str) -> str:
    return f"X'{value.hex()}'" if dialect == "sqlite" else f"decode('{value.hex()}', 'hex')"
