"""`loyalty restored` and what `loyalty doctor` says of it, on a database that is behind its chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import migrations
from gateway.chain import keystore, local
from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.chain.relayer.queue import Queue
from gateway.chain.rpc import Rpc
from gateway.chain.sender import Sender
from gateway.chain.signatures import address_of
from gateway.cli import app
from gateway.client import Json
from gateway.commands.state import State
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.campaigns.models import Campaign
from tests.support.anvil import anvil
from tests.support.servers import answering


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A house whose key has sent one transaction of which the database knows nothing."""
    state = State(tmp_path)
    for name in [name for name in os.environ if name.startswith("LOYALTY_")]:
        monkeypatch.delenv(name)
    state.secret(state.master)
    password = state.secret(state.relayer_password).hex()
    address = keystore.create(state.relayer, password)
    database = Database(f"sqlite:///{state.database}")
    migrations.upgrade(database)
    database.dispose()
    with anvil() as node, closing(Rpc(node.url)) as rpc:
        monkeypatch.setenv("LOYALTY_RPC_URL", node.url)
        monkeypatch.setenv("LOYALTY_STATE", str(tmp_path))
        local.fund_gas(rpc, address)
        deployer = os.urandom(32)
        local.fund_gas(rpc, address_of(deployer))
        local.deploy(rpc, deployer).save(state.deployment)
        Sender(rpc, keystore.load(state.relayer, password), 31337).send(address, b"")
        yield state


def told(*words: str) -> tuple[int, Json]:
    result = CliRunner().invoke(app, [*words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_what_nobody_has_looked_into_yet_is_not_whole(state: State) -> None:
    code, found = told("restored")
    assert (code, found["whole"], found["behind_the_chain"]) == (1, False, True)


def test_without_a_node_the_database_alone_tells(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOYALTY_RPC_URL", "http://127.0.0.1:1")
    code, found = told("restored")
    assert (code, found["whole"], found["behind_the_chain"]) == (0, True, None)


def test_codes_are_trusted_from_the_command_line(state: State) -> None:
    """In a process of its own: in this one, other tests have loaded every room."""
    database = Database(f"sqlite:///{state.database}")
    times = dict.fromkeys(("starts_at", "refresh_at", "end", "settled_at", "settle_at", "created_at"), 1_800_000_000)
    terms = {"name": "Spring", "terms": "t", "terms_hash": bytes(32), "hold": 0, "closed": False, "bonus": 0}
    settling = {"settle_every": 0, "min_wallets": 1, "step": 1}
    with database.begin() as session:
        session.add(Merchant(id=1, name="Café", address=bytes(20), created_at=1_800_000_000))
        session.flush()
        session.add(Campaign(id=1, merchant_id=1, **times, **terms, **settling))
    command = "from gateway.cli import app; app()"
    words = [sys.executable, "-c", command, "restored", "--trust-codes", "1", "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    with database.read() as session:
        assert session.get_one(Campaign, 1).codes_trusted
    database.dispose()


def test_the_doctor_sees_it_too_and_asks_nothing_of_another_chain(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = told("doctor")
    checks = {check["name"]: check for check in found["checks"]}
    assert not checks["nothing forgotten"]["ok"]
    with anvil() as other:
        monkeypatch.setenv("LOYALTY_RPC_URL", other.url)
        _, found = told("doctor")
    checks = {check["name"]: check for check in found["checks"]}
    assert "LOYALTY_DEPLOYMENT_FILE" in checks["chain and contracts"]["detail"]
    assert checks["relayer, roles and clock"]["ok"] is None
    assert "clock" not in checks


def test_the_doctor_misses_a_key_that_was_taken_out_too_soon(state: State) -> None:
    database = Database(f"sqlite:///{state.database}")
    with database.begin() as session:
        to = Queue(Clock(), ()).enqueue(session, Purpose.AWARD, 1, bytes(20), b"\0" * 4)
        session.get_one(ChainTx, to).state = TxState.SIGNED
        session.get_one(ChainTx, to).sender = b"\x11" * 20
    database.dispose()
    _, found = told("doctor")
    (check,) = (check for check in found["checks"] if check["name"] == "relayer's keys")
    assert (check["ok"], check["detail"].split(":")[0]) == (False, "1 transactions wait for keys that are not here")


def test_the_doctor_says_that_a_server_is_no_node(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, "<html>Welcome</html>") as url:
        monkeypatch.setenv("LOYALTY_RPC_URL", f"{url}/an-access-key")
        _, found = told("doctor")
    (check,) = [check for check in found["checks"] if check["name"] == "chain and contracts"]
    assert not check["ok"]
    assert check["detail"].startswith("what answers at the node's URL is no Ethereum node")
    assert "LOYALTY_RPC_URL" in check["detail"]
    assert "an-access-key" not in str(found)


def test_the_doctor_names_the_mode_that_a_folder_of_keys_needs(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = state.root / "keys"
    folder.mkdir(mode=0o755)
    state.relayer.rename(folder / "1.json")
    monkeypatch.setenv("LOYALTY_MASTER_SECRET", "11" * 32)
    monkeypatch.setenv("LOYALTY_ENVIRONMENT", "local")
    monkeypatch.setenv("LOYALTY_RELAYER_KEYSTORE", str(folder))
    monkeypatch.setenv("LOYALTY_RELAYER_PASSWORD", "x")
    monkeypatch.setenv("LOYALTY_DEPLOYMENT_FILE", str(state.deployment))
    monkeypatch.setenv("LOYALTY_DATABASE_URL", f"sqlite:///{state.database}")
    _, found = told("doctor")
    assert found["checks"][0]["detail"].endswith("chmod 700")
