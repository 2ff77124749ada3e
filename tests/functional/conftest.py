"""One running house on each database, shared by many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.functional.house import House, open_house
from tests.functional.people import Merchant
from tests.support.postgres import postgres_url

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="package")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], House]]:
    """Opens a house when it is first asked for, and keeps it.

    After all tests its books must agree with the chain to the hundredth, and its logs tell of no mistake.
    """
    opened: dict[str, House] = {}
    with ExitStack() as stack:

        def get(database: str) -> House:
            if database not in opened:
                folder = tmp_path_factory.mktemp("house")
                url = f"sqlite:///{folder / 'loyalty.db'}" if database == "sqlite" else postgres_url()
                opened[database] = stack.enter_context(open_house(folder, url))
            return opened[database]

        yield get
        for house in opened.values():
            report = house.audit()
            assert report.ok, report.differences
            assert report.solvent
            assert not house.faults(), "\n".join(house.faults()[:20])


@pytest.fixture(scope="package", params=DATABASES)
def house(request: pytest.FixtureRequest, houses: Callable[[str], House]) -> House:
    """A running house. Tests leave it as they found it, but for merchants, campaigns and wallets of their own."""
    return houses(request.param)


@pytest.fixture
def merchant(house: House) -> Merchant:
    """A merchant of its own for each test."""
    return Merchant.join(house)
