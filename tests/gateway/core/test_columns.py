"""What column types must be, beyond what they refuse (tests/privacy/test_columns.py)."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway.models import metadata


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_statements_on_a_table_are_compiled_once(table: sa.Table) -> None:
    """A type that SQLAlchemy cannot cache makes every statement that touches it be compiled at every call."""
    for column in table.columns:
        assert sa.select(column)._generate_cache_key() is not None, column.name
