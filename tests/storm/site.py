"""Where storms blow: a town, and all that may go wrong with what it stands on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.storm.book import Book
from tests.storm.fleet import Fleet
from tests.storm.hooks import Hooks
from tests.storm.mistakes import Mistakes
from tests.storm.node import Node
from tests.storm.own import Purse
from tests.storm.plan import GATEWAYS, KEYS
from tests.storm.proxy import FaultProxy
from tests.storm.quota import Quota
from tests.storm.town import VISIT, Town, settle_down
from tests.support.processes import free_port

#: Seconds between blocks.
BLOCK = 0.3
#: Seconds after which the gateway looks whether an order is dead; half a minute would be half of the storm.
LOOK_EVERY = "6"


@dataclass
class Site:
    """Storms may follow each other there; the book goes on."""

    town: Town
    node: Node
    proxy: FaultProxy
    quota: Quota
    ports: list[int]
    book: Book
    hooks: Hooks
    purses: list[Purse]
    mistakes: Mistakes = field(default_factory=Mistakes)


@contextmanager
def site(folder: Path, database_url: str) -> Iterator[Site]:
    """A town with a node of its own, before any storm."""
    node = Node(folder)
    proxy = FaultProxy(node.anvil.url)
    proxy.start()
    hooks = Hooks()
    tuning = {"LOYALTY_RPC_URL": proxy.url, "LOYALTY_CONFIRMATIONS": "2", "FORK_LOOK_EVERY": LOOK_EVERY}
    fleet = Fleet(folder, database_url, node.anvil, tuning, KEYS)
    fleet.heart.pulse = BLOCK
    try:
        fleet.start()
        town = settle_down(fleet, hooks.listen)
        purses = [Purse(fleet, holder) for holder in town.holders]
        for name in tuple(fleet.forks):
            fleet.forks.pop(name).kill()
        node.found()
        ports = [fleet.port, *(free_port() for _ in range(1, GATEWAYS))]
        book = Book()
        for holder in town.holders:
            book.award(town.badged, holder.address, VISIT)
        yield Site(town, node, proxy, Quota(database_url, folder / "full"), ports, book, hooks, purses)
    finally:
        fleet.close()
        hooks.close()
        proxy.stop()
        node.close()


def clear(folder: Path) -> None:
    """What a storm that went well leaves behind."""
    shutil.rmtree(folder, ignore_errors=True)
