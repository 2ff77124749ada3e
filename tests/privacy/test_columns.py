"""privacy.md, 1: no customer-side column of either database accepts personal data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gateway.core.columns import Checked, JobKind, PrimaryKey
from gateway.core.db import Database
from gateway.models import metadata
from tests.privacy.canaries import CANARIES, NUMERIC

CUSTOMER_SIDE = [table for table in metadata.sorted_tables if table.info.get("side") != "merchant"]


def canary_values(column: sa.Column[Any]) -> Iterator[tuple[str, Any]]:
    """Every canary in every shape that a driver would pass: text, bytes, text of the column's own length, numbers.

    Bytes of exactly the column's length are left out: twenty bytes are an address, whatever they spell.
    """
    size = getattr(column.type, "size", None)
    for name, text in CANARIES.items():
        yield name, text
        if len(text) != size:
            yield name, text.encode()
    for name, number in NUMERIC.items():
        yield name, number
        yield name, str(number)
    if size:
        for name, text in CANARIES.items():
            yield name, text.ljust(size)[:size]


@pytest.mark.parametrize("table", CUSTOMER_SIDE, ids=lambda table: table.name)
def test_every_customer_side_column_checks_itself(table: sa.Table) -> None:
    for column in table.columns:
        if column.foreign_keys:
            continue  # holds only what the referred key holds
        assert isinstance(column.type, Checked | PrimaryKey), f"{table.name}.{column.name} may hold open text"


@pytest.mark.parametrize("table", CUSTOMER_SIDE, ids=lambda table: table.name)
def test_no_customer_side_column_takes_a_canary(db: Database, table: sa.Table) -> None:
    for column in (column for column in table.columns if not column.foreign_keys):
        for name, value in canary_values(column):
            assert not accepted(db, table, column, value), f"{table.name}.{column.name} took a {name}: {value!r}"


def test_the_test_can_fail(db: Database) -> None:
    merchants = metadata.tables["merchants"]
    assert accepted(db, merchants, merchants.c.name, CANARIES["name"])


def accepted(db: Database, table: sa.Table, column: sa.Column[Any], value: Any) -> bool:
    """Whether the database itself, without any of our code in between, stores `value` in this column of a good row."""
    with db.engine.connect() as connection:
        transaction = connection.begin()
        try:
            if db.sqlite:
                connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            else:
                connection.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys in the way
            row = {other.name: good_value(other) for other in table.columns}
            insert(connection, table, row)
            connection.execute(sa.delete(table))
            insert(connection, table, {**row, column.name: value})
        except DBAPIError as error:
            assert row is not None
            return is_setup_failure(error)
        else:
            stored = connection.execute(sa.text(f'SELECT "{column.name}" FROM "{table.name}"')).scalar_one()
            return contains(stored, value)
        finally:
            transaction.rollback()


def is_setup_failure(error: DBAPIError) -> bool:
    """A good row that does not fit is the test's own fault and must be seen."""
    if "good row" in str(error):
        raise AssertionError(str(error))
    return False


def insert(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})'), row)


def contains(stored: Any, value: Any) -> bool:
    return bool(stored == value or str(stored) == str(value))


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
