"""privacy.md, 1: no customer-side column of either database accepts personal data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gateway.core.columns import Checked, Int, JobKind, PrimaryKey
from gateway.core.db import Database
from gateway.core.limits import MAX_ID
from gateway.models import metadata
from tests.privacy.canaries import CANARIES, NUMERIC

CUSTOMER_SIDE = [table for table in metadata.sorted_tables if table.info.get("side") != "merchant"]


def canary_values(db: Database, column: sa.Column[Any]) -> Iterator[tuple[str, Any]]:
    """Every canary in every shape that a driver would pass: text, bytes, text of the column's own length, numbers.

    Bytes of exactly the column's length are left out: twenty bytes are an address, whatever they spell. So is such a
    text on PostgreSQL, where a text in the place of bytes is bytes.
    """
    size = getattr(column.type, "size", None)
    tried = {name: number for name, number in NUMERIC.items() if not (counts(column) and number <= MAX_ID)}
    texts = [*CANARIES.items(), *((name, str(number)) for name, number in tried.items())]
    yield from tried.items()
    for name, text in texts:
        if len(text) != size:
            yield name, text
            yield name, text.encode()
        if size and db.sqlite:
            yield name, text.ljust(size)[:size]


def counts(column: sa.Column[Any]) -> bool:
    """Rows, blocks, nonces: what the database or a chain counts needs a range that an IPv4 address fits into.

    That no request writes a number of its own there is shown by tests/houses/test_requests.py.
    """
    return isinstance(column.type, PrimaryKey) or (type(column.type) is Int and 2**32 - 1 <= column.type.high <= MAX_ID)


@pytest.mark.parametrize("table", CUSTOMER_SIDE, ids=lambda table: table.name)
def test_every_customer_side_column_checks_itself(table: sa.Table) -> None:
    for column in table.columns:
        if column.foreign_keys:
            continue  # holds only what the referred key holds
        assert isinstance(column.type, Checked | PrimaryKey), f"{table.name}.{column.name} may hold open text"


@pytest.mark.parametrize("table", CUSTOMER_SIDE, ids=lambda table: table.name)
def test_no_customer_side_column_takes_a_canary(db: Database, table: sa.Table) -> None:
    with empty_table(db, table) as connection:
        for column in (column for column in table.columns if not column.foreign_keys):
            for name, value in canary_values(db, column):
                assert not accepted(connection, column, value), f"{table.name}.{column.name} took a {name}: {value!r}"


def test_the_test_can_fail(db: Database) -> None:
    merchants = metadata.tables["merchants"]
    with empty_table(db, merchants) as connection:
        assert accepted(connection, merchants.c.name, CANARIES["name"])


@contextmanager
def empty_table(db: Database, table: sa.Table) -> Iterator[sa.Connection]:
    """A connection past all of our code, foreign keys out of the way, to which a good row of `table` is good."""
    with db.engine.connect() as connection, connection.begin() as transaction:
        if db.sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        insert(connection, table, good_row(table))
        connection.execute(sa.delete(table))
        yield connection
        transaction.rollback()


def accepted(connection: sa.Connection, column: sa.Column[Any], value: Any) -> bool:
    """Whether the database stores `value` in this column of an otherwise good row."""
    table = column.table
    with connection.begin_nested() as attempt:
        try:
            insert(connection, table, good_row(table) | {column.name: value})
        except DBAPIError:
            return False
        else:
            stored = connection.execute(sa.text(f'SELECT "{column.name}" FROM "{table.name}"')).scalar_one()
            return contains(stored, value)
        finally:
            attempt.rollback()


def insert(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})'), row)


def contains(stored: Any, value: Any) -> bool:
    """Whether what was stored is the canary, as it is, as text or as the text's bytes."""
    kept = bytes(stored) if isinstance(stored, bytes | memoryview) else str(stored).encode()
    return kept == (value if isinstance(value, bytes) else str(value).encode())


def good_row(table: sa.Table) -> dict[str, Any]:
    return {column.name: good_value(column) for column in table.columns}


def good_value(column: sa.Column[Any]) -> Any:
    """A value that the column's own check admits."""
    kind = column.type
    if isinstance(kind, JobKind):
        return "some.job"
    if isinstance(kind, PrimaryKey):
        return 1
    name = type(kind).__name__
    if name == "Calldata":
        return bytes(4)
    if name == "SignedTransaction":
        return b"\x02" + bytes(120)
    if hasattr(kind, "size"):
        return bytes(kind.size)
    if hasattr(kind, "numbers"):
        return kind.numbers[0]
    if hasattr(kind, "low"):
        return kind.low
    return 1
