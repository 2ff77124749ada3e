"""The whole house as it really runs: anvil, the HTTP process and the worker, each a process of its own, on a database.

Nothing is faked: tests talk HTTP to the gateway and JSON-RPC to the node. Many tests may share one house; each has
merchants, campaigns and wallets of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account

from gateway import migrations
from gateway.chain import calls, local
from gateway.chain.hexes import to_hex
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.chain.typed_data import Domains
from gateway.client import Client
from gateway.commands.audit import AuditReport, run_audit
from gateway.commands.chain import Chain, Own
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from tests.support import processes, waiting
from tests.support.anvil import CHAIN_ID, Anvil, anvil
from tests.support.heart import Heart

PASSWORD = "the tests' keystore"
FLAGS = ("--enable-tx-gas-limit",)


class House:
    """One gateway and one worker on one database and one chain.

    `pulse`: seconds between blocks, beside those that anvil makes for each transaction at once. `tuning`: settings
    (`LOYALTY_…`) beyond the usual; `headers` go with every request.
    """

    pulse = 0.25

    def __init__(
        self,
        folder: Path,
        database_url: str,
        node: Anvil,
        tuning: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.database_url, self.node = folder, database_url, node
        self.tuning, self.headers = dict(tuning or {}), dict(headers or {})
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.logs = {name: folder / f"{name}.log" for name in ("gateway", "worker")}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.http = httpx.Client(base_url=self.url, timeout=60, transport=_Dressed(self.headers))
        self._clients: dict[str | None, Client] = {}
        self._numbers = itertools.count(1)

        self.rpc = Rpc(node.url, timeout=60)
        self.heart = Heart(node.url, self.pulse)
        self.bank_key = secrets.token_bytes(32)
        local.fund_gas(self.rpc, address_of(self.bank_key))
        self.deployment = local.deploy(self.rpc, self.bank_key)
        self.deployment.save(folder / "deployment.json")
        self.chain = Chain(self.rpc, self.deployment)
        self.relayer = self._make_relayer()
        self.token = self._prepare_database()

    # ------------------------------------------------------------------ making

    def _make_relayer(self) -> bytes:
        key = secrets.token_bytes(32)
        # One round of the key derivation instead of a quarter of a million: these keys are worth nothing.
        content = Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=1)
        (self.folder / "relayer.json").write_text(json.dumps(content))
        local.fund_gas(self.rpc, address_of(key))
        return address_of(key)

    def _prepare_database(self) -> str:
        """The schema as migrations make it, and the operator's first key."""
        database = Database(self.database_url)
        try:
            migrations.upgrade(database)
            with database.begin() as session:
                return ApiKeys().issue(session, None, Scope.ADMIN, Clock().now()).token
        finally:
            database.dispose()

    def environment(self) -> dict[str, str]:
        """The settings of gateway and worker."""
        return {
            "LOYALTY_ENVIRONMENT": "local",
            "LOYALTY_DATABASE_URL": self.database_url,
            "LOYALTY_RPC_URL": self.node.url,
            "LOYALTY_DEPLOYMENT_FILE": str(self.folder / "deployment.json"),
            "LOYALTY_MASTER_SECRET": "5e" * 32,
            "LOYALTY_RELAYER_KEYSTORE": str(self.folder / "relayer.json"),
            "LOYALTY_RELAYER_PASSWORD": PASSWORD,
            "LOYALTY_CONFIRMATIONS": "1",
            "LOYALTY_STUCK_AFTER": "2",
            "LOYALTY_MIN_WALLETS": "1",
            "LOYALTY_MIN_WINDOW": "0",
            "LOYALTY_STATISTICS_QUIET": "2",
            "LOYALTY_WEBHOOKS_PRIVATE": "true",
            **self.tuning,
        }

    # ----------------------------------------------------------------- running

    def beat(self) -> None:
        """From now on blocks are made."""
        self.heart.beat()

    @contextmanager
    def stillness(self) -> Iterator[None]:
        """No block is made meanwhile; in the first one afterwards the transactions stand by what they pay."""
        self.heart.hush()
        self.rpc.call("evm_setAutomine", False)
        try:
            yield
        finally:
            self.rpc.call("evm_mine")
            self.rpc.call("evm_setAutomine", True)
            self.heart.beat()

    def until_pooled(self, count: int) -> None:
        """In stillness: waits until so many transactions wait for a block."""
        self.until(lambda: int(self.rpc.call("txpool_status")["pending"], 16) >= count, f"{count} transactions")

    def start(self) -> None:
        """Starts both processes and waits until the gateway answers and the worker has indexed something."""
        self.beat()
        self.start_worker()
        self.start_gateway()
        self.until(lambda: self.http.get("/ready").json()["parts"]["indexer"]["ok"], "the worker indexes")

    def start_gateway(self) -> None:
        """Starts the HTTP process as an operator would, and waits until it answers."""
        process = self._start("gateway", gateway_command(self.port))
        processes.wait_until(self._answers, process, self.logs["gateway"])

    def start_worker(self) -> None:
        """Starts the worker; it does not wait for it."""
        self._start("worker", WORKER)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        self.running[name] = processes.start(command, log=self.logs[name], env=self._env())
        return self.running[name]

    def _env(self) -> dict[str, str]:
        return self.environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}

    @contextmanager
    def another_gateway(self, settings: Mapping[str, str]) -> Iterator[str]:
        """The URL of one more gateway with these settings instead, as long as the block runs."""
        port, log = processes.free_port(), self.folder / "another.log"
        process = processes.start(gateway_command(port), log=log, env=self._env() | dict(settings))
        url = f"http://127.0.0.1:{port}"
        try:
            processes.wait_until(lambda: self._answers(url), process, log)
            yield url
        finally:
            processes.stop(process)

    def try_gateway(self, settings: Mapping[str, str]) -> tuple[int | None, str]:
        """(exit code, output) of another gateway with these settings instead; None when it goes on running."""
        return self._try(gateway_command(processes.free_port()), settings)

    def try_worker(self, settings: Mapping[str, str]) -> tuple[int | None, str]:
        """As `try_gateway`, of another worker."""
        return self._try(WORKER, settings)

    def _try(self, command: list[str], settings: Mapping[str, str]) -> tuple[int | None, str]:
        try:
            ended = subprocess.run(
                command,
                env={**os.environ, **self._env(), **settings},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=waiting.PATIENCE,
                text=True,
            )
        except subprocess.TimeoutExpired as error:
            return None, str(error.stdout)
        return ended.returncode, ended.stdout

    def stop(self, *names: str) -> None:
        """Asks processes to end (default: all) and waits."""
        for name in names or tuple(self.running):
            processes.stop(self.running.pop(name))

    def _answers(self, url: str = "") -> bool:
        try:
            return self.http.get(f"{url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Ends everything of this house."""
        self.stop()
        self.heart.end()
        self.http.close()
        for client in self._clients.values():
            client.close()
        self.rpc.close()

    # ------------------------------------------------------------------- asking

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Waits for `condition` to be true and returns what it gave; AssertionError with the logs' ends."""
        try:
            return waiting.until(condition, what, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tails()}") from error

    def tails(self) -> str:
        """The ends of both logs."""
        return "\n".join(
            f"--- {name}\n{path.read_text(errors='replace')[-3000:]}"
            for name, path in self.logs.items()
            if path.exists()
        )

    def faults(self) -> list[str]:
        """Lines of both logs that tell of a mistake of ours."""
        wrong = ('"level": "error"', "wheel.failed", "job.failed", "jobs.bulk_failed", "request.failed", "Traceback")
        lines = [line for path in self.logs.values() for line in path.read_text(errors="replace").splitlines()]
        ours = [line for line in lines if any(sign in line for sign in wrong)]
        return [line for line in ours if "relayer.out_of_gas" not in line]

    def audit(self) -> AuditReport:
        """The books rebuilt from the chain, compared with contracts and database."""
        database = Database(self.database_url)
        try:
            return run_audit(database, self.rpc, self.deployment)
        finally:
            database.dispose()

    def client(self, key: str | None = None) -> Client:
        """The project's own client of this gateway, kept for each API key."""
        if key not in self._clients:
            self._clients[key] = Client(self.url, key, transport=_Dressed(self.headers))
        return self._clients[key]

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **more: Any) -> httpx.Response:
        """One raw request below /v1; `at`: the URL of another gateway of this house. With the API key `key` goes a
        fresh Idempotency-Key unless `once` is given."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        once = more.pop("once", None)
        if once is not None or key is not None:
            headers["Idempotency-Key"] = once or f"test-{next(self._numbers)}-{secrets.token_hex(4)}"
        if body is not None:
            more["json"] = body
        return self.http.request(method, f"{more.pop('at', '')}/v1{path}", headers=headers, **more)

    @property
    def domains(self) -> Domains:
        return self.deployment.domains

    # -------------------------------------------------------------------- bank

    @property
    def bank(self) -> Own:
        """An account with gas that has nothing to do with the gateway: mints the mock asset, gives points away."""
        return self.chain.own(self.bank_key)

    def give_asset(self, address: bytes, units: int) -> None:
        """Mock asset for nothing."""
        self.bank.do("asset minted", self.deployment.asset, calls.mint(address, units))

    def give_points(self, address: bytes, points: int) -> None:
        """Points from outside the gateway. Waits until the gateway's ledger has them."""
        before = self.balance(address)
        self.mint_points(address, points)
        self.until(lambda: self.balance(address) == before + points, "the ledger sees minted points")

    def mint_points(self, address: bytes, points: int) -> None:
        """Anyone who pays may mint."""
        asset, token = self.deployment.asset, self.deployment.token
        bank = self.bank
        bank.do("asset minted", asset, calls.mint(bank.address, points * self.deployment.par))
        bank.do("asset approved", asset, calls.approve(token))
        bank.token("points minted", calls.mint(address, points))

    def balance(self, address: bytes) -> int:
        """A wallet's points as the gateway shows them."""
        return int(self.wallet(address)["balance"])

    def wallet(self, address: bytes) -> dict[str, Any]:
        """`GET /v1/wallets/{address}`."""
        answer = self.http.get(f"/v1/wallets/{to_hex(address)}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def account(self, address: bytes, campaign: int) -> dict[str, Any]:
        """A wallet's account in a campaign as the gateway shows it, all zero where there is none."""
        empty = {"campaign": campaign, "matured": 0, "pending": 0, "next_maturity": None, "stay": False, "nonce": 0}
        accounts = self.wallet(address)["accounts"]
        return next((account for account in accounts if account["campaign"] == campaign), empty)


class _Dressed(httpx.HTTPTransport):
    """Puts headers on every request. Each has a connection of its own: uvicorn closes one that has been idle for five
    seconds, perhaps while the next request is on its way."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(limits=httpx.Limits(max_keepalive_connections=0))
        self._headers = headers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(self._headers)
        return super().handle_request(request)


WORKER = [sys.executable, "-m", "gateway.worker"]


def gateway_command(port: int) -> list[str]:
    # As README.md says and no quieter: what it logs is the gateway's own affair.
    return [sys.executable, "-m", "uvicorn", "--factory", "gateway.app:create", "--port", str(port)]


@contextmanager
def open_house(
    folder: Path,
    database_url: str,
    tuning: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """A house on a chain of its own, running."""
    with anvil(*FLAGS, chain_id=CHAIN_ID) as node:
        house = House(folder, database_url, node, tuning, headers)
        try:
            house.start()
            yield house
        finally:
            house.close()


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Asserts a problem+json with this code and, where given, this field; the problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem["status"] == status
    assert problem["type"] == f"urn:loyalty:problem:{code}"
    if field is not None:
        assert problem.get("field") == field, answer.text
    return problem


def done(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """Asserts success with this status; the document."""
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document
