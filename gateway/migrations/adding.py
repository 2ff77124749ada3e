"""Adds a column to a table as the models declare it, check included, or changes a check. SQLite would otherwise copy
the whole table, which those that refer to it do not allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.core.columns import Checked, Choice


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


def choose_from(table: str, name: str, old: Sequence[int], new: Sequence[int]) -> None:
    """Lets a Choice column that takes the numbers `old` take those of `new`; rows that are there must fit."""
    bind = op.get_bind()
    dialect, quoted = bind.dialect.name, f'"{name}"'
    before, after = (
        f"{quoted} IS NULL OR ({Choice(numbers).check(quoted, dialect)})" for numbers in (sorted(old), sorted(new))
    )
    constraint = f"ck_{table}_{name}_{dialect}"
    if dialect != "sqlite":
        op.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"))
        op.execute(sa.text(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({after})"))
        return
    # As https://www.sqlite.org/lang_altertable.html says of changes that touch no row.
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    sql = bind.execute(sa.text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :t"), {"t": table})
    declared = str(sql.scalar_one())
    if declared.count(f"{constraint} CHECK ({before})") != 1:
        raise ValueError(f"{table} has no such check")
    declared = declared.replace(f"{constraint} CHECK ({before})", f"{constraint} CHECK ({after})")
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :t")
    bind.execute(changed, {"sql": declared, "t": table})
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = OFF")
