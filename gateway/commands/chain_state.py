"""The file in which anvil keeps a local chain between runs."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.commands.state import write_private


def keep_one_genesis(state: Path) -> None:
    """Takes all blocks 0 but the oldest out of anvil's state; nothing happens where there is no more than one.

    anvil makes a new block 0 at every start and keeps those of before. After some restarts it takes one of them for
    the chain's first, and everybody who knows the chain by that block's hash thinks that it is another chain.
    """
    if not state.exists():
        return
    content = json.loads(state.read_bytes())
    first = [block for block in content["blocks"] if int(block["header"]["number"], 16) == 0]
    if len(first) < 2:
        return
    oldest = min(first, key=lambda block: int(block["header"]["timestamp"], 16))
    content["blocks"] = [block for block in content["blocks"] if block is oldest or block not in first]
    write_private(state, json.dumps(content).encode())
