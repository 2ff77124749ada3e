"""A house whose processes die and come back in a moment, any number of each."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from eth_account import Account

from gateway.chain import calls, local
from gateway.chain.signatures import address_of
from gateway.commands.merchant import set_delegate
from tests.functional.house import FLAGS, PASSWORD, House
from tests.functional.people import Merchant
from tests.support import forks
from tests.support.anvil import CHAIN_ID, Anvil, anvil
from tests.support.forks import Fork


class Fleet(House):
    """As House, but every process is forked, and the relayer has `keys` keys. Settings given to one process
    (`LOYALTY_…` in lower case without the prefix) are for that one alone."""

    pulse = 0.1

    def __init__(
        self,
        folder: Path,
        database_url: str,
        node: Anvil,
        tuning: Mapping[str, str] | None = None,
        keys: int = 1,
    ) -> None:
        few_order_much = {"LOYALTY_MAX_ORDERS": "1000000", "LOYALTY_MAX_SHARED_ORDERS": "1000000"}
        more = few_order_much | dict(tuning or {})
        more["LOYALTY_RELAYER_KEYSTORE"] = str(folder / "keys")
        super().__init__(folder, database_url, node, more)
        self.forks: dict[str, Fork] = {}
        (folder / "keys").mkdir()
        (folder / "relayer.json").rename(folder / "keys" / "0.json")
        self.relayers = [self.relayer, *(self._make_key(number) for number in range(1, keys))]

    def _make_key(self, number: int) -> bytes:
        key = secrets.token_bytes(32)
        content = Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=1)
        (self.folder / "keys" / f"{number}.json").write_text(json.dumps(content))
        local.fund_gas(self.rpc, address_of(key))
        return address_of(key)

    def join(self) -> Merchant:
        """A merchant that lets every key of the gateway execute its redemptions."""
        merchant = Merchant.join(self)
        for key in self.relayers[1:]:
            set_delegate(self.chain, merchant.own, key, True)
        return merchant

    def let_all(self, merchant: Merchant, campaign: int, daily_cap: int) -> None:
        """The owner lets every key award so much a day; waits until the gateway knows."""
        for key in self.relayers:
            merchant.own.hub("authorised", calls.set_operator(campaign, key, daily_cap))
        total = len(self.relayers) * daily_cap
        self.until(lambda: merchant.client.campaign(campaign)["daily_cap"] == total, "the gateway knows all caps")

    # ----------------------------------------------------------------- running

    def start(self) -> None:
        self.beat()
        self.work()
        self.serve()
        self.until(lambda: self.http.get("/ready").json()["parts"]["indexer"]["ok"], "the worker indexes")

    def work(self, name: str = "worker", **settings: str) -> Fork:
        """Starts a worker; does not wait for it."""
        return self.fork(name, forks.worker, settings)

    def serve(self, name: str = "gateway", port: int | None = None, **settings: str) -> Fork:
        """Starts an HTTP process, at the house's port unless told otherwise, and waits until it answers."""
        port = port or self.port
        process = self.fork(name, forks.gateway, settings, FORK_PORT=str(port))
        self.until(lambda: process.poll() is not None or answers(port), f"{name} answers")
        assert process.poll() is None, self.tails()
        return process

    def fork(self, name: str, run: Callable[[], None], settings: Mapping[str, str], **more: str) -> Fork:
        """Starts a process with `settings` of its own; `more`: its environment as it is. Does not wait for it."""
        assert name not in self.forks or self.forks[name].poll() is not None, f"{name} runs already"
        self.logs.setdefault(name, self.folder / f"{name}.log")
        own = {f"LOYALTY_{key.upper()}": value for key, value in settings.items()}
        self.forks[name] = Fork(run, self.logs[name], self._env() | own | more)
        return self.forks[name]

    def close(self) -> None:
        for process in self.forks.values():
            process.kill()
        super().close()


def answers(port: int) -> bool:
    """Whether a gateway of this machine answers there."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def open_fleet(
    folder: Path, database_url: str, tuning: Mapping[str, str] | None = None, keys: int = 1
) -> Iterator[Fleet]:
    """A fleet on a chain of its own, running: one gateway, one worker."""
    with anvil(*FLAGS, chain_id=CHAIN_ID) as node:
        fleet = Fleet(folder, database_url, node, tuning, keys)
        try:
            fleet.start()
            yield fleet
        finally:
            fleet.close()
