"""Very many rows at once, as fast as each database takes them: past the ORM and SQLAlchemy's compiler, which took five
times as long as the database itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from gateway.core.db import Base, is_sqlite

Row = Sequence[Any]
#: What is left to do once everything is worked out.
Write = Callable[[Session], None]
#: SQLite takes 32,766 parameters in a statement, PostgreSQL 65,535.
CHUNK = 5_000
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
    adding(session, model, rows)(session)


def adding(session: Session, model: type[Base], rows: Sequence[Named]) -> Write:
    """`add_rows` up to its one statement, which a later transaction of the same database may execute."""
    if not rows:
        return _nothing
    shape = _shape(session.get_bind().dialect, model, tuple(rows[0]))
    values = list(map(shape.values, rows))
    return lambda writer: shape.way.put(writer.connection(), values)


def upsert(
    session: Session,
    model: type[Base],
    key: Sequence[str],
    rows: Sequence[Named],
    sums: Mapping[str, int] | None = None,
) -> None:
    """As `add_rows`, but where there is a row with the same `key` columns, it gets the new values of the others. What
    `sums` names is added to what is there, up to so much. No two of the rows have the same key."""
    upserting(session, model, key, rows, sums)(session)


def upserting(
    session: Session,
    model: type[Base],
    key: Sequence[str],
    rows: Sequence[Named],
    sums: Mapping[str, int] | None = None,
) -> Write:
    """`upsert` up to its one statement, which a later transaction of the same database may execute."""
    if not rows:
        return _nothing
    shape = _shape(session.get_bind().dialect, model, tuple(rows[0]))
    values = list(map(shape.values, rows))
    return lambda writer: shape.way.merge(writer.connection(), values, key, sums or {})


def _nothing(_: Session) -> None:
    """Where there are no rows."""


class _Way:
    """How rows with these columns go into a table."""

    def __init__(self, dialect: Dialect, table: sa.Table, columns: Sequence[str]) -> None:
        quote = dialect.identifier_preparer.quote
        names = ", ".join(map(quote, columns))
        marks = ", ".join("?" * len(columns))
        self.table, self.columns = quote(table.name), columns
        self.into = f"INSERT INTO {self.table} ({names})"
        self.insert = f"{self.into} VALUES ({marks})"
        self.copy = f"COPY {self.table} ({names}) FROM STDIN (FORMAT BINARY)".encode()
        self.types = [table.c[name].type.compile(dialect).lower() for name in columns]

    def put(self, connection: sa.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        if is_sqlite(connection):
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

    def merge(
        self, connection: sa.Connection, rows: list[tuple[Any, ...]], key: Sequence[str], sums: Mapping[str, int]
    ) -> None:
        sqlite = is_sqlite(connection)
        least = "min" if sqlite else "least"
        new = {name: f"excluded.{name}" for name in self.columns if name not in key}
        new |= {name: f"{least}({most}, {self.table}.{name} + excluded.{name})" for name, most in sums.items()}
        then = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(map(' = '.join, new.items()))}"
        if sqlite:
            connection.exec_driver_sql(f"{self.insert} {then}", rows)
            return
        # One statement with an array a column: psycopg's executemany sends each row by itself.
        arrays = ", ".join(f"%b::{kind}[]" for kind in self.types)
        columns = tuple(map(list, zip(*rows, strict=True)))
        statement = f"{self.into} SELECT * FROM unnest({arrays}) {then}"  # noqa: S608 - names of ours
        connection.exec_driver_sql(statement, columns)


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
    if is_sqlite(session.get_bind()):
        first = (session.scalar(_last_id(model)) or 0) + 1
        return list(range(first, first + count))
    sequence = f"{model.__tablename__}_id_seq"
    numbers = sa.select(sa.func.nextval(sequence)).select_from(sa.func.generate_series(1, count))
    return sorted(session.scalars(numbers))


@lru_cache(maxsize=64)
def _last_id(model: type[Base]) -> sa.Select[tuple[int]]:
    return sa.select(sa.func.max(table_of(model).c.id))


def parts(items: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    """A list piece by piece: an IN takes no more than a database has parameters for."""
    return (items[start : start + size] for start in range(0, len(items), size))


def among(column: Any, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """True for these ids; as one range where they are one, as those of one bulk call are."""
    if len(ids) > 2 and max(ids) - min(ids) == len(set(ids)) - 1:
        return cast("sa.ColumnElement[bool]", column.between(min(ids), max(ids)))
    return cast("sa.ColumnElement[bool]", column.in_(ids))


def any_of(session: Session, column: Any, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """True for these values; on PostgreSQL one parameter, however many there are: it reads each apart otherwise."""
    if is_sqlite(session.get_bind()):
        return cast("sa.ColumnElement[bool]", column.in_(values))
    return cast("sa.ColumnElement[bool]", column == sa.any_(sa.literal(values, sa.ARRAY(column.type))))


class _Numbers(TypeDecorator[Any]):
    """Any number of integers as one parameter."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text() if dialect.name == "sqlite" else dialect.type_descriptor(sa.ARRAY(sa.BigInteger))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return json.dumps(value) if dialect.name == "sqlite" else value


class listed(FunctionElement[Any]):
    """`listed(column, name)`: true for the integers in the list that the parameter `name` brings. So a statement can be
    built once, and is the same for however many."""

    # Not Boolean: SQLAlchemy would write "= 1" behind it for SQLite, which then reads the whole table.
    type = sa.types.NULLTYPE
    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=_Numbers()))


@compiles(listed, "sqlite")
def _listed_sqlite(element: listed, compiler: Any, **options: Any) -> str:
    column, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608 - compiled by SQLAlchemy


@compiles(listed, "postgresql")
def _listed_postgresql(element: listed, compiler: Any, **options: Any) -> str:
    column, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({numbers})"


def table_of(model: type[Base]) -> sa.Table:
    return model.metadata.tables[model.__tablename__]
