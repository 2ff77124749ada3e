"""The migrations build exactly the schema that the code declares, checks included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway import migrations
from gateway.core.db import Database
from gateway.core.jobs import Job
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.models import metadata
from tests.support.postgres import postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else postgres_url())
    yield database
    database.dispose()


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
        assert not missing, f"{name}: no migration makes it; autogenerate sees no checks (gateway/migrations/adding.py)"
        assert {check for check, _ in more if not check.startswith(tuple(extra))} == set(), name


def checks(database: Database, table: str) -> set[tuple[str, str]]:
    found = sa.inspect(database.engine).get_check_constraints(table)
    return {(str(check["name"]), str(check["sqltext"])) for check in found}


FACT = (
    "INSERT INTO stat_facts (merchant_id, week, tag, metric, value) VALUES (1, 20000, :tag, :metric, :value)",
    "SELECT tag, metric, value FROM stat_facts ORDER BY tag, metric",
    "SELECT tag, purchases, revenue, visits, claims FROM stat_facts ORDER BY tag",
)


def test_facts_of_the_running_week_are_kept(empty: Database) -> None:
    """0019 puts a wallet's facts into one row, and apart again on the way back."""
    insert, apart, together = map(sa.text, FACT)
    before = [(b"a" * 16, 1, 1), (b"a" * 16, 2, 3), (b"a" * 16, 3, 50_000), (b"b" * 16, 1, 1), (b"b" * 16, 5, 2)]
    config = migrations._config()
    with empty.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0018")
        merchant = (
            "INSERT INTO merchants (id, name, address, active, created_at) VALUES (1, 'm', :address, 1, 1800000000)"
        )
        connection.execute(sa.text(merchant), {"address": bytes(20)})
        connection.execute(insert, [dict(zip(("tag", "metric", "value"), fact, strict=True)) for fact in before])
        command.upgrade(config, "0019")
        assert connection.execute(together).all() == [(b"a" * 16, 3, 50_000, 0, 0), (b"b" * 16, 0, 0, 0, 2)]
        command.downgrade(config, "0018")
        assert connection.execute(apart).all() == before


def test_rules_go_on_with_the_number_after_the_newest(empty: Database) -> None:
    """0020 finds it for campaigns that are there."""
    migrations.upgrade(empty)
    times = dict.fromkeys(("starts_at", "refresh_at", "end", "settled_at", "settle_at", "created_at"), 1_800_000_000)
    terms = {"name": "C", "terms": "T", "terms_hash": bytes(32), "hold": 0, "closed": False, "bonus": 0}
    with empty.begin() as session:
        session.add(Merchant(id=1, name="m", address=bytes(20), active=True, created_at=1_800_000_000))
        for id in (1, 2):
            session.add(Campaign(id=id, merchant_id=1, settle_every=0, min_wallets=1, step=1, **terms, **times))
        for version in (1, 3):
            values = {"version": version, "valid_from": 1_800_000_000, "document": "{}", "created_at": 1_800_000_000}
            session.add(RuleVersion(campaign_id=2, **values))
    config = migrations._config()
    with empty.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0019")
        command.upgrade(config, "0020")
    with empty.read() as session:
        assert session.scalars(sa.select(Campaign.last_version).order_by(Campaign.id)).all() == [1, 3]


def test_numbers_are_given_once(empty: Database) -> None:
    """0021 declares it as the models do, there and back, with what is there."""
    migrations.upgrade(empty)
    config = migrations._config()
    job = {"kind": "one.job", "ref": 5, "count": 1, "run_at": 1_800_000_000, "attempts": 0}
    with empty.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0020")
        connection.execute(sa.insert(Job), [{"id": 3, **job}, {"id": 4, **job}])
        command.upgrade(config, "0021")
        assert connection.scalars(sa.select(Job.id).order_by(Job.id)).all() == [3, 4]
        counted = {name for name, table in metadata.tables.items() if table.dialect_options["sqlite"]["autoincrement"]}
        if empty.sqlite:
            told = sa.text("SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'")
            assert set(connection.scalars(told)) == counted
            connection.execute(sa.delete(Job))
            connection.execute(sa.insert(Job), [job])
            assert connection.scalars(sa.select(Job.id)).all() == [5]
