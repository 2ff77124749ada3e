"""One running house for many tests, on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.house import House, open_house
from tests.functional.people import Merchant
from tests.support.postgres import postgres_url, server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('database') / 'loyalty.db'}"
    else:
        url = postgres_url()
        yield url
        server().drop_database(url)


@pytest.fixture(scope="session")
def house(empty_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running house. Tests leave it as they found it, but for merchants, campaigns and wallets of their own."""
    with open_house(tmp_path_factory.mktemp("house"), empty_database_url) as house:
        yield house


@pytest.fixture
def merchant(house: House) -> Merchant:
    """A merchant of its own for each test."""
    return Merchant.join(house)
