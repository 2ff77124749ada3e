"""Fixtures of every test outside tests/contracts."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.secrets import Secrets
from gateway.models import metadata
from tests.support.anvil import Anvil, anvil
from tests.support.clocks import StoppedClock
from tests.support.plans import Watch
from tests.support.postgres import empty, postgres_url


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the work (`--dist loadgroup`), a module's tests stay together, and all tests in the
    running house of one database do: they share what is dear to build. A module with a fleet is one part a database."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        callspec = getattr(item, "callspec", None)
        params = callspec.params if callspec else {}
        file = item.nodeid.partition("::")[0]
        house, fleet = params.get("house"), params.get("fleet")
        group = f"house on {house}" if house else f"{file} on {fleet}" if fleet else file
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    """What was imported stays until the end: a collector that does not walk over it again and again spares a fourth of
    the tests' CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def postgres_with_schema() -> str:
    """URL of a PostgreSQL database with the schema; a test that has used it empties it."""
    url = postgres_url()
    _create_schema(url)
    return url


@pytest.fixture(scope="session")
def sqlite_with_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema, to copy."""
    file = tmp_path_factory.mktemp("schema") / "loyalty.db"
    _create_schema(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database with the schema, of each kind in turn."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("sqlite_with_schema"), tmp_path / "loyalty.db")
        yield f"sqlite:///{file}"
    else:
        url = request.getfixturevalue("postgres_with_schema")
        yield url
        empty(url)


def _create_schema(url: str) -> None:
    database = Database(url)
    metadata.create_all(database.engine)
    database.dispose()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A fresh database with the schema."""
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> Clock:
    """The time at which the test began, until it turns `clock.offset`."""
    return StoppedClock()


@pytest.fixture
def jobs(clock: Clock) -> Jobs:
    """Jobs whose registry a test fills as it needs."""
    return Jobs(clock)


@pytest.fixture
def secrets() -> Secrets:
    """Secrets with a fixed test key."""
    return Secrets(b"test master secret, 32 bytes or more")


@pytest.fixture
def node() -> Iterator[Anvil]:
    """A fresh anvil that mines each transaction at once."""
    with anvil() as running:
        yield running


@pytest.fixture(scope="session")
def statements() -> Iterator[Watch]:
    watch = Watch()
    with watch.listening():
        yield watch


@pytest.fixture(autouse=True)
def nothing_that_grows_is_read_from_end_to_end(statements: Watch) -> Iterator[None]:
    """A till's millionth purchase must cost what its first did."""
    yield
    statements.check()
