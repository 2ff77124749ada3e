"""Very many rows at once, as fast as each database takes them: past the ORM and SQLAlchemy's compiler, which took five
times as long as the database itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gateway.core.db import Base

Row = Sequence[Any]
Named = Mapping[str, Any]


def insert(session: Session, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Adds the rows in the session's transaction: COPY on PostgreSQL, one prepared statement on SQLite. Values are as
    the driver wants them, no type of ours is asked. IntegrityError when one of them must not be there; then none is."""
    with session.begin_nested():
        _Way(session.connection().dialect, table, tuple(columns)).put(session.connection(), map(tuple, rows))


def add_rows(session: Session, model: type[Base], rows: Sequence[Named]) -> None:
    """Adds rows of a model in the session's transaction, values as the ORM takes them; errors as of any statement.

    Every row names the same columns; the others get their scalar defaults.
    """
    if rows:
        connection = session.connection()
        shape = _shape(connection.dialect, model, tuple(rows[0]))
        shape.way.put(connection, map(shape.values, rows))


class _Way:
    """How rows with these columns go into a table."""

    def __init__(self, dialect: Dialect, table: sa.Table, columns: Sequence[str]) -> None:
        quote = dialect.identifier_preparer.quote
        names = ", ".join(map(quote, columns))
        marks = ", ".join("?" * len(columns))
        self.insert = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
        self.copy = f"COPY {quote(table.name)} ({names}) FROM STDIN (FORMAT BINARY)".encode()
        self.types = [table.c[name].type.compile(dialect).lower() for name in columns]

    def put(self, connection: sa.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(self.insert, list(rows))
            return
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        try:
            with driver.cursor() as cursor, cursor.copy(self.copy) as copy:
                copy.set_types(self.types)
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            dialect = connection.dialect
            told = DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True, dialect=dialect)
            raise told from None


class _Shape:
    """How rows of a model that name these columns go into its table."""

    def __init__(self, dialect: Dialect, model: type[Base], names: tuple[str, ...]) -> None:
        table = table_of(model)
        self._defaults = {
            column.name: column.default.arg
            for column in table.columns
            if column.name not in names and isinstance(column.default, sa.ColumnDefault) and column.default.is_scalar
        }
        everything = [*names, *self._defaults]
        self.way = _Way(dialect, table, everything)
        processors = [_processor(dialect, table.columns[name]) for name in everything]
        self._changed = [(place, process) for place, process in enumerate(processors) if process is not None]
        self._get = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)

    def values(self, row: Named) -> tuple[Any, ...]:
        """The row's values in the order of the statement, as the driver takes them."""
        found = [*self._get(row), *self._defaults.values()]
        for place, process in self._changed:
            found[place] = process(found[place])
        return tuple(found)


@lru_cache(maxsize=256)
def _shape(dialect: Dialect, model: type[Base], names: tuple[str, ...]) -> _Shape:
    return _Shape(dialect, model, names)


def _processor(dialect: Dialect, column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    process = column.type.dialect_impl(dialect).bind_processor(dialect)
    return cast("Callable[[Any], Any] | None", process)


def reserve_ids(session: Session, model: type[Base], count: int) -> list[int]:
    """So many numbers for the primary key `id` of rows to be added, rising. On SQLite they are this transaction's
    because nobody else writes; on PostgreSQL the sequence gives each out once."""
    if is_sqlite(session):
        first = (session.scalar(sa.select(sa.func.max(table_of(model).c.id))) or 0) + 1
        return list(range(first, first + count))
    sequence = f"{model.__tablename__}_id_seq"
    numbers = sa.select(sa.func.nextval(sequence)).select_from(sa.func.generate_series(1, count))
    return sorted(session.scalars(numbers))


def insert_or(session: Session, model: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of this database that can say what happens `on_conflict`."""
    return sqlite.insert(table_of(model)) if is_sqlite(session) else postgresql.insert(table_of(model))


def least(session: Session, *values: Any) -> sa.ColumnElement[int]:
    """The smallest of several values of one row."""
    return (sa.func.min if is_sqlite(session) else sa.func.least)(*values)


def among(column: Any, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """True for these ids; as one range where they are one, as those of one bulk call are."""
    if len(ids) > 2 and max(ids) - min(ids) == len(set(ids)) - 1:
        return cast("sa.ColumnElement[bool]", column.between(min(ids), max(ids)))
    return cast("sa.ColumnElement[bool]", column.in_(ids))


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def table_of(model: type[Base]) -> sa.Table:
    return model.metadata.tables[model.__tablename__]
