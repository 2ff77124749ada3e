"""A running fleet on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.storm.fleet import Fleet, open_fleet
from tests.support.postgres import postgres_url, server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    url = f"sqlite:///{folder / 'loyalty.db'}" if request.param == "sqlite" else postgres_url()
    with open_fleet(folder, url) as running:
        yield running
    if request.param == "postgresql":
        server().drop_database(url)
