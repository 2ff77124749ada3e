"""A house whose processes die and come back in a moment, any number of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.functional.house import FLAGS, House
from tests.support import forks
from tests.support.anvil import CHAIN_ID, Anvil, anvil
from tests.support.forks import Fork


class Fleet(House):
    """As House, but every process is forked. Settings given to one process (`LOYALTY_…` in lower case without the
    prefix) are for that one alone."""

    pulse = 0.1

    def __init__(self, folder: Path, database_url: str, node: Anvil, tuning: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, database_url, node, tuning)
        self.forks: dict[str, Fork] = {}

    def start(self) -> None:
        self.beat()
        self.work()
        self.serve()
        self.until(lambda: self.http.get("/ready").json()["parts"]["indexer"]["ok"], "the worker indexes")

    def work(self, name: str = "worker", **settings: str) -> Fork:
        """Starts a worker; does not wait for it."""
        return self._fork(name, forks.worker, settings)

    def serve(self, name: str = "gateway", port: int | None = None, **settings: str) -> Fork:
        """Starts an HTTP process, at the house's port unless told otherwise, and waits until it answers."""
        port = port or self.port
        process = self._fork(name, forks.gateway, settings, FORK_PORT=str(port))
        self.until(lambda: process.poll() is not None or _answers(port), f"{name} answers")
        assert process.poll() is None, self.tails()
        return process

    def _fork(self, name: str, run: Callable[[], None], settings: Mapping[str, str], **more: str) -> Fork:
        assert name not in self.forks or self.forks[name].poll() is not None, f"{name} runs already"
        self.logs.setdefault(name, self.folder / f"{name}.log")
        own = {f"LOYALTY_{key.upper()}": value for key, value in settings.items()}
        self.forks[name] = Fork(run, self.logs[name], self._env() | own | more)
        return self.forks[name]

    def close(self) -> None:
        for process in self.forks.values():
            process.kill()
        super().close()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def open_fleet(folder: Path, database_url: str, tuning: Mapping[str, str] | None = None) -> Iterator[Fleet]:
    """A fleet on a chain of its own, running: one gateway, one worker."""
    with anvil(*FLAGS, chain_id=CHAIN_ID) as node:
        fleet = Fleet(folder, database_url, node, tuning)
        try:
            fleet.start()
            yield fleet
        finally:
            fleet.close()
