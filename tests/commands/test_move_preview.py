"""`--preview` of what enters a campaign, asked of the contracts; of the gateway in a whole house (tests/houses)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.chain import calls, keystore
from gateway.chain.hexes import keccak256
from gateway.cli import app
from gateway.commands.state import State
from tests.support.anvil import Anvil, anvil
from tests.support.hub import DAY, Hub

OPEN, CLOSED, ENDED = 1, 2, 3


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with anvil() as node:
        yield node


@pytest.fixture(scope="module")
def state(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> State:
    """A wallet, and three campaigns: an open one, a closed one with 10% and a pot of 3.00, and one that has ended."""
    state = State(tmp_path_factory.mktemp("state"))
    hub = Hub.deploy(node.url)
    hub.deployment.save(state.deployment)
    state.wallets.mkdir()
    keystore.create(state.keystore("wallets", "alice"), "x")
    owner, start = hub.owner(), hub.reads.head().time
    hub.campaign(owner)
    end = start + 30 * DAY
    hub.send(owner, calls.create_campaign(end, 0, True, end + 91 * DAY, 1_000, keccak256(b"terms")))
    hub.send(owner, calls.fund(CLOSED, 0, 300))
    hub.campaign(owner, lasts=8 * DAY)
    node.pass_time(9 * DAY)
    hub.rpc.close()
    return state


def preview(state: State, node: Anvil, *words: object, fails: int = 0) -> Any:
    """What the command says, to somebody who types no password."""
    environment = {"LOYALTY_RPC_URL": node.url, "LOYALTY_STATE": str(state.root), "LOYALTY_WALLET_PASSWORD": None}
    typed = ["wallet", *map(str, words), "--preview", "--direct", "--json"]
    result = CliRunner().invoke(app, typed, env=environment, input="")
    assert result.exit_code == fails, f"{result.stdout}\n{result.stderr}"
    return json.loads(result.stdout)


def test_the_bonus_is_told_before_anything_is_signed(state: State, node: Anvil) -> None:
    before = node.rpc("eth_blockNumber")
    assert preview(state, node, "enter", "alice", OPEN, 20) == {"received": 2_000, "bonus": 0, "min_received": 2_000}
    whole = {"received": 2_200, "bonus": 200, "min_received": 2_200}
    assert preview(state, node, "enter", "alice", CLOSED, 20) == whole
    assert preview(state, node, "move", "alice", OPEN, CLOSED, 20) == whole
    # No more than the pot has.
    assert preview(state, node, "enter", "alice", CLOSED, 40)["bonus"] == 300
    assert node.rpc("eth_blockNumber") == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("enter", "alice", ENDED, 20), "CampaignEnded"),
        (("enter", "alice", 99, 20), "UnknownCampaign"),
        (("enter", "alice", OPEN, 0), "ZeroAmount"),
        (("move", "alice", CLOSED, OPEN, 20), "ClosedLoop"),
        (("move", "alice", OPEN, OPEN, 20), "SameCampaign"),
        (("enter", "nobody", OPEN, 20), "command-failed"),
    ],
)
def test_what_the_contracts_would_refuse_has_no_preview(
    state: State, node: Anvil, words: tuple[object, ...], code: str
) -> None:
    assert preview(state, node, *words, fails=1)["error"]["code"] == code
