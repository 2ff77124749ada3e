from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.chain import local
from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.errors import NodeDown, NotANode
from tests.gateway.chain.world import OWNER_KEY, World, connect, wallet
from tests.support.anvil import anvil
from tests.support.processes import free_port
from tests.support.servers import answering


def test_the_right_node_passes(shared_world: World) -> None:
    shared_world.deployment.verify(shared_world.rpc)


def test_the_file_keeps_everything(shared_world: World, tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    shared_world.deployment.save(path)
    assert Deployment.load(path) == shared_world.deployment
    older = replace(shared_world.deployment, badges=None, badges_code_hash=None)
    older.save(path)
    assert Deployment.load(path) == older


def test_wrong_figures_are_found(shared_world: World) -> None:
    right, hub = shared_world.deployment, shared_world.deployment.hub
    for wrong, text in (
        (replace(right, chain_id=1), "chain id"),
        (replace(right, genesis_hash=bytes(32)), "genesis"),
        (replace(right, token=wallet()), "token: no code"),
        (replace(right, hub=wallet()), "hub: no code"),
        (replace(right, token=hub), "token: other code"),
        (replace(right, hub_code_hash=bytes(32)), "hub: other code"),
        (replace(right, token=hub, hub=right.token), "other code"),
        (replace(right, asset=wallet()), "another asset"),
        (replace(right, par=right.par + 1), "another par"),
        (replace(right, badges=wallet()), "badges: no code"),
        (replace(right, badges_code_hash=bytes(32)), "badges: other code"),
    ):
        with pytest.raises(WrongDeployment, match=text):
            wrong.verify(shared_world.rpc)


def test_a_hub_of_another_token_is_found(shared_world: World) -> None:
    other = local.deploy(shared_world.rpc, OWNER_KEY)
    mixed = replace(shared_world.deployment, hub=other.hub, hub_code_hash=other.hub_code_hash)
    with pytest.raises(WrongDeployment, match="another token"):
        mixed.verify(shared_world.rpc)
    badges = replace(shared_world.deployment, badges=other.badges, badges_code_hash=other.badges_code_hash)
    with pytest.raises(WrongDeployment, match="another hub"):
        badges.verify(shared_world.rpc)


def test_another_chain_with_the_same_id_is_found(shared_world: World) -> None:
    with anvil("--timestamp", "1700000000") as other:
        rpc = connect(other.url)
        local.deploy(rpc, OWNER_KEY)
        with pytest.raises(WrongDeployment, match="genesis"):
            shared_world.deployment.verify(rpc)


def test_a_node_that_is_down_is_no_wrong_deployment(shared_world: World) -> None:
    with pytest.raises(NodeDown):
        shared_world.deployment.verify(connect(f"http://127.0.0.1:{free_port()}"))


METHOD_UNKNOWN = {"code": -32601, "message": "Method not found"}


@pytest.mark.parametrize("said", [{"error": METHOD_UNKNOWN}, {"result": "main"}, {"result": None}, {"result": 7}])
def test_json_rpc_of_something_else_is_no_node(shared_world: World, said: dict[str, Any]) -> None:
    answers = [{"jsonrpc": "2.0", "id": number, **said} for number in range(4)]
    with answering(200, json.dumps(answers)) as url, pytest.raises(NotANode):
        shared_world.deployment.verify(connect(url))


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"chainId": 1, "genesisHash": "0x12"}', '{"chainId": "x"}'])
def test_what_is_no_deployment_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(content)
    with pytest.raises(WrongDeployment, match="no deployment file"):
        Deployment.load(path)
    with pytest.raises(WrongDeployment, match="cannot be read"):
        Deployment.load(tmp_path / "missing.json")


def test_names_that_do_not_fit_are_refused(shared_world: World) -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        local.deploy(shared_world.rpc, OWNER_KEY, name="x" * 32)
