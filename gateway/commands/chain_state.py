"""The file in which anvil keeps a local chain between runs."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.commands.console import CommandError
from gateway.commands.state import write_private


def keep_one_genesis(state: Path) -> None:
    """Takes all blocks 0 but the oldest out of anvil's state; nothing happens where there is no more than one.

    anvil makes a new block 0 at every start and keeps those of before. After some restarts it takes one of them for
    the chain's first, and everybody who knows the chain by that block's hash thinks that it is another chain.
    CommandError when the file is not whole: anvil writes it in place.
    """
    if not state.exists():
        return
    try:
        content = json.loads(state.read_bytes())
    except ValueError:
        half = f"{state} is half written, as after a power cut: put a copy back, or begin anew"
        raise CommandError(half, "loyalty up --fresh") from None
    first = [block for block in content["blocks"] if int(block["header"]["number"], 16) == 0]
    if len(first) < 2:
        return
    oldest = min(first, key=lambda block: int(block["header"]["timestamp"], 16))
    content["blocks"] = [block for block in content["blocks"] if block is oldest or block not in first]
    write_private(state, json.dumps(content).encode())
