"""The file in which anvil keeps a local chain between runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.commands.console import CommandError
from gateway.commands.state import write_private


class TornState(ValueError):
    """What anvil left is no chain that there ever was; the text says how it came about."""


def is_whole(content: bytes) -> bool:
    """Whether anvil had written all of it, and no block came in between."""
    try:
        _read(content)
    except TornState:
        return False
    return True


def keep_one_genesis(state: Path) -> None:
    """Takes all blocks 0 but the oldest out of anvil's state; nothing happens where there is no more than one.

    anvil makes a new block 0 at every start and keeps those of before. After some restarts it takes one of them for
    the chain's first, and everybody who knows the chain by that block's hash thinks that it is another chain.
    CommandError when the file is not whole: anvil writes it in place, and goes on making blocks meanwhile.
    """
    if not state.exists():
        return
    try:
        content = _read(state.read_bytes())
    except TornState as torn:
        raise CommandError(f"{state} {torn}: put a copy back, or begin anew", "loyalty up --fresh") from None
    first = [block for block in content["blocks"] if int(block["header"]["number"], 16) == 0]
    if len(first) < 2:
        return
    oldest = min(first, key=lambda block: int(block["header"]["timestamp"], 16))
    content["blocks"] = [block for block in content["blocks"] if block is oldest or block not in first]
    write_private(state, json.dumps(content).encode())


def _read(content: bytes) -> dict[str, Any]:
    """anvil writes the blocks first, then transactions, then what accounts have: of a block that came in between the
    file holds what its transactions did, for ever, and not the block. A transaction counts its sender's nonce up."""
    try:
        state: dict[str, Any] = json.loads(content)
        mined = {one["transaction"]["hash"] for block in state["blocks"] for one in block["transactions"]}
        infos = (transaction["info"] for transaction in state["transactions"])
        sent = [info for info in infos if info["transaction_hash"] in mined]
        accounts = dict(state["accounts"])
    except (ValueError, KeyError, TypeError):
        raise TornState("is half written, as after a power cut") from None
    nonces: dict[str, int] = {}
    for one in sent:
        nonces[one["from"]] = max(nonces.get(one["from"], 0), one["nonce"] + 1)
    for address, account in accounts.items():
        # What has code counts what it creates, or what it was authorised for.
        if account["code"] == "0x" and account["nonce"] > nonces.get(address, 0):
            raise TornState(
                "was saved amid a block, before a kill, and holds what transactions did that are in no block"
            )
    return state
