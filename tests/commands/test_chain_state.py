"""A local chain that is started again and again stays the same chain."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from gateway.chain.rpc import Rpc
from gateway.commands.chain_state import is_whole, keep_one_genesis
from gateway.commands.console import CommandError
from gateway.commands.house import House
from gateway.commands.state import State
from tests.support.anvil import anvil


def genesis(state: Path) -> list[str]:
    blocks = json.loads(state.read_bytes())["blocks"]
    return [block["header"]["timestamp"] for block in blocks if int(block["header"]["number"], 16) == 0]


def test_a_chain_keeps_its_first_block_however_often_it_is_started(tmp_path: Path) -> None:
    state = tmp_path / "chain.json"
    keep_one_genesis(state)  # before there is one
    seen = set()
    for start in range(6):
        with anvil("--timestamp", str(1_800_000_000 + start), state=state) as node:
            seen.add(str(node.rpc("eth_getBlockByNumber", "0x0", False)))
            node.mine()
        if start:
            assert len(genesis(state)) == 2  # anvil's own; when it keeps one, this module may go
        keep_one_genesis(state)
        assert genesis(state) == [hex(1_800_000_000)]
    assert len(seen) == 1
    assert len(json.loads(state.read_bytes())["blocks"]) == 7


@pytest.mark.parametrize("left", [b"", b'{"blocks": [', b"{}", b"[]"])
def test_a_half_written_chain_is_told_of(tmp_path: Path, left: bytes) -> None:
    state = tmp_path / "chain.json"
    state.write_bytes(left)
    with pytest.raises(CommandError, match="half written") as told:
        keep_one_genesis(state)
    assert told.value.example == "loyalty up --fresh"
    assert state.read_bytes() == left


@pytest.mark.parametrize("sent", [0, 1])
def test_a_chain_that_knows_more_than_its_blocks_is_told_of(tmp_path: Path, sent: int) -> None:
    """anvil writes its blocks first; a block that comes in between is in the accounts alone."""
    state = tmp_path / "chain.json"
    with anvil(state=state) as node:
        sender, other = cast("list[str]", node.rpc("eth_accounts"))[:2]
        for _ in range(sent):
            node.rpc("eth_sendTransaction", {"from": sender, "to": other, "value": "0x1"})
        node.rpc("anvil_setCode", other, "0x00")  # what has code counts otherwise
        node.rpc("anvil_setNonce", other, "0x7")
        node.mine()
    content = state.read_bytes()
    assert is_whole(content)
    keep_one_genesis(state)

    known = json.loads(content)
    if sent:  # its transaction is written after the blocks
        known["blocks"] = [block for block in known["blocks"] if not block["transactions"]]
    else:
        known["accounts"][sender.lower()]["nonce"] += 1
    torn = json.dumps(known).encode()
    assert not is_whole(torn)
    assert not is_whole(content[:-1])
    state.write_bytes(torn)
    with pytest.raises(CommandError, match="in no block") as told:
        keep_one_genesis(state)
    assert told.value.example == "loyalty up --fresh"
    assert state.read_bytes() == torn


@pytest.mark.parametrize("file", [None, "{", "{}"])
def test_a_house_whose_deployment_file_is_lost_or_broken_deploys_no_other_contracts(
    tmp_path: Path, file: str | None
) -> None:
    """The database would hold the events of both."""
    state = State(tmp_path)
    state.database.touch()
    if file is not None:
        state.deployment.write_text(file)
    with closing(Rpc("http://127.0.0.1:9")) as nobody, pytest.raises(CommandError) as refused:
        House(state, 1, 2)._deployment(nobody)
    assert (refused.value.code, refused.value.example) == ("wrong-deployment", "loyalty up --fresh")
