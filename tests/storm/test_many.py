"""Several gateways, workers and keys at once on PostgreSQL: no batch twice, no key idle, and who dies is relieved."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.core.db import Database
from gateway.loyalty.earning.models import Batch, BatchState
from tests.functional.house import done
from tests.functional.people import Holder, Merchant
from tests.storm.fleet import Fleet, open_fleet
from tests.support.postgres import postgres_url, server
from tests.support.processes import free_port
from tests.support.waiting import PATIENCE, in_time

KEYS = 3
CAP = 10_000_000


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    url = postgres_url()
    with open_fleet(tmp_path, url, keys=KEYS) as running:
        yield running
    server().drop_database(url)


def campaigns(fleet: Fleet, merchant: Merchant, count: int) -> list[int]:
    made = [merchant.campaign() for _ in range(count)]
    for campaign in made:
        fleet.let_all(merchant, campaign, CAP)
    return made


def senders(database: Database) -> Counter[bytes | None]:
    with database.read() as session:
        return Counter(session.scalars(sa.select(ChainTx.sender).where(ChainTx.purpose == Purpose.AWARD)))


def test_many_of_everything(fleet: Fleet) -> None:
    database = Database(fleet.database_url)
    merchant = fleet.join()
    numbers = campaigns(fleet, merchant, 3)
    for name in ("second", "third"):
        fleet.work(f"{name} worker")
    port = free_port()
    fleet.serve("second gateway", port)
    gateways = [fleet.url, f"http://127.0.0.1:{port}"]

    # While a key waits for a block, what comes next goes to one that does not.
    holders = [Holder.fresh(fleet) for _ in range(12)]
    with fleet.stillness():
        for turn, number in enumerate(numbers):
            done(merchant.report(merchant.purchase(number, 100, wallet=holders[turn].name)), 202)
            fleet.until_pooled(turn + 1)
    assert set(senders(database)) == set(fleet.relayers)

    # Every report twice at the same time, once at each gateway: accepted once.

    def report(turn: int) -> None:
        holder = holders[turn % len(holders)]
        body = merchant.purchase(numbers[turn % 3], 100, wallet=holder.name)
        with ThreadPoolExecutor(2) as both:
            answers = list(
                both.map(
                    lambda at: fleet.call("POST", "/actions", body, merchant.token, once=f"r-{turn}", at=at), gateways
                )
            )
        again = [done(answer, 202)["id"] for answer in answers if answer.status_code != 503]
        assert len(set(again)) == 1

    with ThreadPoolExecutor(4) as tills:
        list(tills.map(report, range(72)))

    # A worker dies with signed transactions that nobody has seen; another sends them within seconds.
    expected = Counter({holder.address: 600 for holder in holders})
    expected.update({holder.address: 100 for holder in holders[:KEYS]})

    def sell() -> None:
        done(merchant.report(merchant.purchase(numbers[0], 100, wallet=holders[0].name)), 202)
        expected[holders[0].address] += 100

    in_time(lambda seconds: _relieve(fleet, database, sell, seconds), 10, 10, 10)
    relief = fleet.forks["second worker"]
    fleet.work("third worker")
    fleet.until(lambda: all(fleet.balance(a) == points for a, points in expected.items()), "all have landed")
    assert relief.poll() is None

    with database.read() as session:
        assert set(session.scalars(sa.select(Batch.state))) == {BatchState.LANDED}
        sent = Counter(session.scalars(sa.select(ChainTx.ref).where(ChainTx.purpose == Purpose.AWARD)))
    assert set(sent.values()) == {1}
    report_ = fleet.audit()
    assert report_.ok, report_.differences
    assert not fleet.faults(), "\n".join(fleet.faults()[:20])
    database.dispose()


def _relieve(fleet: Fleet, database: Database, sell: Callable[[], None], seconds: float) -> None:
    """A worker dies of what is sold, and the one after it is done with it in so many seconds."""
    for name in ("worker", "second worker", "third worker"):
        fleet.forks[name].end()
    dying = fleet.work(crash_at="saved.award")
    sell()
    assert dying.wait(PATIENCE) == -signal.SIGKILL
    began = time.monotonic()
    fleet.work("second worker")
    fleet.until(lambda: not _unmined(database), "others send what it signed")
    assert time.monotonic() - began < seconds


def _unmined(database: Database) -> int:
    with database.read() as session:
        query = sa.select(sa.func.count()).select_from(ChainTx).where(ChainTx.state == TxState.SIGNED)
        return session.scalar(query) or 0
