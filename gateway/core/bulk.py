"""Very many rows at once, as fast as each database takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

Row = Sequence[Any]


def insert(session: Session, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Adds the rows in the session's transaction: COPY on PostgreSQL, one prepared statement on SQLite. Values are as
    the driver wants them, no type of ours is asked. IntegrityError when one of them must not be there; then none is."""
    names = ", ".join(columns)
    with session.begin_nested():
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" for _ in columns)
            statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 — names of ours
            connection.exec_driver_sql(statement, [*map(tuple, rows)])
            return
        types = [table.c[name].type.compile(connection.dialect) for name in columns]
        try:
            _copy(connection, f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)", types, rows)
        except psycopg.IntegrityError as error:
            raise IntegrityError(None, None, error) from None


def _copy(connection: sa.Connection, statement: str, types: Sequence[str], rows: Iterable[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types([kind.lower() for kind in types])
        for row in rows:
            copy.write_row(row)
