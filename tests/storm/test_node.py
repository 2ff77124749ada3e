"""The storm's node stays a chain whatever is done to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.storm.node import Node
from tests.support.heart import Heart

#: Enough to be making a block most of the time.
TRANSFERS = 100


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    made.found()
    yield made
    made.close()


def test_blocks_are_not_taken_back_while_one_is_made(node: Node) -> None:
    """Else the new one stands on a block that is gone, and the blocks below it exist for nobody."""
    heart = Heart(node.anvil.url, pulse=0)
    senders: Any = node.anvil.rpc("eth_accounts")
    node.anvil.mine(10)
    heart.beat()
    for turn in range(6):
        for number in range(TRANSFERS):
            transfer = {
                "from": senders[number % len(senders)],
                "to": f"0x{turn * 1000 + number + 1:040x}",
                "value": "0x1",
            }
            node.anvil.rpc("eth_sendTransaction", transfer)
        with heart.between_beats():
            node.reorganise(4, forget=turn % 2 == 1)
    heart.end()
    chain: list[Any] = [node.anvil.rpc("eth_getBlockByNumber", hex(n), False) for n in range(node.head() + 1)]
    assert None not in chain
    assert [block["parentHash"] for block in chain[1:]] == [block["hash"] for block in chain[:-1]]


def test_no_code_is_lost_however_long_the_chain(node: Node) -> None:
    there = "0x" + "22" * 20
    node.anvil.rpc("anvil_setCode", there, "0x6001600101")
    node.anvil.mine(1200)
    assert node.reorganise(16, forget=False) == "16 blocks"
    assert node.anvil.rpc("eth_getCode", there, "latest") == "0x6001600101"
    assert node.reorganise(100, forget=False).startswith("not possible")
