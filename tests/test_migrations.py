"""The migrations build exactly the schema that the code declares, checks included."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway import migrations
from gateway.core.db import Database
from gateway.models import metadata
from tests.support.postgres import postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else postgres_url())


def test_migrations_equal_the_models(empty: Database, db: Database) -> None:
    if empty.sqlite != db.sqlite:
        pytest.skip("compares like with like")
    assert not migrations.is_current(empty)
    migrations.upgrade(empty)
    assert migrations.is_current(empty)
    migrations.upgrade(empty)  # twice is once
    with empty.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    for name, table in metadata.tables.items():
        extra = {f"ck_{name}_{column.name}_" for column in table.columns if column.foreign_keys}
        missing, more = checks(db, name) - checks(empty, name), checks(empty, name) - checks(db, name)
        # A migration names the type of a foreign key, the model takes it from the key that it refers to.
        assert not missing, name
        assert {check for check, _ in more if not check.startswith(tuple(extra))} == set(), name


def checks(database: Database, table: str) -> set[tuple[str, str]]:
    found = sa.inspect(database.engine).get_check_constraints(table)
    return {(str(check["name"]), str(check["sqltext"])) for check in found}
