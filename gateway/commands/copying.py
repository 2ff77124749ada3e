"""Copies a whole database into an empty one of either kind, and compares both row by row before it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway import migrations
from gateway.commands.audit_database import snapshot
from gateway.commands.console import CommandError
from gateway.core.columns import PrimaryKey
from gateway.core.db import Database
from gateway.models import metadata

Progress = Callable[[str, int], None]
PAGE = 1_000


def copy(source: Database, target: Database, progress: Progress) -> dict[str, int]:
    """Rows copied by table, all in one transaction. CommandError when the target holds anything, when the source is not
    at the newest schema, or when a row is not the same on the other side; then the target is as empty as before."""
    if not migrations.is_current(source):
        raise CommandError("the database is not at the newest schema", "loyalty migrate", "old-schema")
    migrations.upgrade(target)
    counts: dict[str, int] = {}
    with snapshot(source) as there, target.begin() as here:
        for table in metadata.sorted_tables:
            if here.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
                raise CommandError(f"the target's table {table.name} is not empty", code="target-not-empty")
        for table in metadata.sorted_tables:
            counts[table.name] = _fill(table, there, here)
            progress(table.name, counts[table.name])
        for table in metadata.sorted_tables:
            _compare(table, there, here)
            if not target.sqlite:
                _count_on(table, here)
    return counts


def _fill(table: sa.Table, there: Session, here: Session) -> int:
    count = 0
    page: list[dict[str, Any]] = []
    for row in _rows(table, there):
        page.append(dict(row._mapping))
        if len(page) == PAGE:
            here.execute(sa.insert(table), page)
            count, page = count + len(page), []
    if page:
        here.execute(sa.insert(table), page)
    return count + len(page)


def _compare(table: sa.Table, there: Session, here: Session) -> None:
    ours, copied = _rows(table, there), _rows(table, here)
    for row in ours:
        if next(copied, None) != row:
            raise CommandError(f"table {table.name} is not the same after copying", code="copy-differs")
    if next(copied, None) is not None:
        raise CommandError(f"table {table.name} has more rows after copying", code="copy-differs")


def _rows(table: sa.Table, session: Session) -> Iterator[sa.Row[Any]]:
    query = sa.select(table).order_by(*table.primary_key.columns)  # what a row refers to in its own table is older
    return iter(session.execute(query.execution_options(yield_per=PAGE)))


def _count_on(table: sa.Table, session: Session) -> None:
    """PostgreSQL counts its keys apart from the rows."""
    for column in table.primary_key.columns:
        if isinstance(column.type, PrimaryKey) and not column.foreign_keys:
            sequence = session.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
            highest = session.scalar(sa.select(sa.func.max(column)))
            if sequence and highest:
                session.execute(sa.select(sa.func.setval(sequence, highest)))
