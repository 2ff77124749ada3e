"""What goes wrong outside the product is told in one line, with what to do, and never as a stack of calls."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.chain import keystore, local
from gateway.chain.deployment import Deployment
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.cli import app
from gateway.client import Json, core
from gateway.commands import chain
from gateway.commands.configured import find_settings
from gateway.commands.console import CommandError
from gateway.commands.state import PASSWORD_VARIABLE, State
from tests.support.anvil import Anvil, anvil
from tests.support.servers import answering


def refused(*words: object) -> tuple[Json, str]:
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert result.exit_code == 1, result.stdout
    assert "Traceback" not in result.stderr, result.stderr
    assert isinstance(result.exception, SystemExit), result.exception
    error: Json = json.loads(result.stdout)["error"]
    return error, result.stderr


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+psycopg://nobody@127.0.0.1:1/loyalty", "refused"),
        ("nonsense", "URL"),
        ("oracle9://x", "oracle9"),
        ("sqlite:////proc/none/loyalty.db", "unable to open"),
        (f"sqlite:///{__file__}", "not a database"),
    ],
)
def test_a_database_that_cannot_be_used(url: str, says: str) -> None:
    error, shown = refused("migrate", "--database", url)
    assert error["code"] == "database-failed"
    assert says in error["message"]
    assert "LOYALTY_DATABASE_URL" in shown


def test_a_directory_that_cannot_be_written() -> None:
    error, _ = refused("up", "--state", "/proc/none")
    assert error["code"] == "file-failed"
    assert error["message"].startswith("/proc/none: ")


def settle(state: State, node: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet, alice, and contracts on the node."""
    monkeypatch.setenv(PASSWORD_VARIABLE, "x")
    state.wallets.mkdir()
    keystore.create(state.keystore("wallets", "alice"), "x")
    with closing(Rpc(node.url)) as rpc:
        key = secrets.token_bytes(32)
        local.fund_gas(rpc, address_of(key))
        local.deploy(rpc, key).save(state.deployment)


def test_what_the_chain_refuses_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with anvil() as node:
        monkeypatch.setenv("LOYALTY_RPC_URL", node.url)
        settle(State(tmp_path), node, monkeypatch)
        error, shown = refused("wallet", "enter", "alice", 99, 1, "--direct", "--state", tmp_path)
    assert error == {"code": "UnknownCampaign", "message": "there is no such campaign on this chain"}
    assert "approved" not in shown


def test_a_server_that_is_no_node_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with anvil() as node:
        settle(State(tmp_path), node, monkeypatch)
    with answering(200, '{"hello": "world"}') as url:
        monkeypatch.setenv("LOYALTY_RPC_URL", f"{url}/an-access-key")
        error, shown = refused("wallet", "balance", "alice", "--direct", "--state", tmp_path)
    assert error["code"] == "not-a-node"
    assert error["message"].startswith("what answers at the node's URL is no Ethereum node")
    assert "LOYALTY_RPC_URL" in shown
    assert "an-access-key" not in shown


@pytest.mark.parametrize("deployed", [False, True])
def test_a_chain_that_cannot_be_used_leaves_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployed: bool
) -> None:
    closed: list[Rpc] = []

    class Watched(Rpc):
        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr(chain, "Rpc", Watched)
    monkeypatch.setenv("LOYALTY_RPC_URL", "http://127.0.0.1:9")
    if deployed:
        one = Deployment(1, bytes(32), bytes(20), bytes(20), bytes(20), 1, 0, bytes(32), bytes(32), "Points")
        one.save(State(tmp_path).deployment)
    with pytest.raises(CommandError):
        chain.open_chain(State(tmp_path))
    assert len(closed) == 1


@pytest.mark.parametrize("url", ["https://node.example/a-key", "nonsense"])
def test_the_node_of_a_house_may_be_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    state = State(tmp_path)
    state.secret(state.master)
    monkeypatch.delenv("LOYALTY_MASTER_SECRET", raising=False)
    monkeypatch.setenv("LOYALTY_RPC_URL", url)
    assert find_settings(state).rpc_url == url


def test_a_holder_without_a_gateway_is_told_of_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path)
    monkeypatch.setenv(PASSWORD_VARIABLE, "x")
    monkeypatch.setenv("LOYALTY_GATEWAY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LOYALTY_RPC_URL", "http://127.0.0.1:9")
    state.wallets.mkdir()
    keystore.create(state.keystore("wallets", "alice"), "x")
    error, shown = refused("wallet", "cash-out", "alice", 1, "--state", tmp_path)
    assert error["code"] == "gateway-unreachable"
    assert "--direct" in shown


@pytest.mark.parametrize("command", ["history", "badges"])
def test_what_is_read_of_the_chain_by_the_gateway_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """They tell of the chain, but only a gateway has read all of it."""
    told = CliRunner().invoke(app, ["wallet", command, "--help"]).stdout
    assert "Needs a running gateway." in " ".join(told.split())
    monkeypatch.setattr(core, "PAUSES", ())
    monkeypatch.setenv("LOYALTY_GATEWAY_URL", "http://127.0.0.1:9")
    error, shown = refused("wallet", command, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "--state", tmp_path)
    assert error == {
        "code": "gateway-unreachable",
        "message": "http://127.0.0.1:9 does not answer (ConnectError)",
    }
    assert "LOYALTY_GATEWAY_URL" in shown


@pytest.mark.parametrize("code", ["1234", "WXEQK7MY4D6YY7VB72HV52DBR0", ""])
def test_a_code_that_is_none_is_told_before_anybody_is_asked(tmp_path: Path, code: str) -> None:
    error, _ = refused("wallet", "claim", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", code, "--state", tmp_path)
    assert error["message"].startswith("a claim code has 26 letters")
