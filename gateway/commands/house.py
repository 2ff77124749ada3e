"""A whole house on this machine, in one directory: local chain, deployment, secrets, database, gateway, worker."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from gateway import migrations
from gateway.chain import keystore, local
from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.errors import ChainError
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.client import Client
from gateway.commands.chain_state import keep_one_genesis
from gateway.commands.console import CommandError
from gateway.commands.processes import Child, anvil_command, port_is_free
from gateway.commands.state import State, write_private
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope

HOST = "127.0.0.1"


class House:
    """Starts and stops everything. `tuning` are settings (`LOYALTY_…`) for gateway and worker beyond the usual."""

    def __init__(
        self,
        state: State,
        port: int,
        rpc_port: int,
        tuning: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.state, self.port, self.rpc_port = state, port, rpc_port
        self.tuning, self.say = dict(tuning or {}), say
        self.url, self.rpc_url = f"http://{HOST}:{port}", f"http://{HOST}:{rpc_port}"
        self.children: list[Child] = []

    def start(self) -> None:
        """Brings everything up, or stops what was started and raises CommandError."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """As `start`, but does not wait for the gateway; the chain is there when this returns."""
        for name, port in (("gateway", self.port), ("chain", self.rpc_port)):
            if not port_is_free(port):
                option = "--port" if name == "gateway" else "--rpc-port"
                raise CommandError(
                    f"port {port} for the {name} is in use", f"loyalty up {option} {port + 1}", "port-in-use"
                )
        self.state.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._start_chain()
            self._prepare()
            self.start_gateway()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Waits until gateway and worker are ready."""
        try:
            gateway, worker = self.children[1:]
            with Client(self.url) as client:
                gateway.wait_until(lambda: client.ready()[0] and worker.running)
        except BaseException:
            self.stop()
            raise
        self.say(f"gateway at {self.url}")

    def stop(self) -> None:
        """Stops the children in reverse order; the chain last, saving itself."""
        for child in reversed(self.children):
            child.stop()
        self.children.clear()

    def dead(self) -> Child | None:
        """A child that ended by itself."""
        return next((child for child in self.children if not child.running), None)

    def environment(self) -> dict[str, str]:
        """The settings of gateway and worker."""
        return {
            "LOYALTY_ENVIRONMENT": "local",
            "LOYALTY_DATABASE_URL": os.environ.get("LOYALTY_DATABASE_URL") or f"sqlite:///{self.state.database}",
            "LOYALTY_RPC_URL": self.rpc_url,
            "LOYALTY_DEPLOYMENT_FILE": str(self.state.deployment),
            "LOYALTY_MASTER_SECRET": self.state.secret(self.state.master).hex(),
            "LOYALTY_RELAYER_KEYSTORE": str(self.state.relayer),
            "LOYALTY_RELAYER_PASSWORD": self.state.secret(self.state.relayer_password).hex(),
            "LOYALTY_CONFIRMATIONS": "1",
            "LOYALTY_MIN_WALLETS": "1",
            "LOYALTY_MIN_WINDOW": "0",
            "LOYALTY_WEBHOOKS_PRIVATE": "true",
            **self.tuning,
        }

    # ------------------------------------------------------------------ steps

    def _start_chain(self) -> None:
        self.state.chain.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep_one_genesis(self.state.chain)
        command = anvil_command(self.rpc_port, self.state.chain)
        chain = Child("the local chain", command, self.state.logs / "chain.log")
        self.children.append(chain)
        with closing(Rpc(self.rpc_url)) as rpc:
            chain.wait_until(lambda: _answers(rpc))
            deployment = self._deployment(rpc)
        self.say(f"local chain {deployment.chain_id} at {self.rpc_url}")

    def _deployment(self, rpc: Rpc) -> Deployment:
        if self.state.deployment.exists():
            try:
                deployment = Deployment.load(self.state.deployment)
                deployment.verify(rpc)
            except WrongDeployment as error:
                raise CommandError(
                    f"the chain's state does not fit its deployment ({error})", "loyalty up --fresh", "wrong-deployment"
                ) from None
            return deployment
        if self.state.database.exists():  # it is of contracts whose addresses only that file knew
            missing = f"{self.state.deployment} is gone, and the database needs it: put it back, or begin anew"
            raise CommandError(missing, "loyalty up --fresh", "wrong-deployment")
        self.say("deploying the contracts")
        # A key for this alone: the contracts know no deployer.
        key = secrets.token_bytes(32)
        local.fund_gas(rpc, address_of(key))
        deployment = local.deploy(rpc, key)
        deployment.save(self.state.deployment)
        return deployment

    def _prepare(self) -> None:
        if not self.state.relayer.exists():
            self.state.relayer.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            keystore.create(self.state.relayer, self.state.secret(self.state.relayer_password).hex())
        with closing(Rpc(self.rpc_url)) as rpc:
            for address in keystore.addresses(self.state.relayer):
                local.fund_gas(rpc, address)
        database = Database(self.environment()["LOYALTY_DATABASE_URL"])
        try:
            migrations.upgrade(database)
            if not self.state.operator_key.exists():
                with database.begin() as session:
                    token = ApiKeys().issue(session, None, Scope.ADMIN, Clock().now()).token
                write_private(self.state.operator_key, token.encode())
        finally:
            database.dispose()
        house = {"gateway": self.url, "rpc": self.rpc_url}
        write_private(self.state.house, json.dumps(house).encode())

    def start_gateway(self) -> None:
        """Starts gateway and worker; see `wait`."""
        environment = self.environment()
        server = [sys.executable, "-m", "uvicorn", "--factory", "gateway.app:create", "--host", HOST]
        # No access log: it would keep addresses.
        # What a child is given to stop in is twenty seconds (see Child.stop).
        server += ["--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        server += ["--timeout-graceful-shutdown", "15"]
        self.children.append(Child("the gateway", server, self.state.logs / "gateway.log", environment))
        worker = [sys.executable, "-m", "gateway.worker"]
        self.children.append(Child("the worker", worker, self.state.logs / "worker.log", environment))


@contextmanager
def only_one(state: State) -> Iterator[None]:
    """Refuses a second house in the same directory."""
    state.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError(
                f"another `loyalty up` uses {state.root}", "loyalty up --state OTHER --port 8001 --rpc-port 8546"
            ) from None
        yield


def set_aside(state: State) -> Path | None:
    """Moves chain, deployment, database and what hangs on them out of the way; keys of people stay where they are."""
    parts = [
        state.chain.parent,
        state.deployment,
        *state.root.glob("gateway.db*"),
        state.operator_key,
        state.relayer,
        state.logs,
        *(state.root / "merchants" / f"{record.name}.json" for record in state.merchants()),
    ]
    present = [part for part in parts if part.exists()]
    if not present:
        return None
    aside = state.root / f"old-{time.strftime('%Y%m%d-%H%M%S')}"
    for part in present:
        target = aside / part.relative_to(state.root)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.rename(target)
    return aside


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turns SIGTERM into the same orderly end as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _answers(rpc: Rpc) -> bool:
    try:
        return rpc.call("eth_chainId") is not None
    except ChainError:
        return False
