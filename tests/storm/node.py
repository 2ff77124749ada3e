"""A node that dies, comes back from its state, and changes its mind.

anvil's own traps are part of it: killed, it comes back as it was a second ago or earlier, without the states of older
blocks; reorganised transactions do not return to its pool.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from gateway.commands.chain_state import keep_one_genesis
from tests.functional.house import FLAGS as HOUSE
from tests.support.anvil import CHAIN_ID, Anvil, anvil

#: What anvil remembers of older blocks goes to disk after a thousand, without the contracts' code; taken back to such
#: a block, the chain has no contracts any more. So it remembers the last few and nothing of what was before.
FLAGS = (*HOUSE, "--prune-history", "64")


class Node:
    """One anvil at one port, whose state lies in `folder`. Mines when it is told to, except during `start`."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "chain.json"
        self._stack = ExitStack()
        self.anvil: Anvil = self._stack.enter_context(anvil(*FLAGS, chain_id=CHAIN_ID, state=self.state))
        #: The last block that must stay.
        self.floor = 0

    def found(self) -> None:
        """From now on blocks are made by others, and nothing up to here is ever taken back; waits until it is saved."""
        self.anvil.rpc("evm_setAutomine", False)
        self.anvil.mine(3)
        self.floor = self.head()
        saved = self.state.stat().st_mtime if self.state.exists() else 0.0
        for _ in range(2):  # the first may have begun before
            while not self.state.exists() or self.state.stat().st_mtime <= saved:
                time.sleep(0.1)
            saved = self.state.stat().st_mtime

    def head(self) -> int:
        return int(str(self.anvil.rpc("eth_blockNumber")), 16)

    def down(self, kill: bool) -> None:
        """Ends it: asked to, or as a power cut would."""
        if kill:
            self.anvil.kill()
        self._stack.close()

    def up(self) -> None:
        """Starts it again, from what was saved."""
        keep_one_genesis(self.state)
        self._stack = ExitStack()
        again = anvil(*FLAGS, "--no-mining", chain_id=CHAIN_ID, port=self.anvil.port, state=self.state)
        self.anvil = self._stack.enter_context(again)

    def reorganise(self, depth: int, forget: bool) -> str:
        """Replaces the last `depth` blocks by empty ones, or takes them away; what came of it."""
        depth = min(depth, self.head() - self.floor)
        if depth < 1:
            return "nothing to take back"
        try:
            if forget:
                self.anvil.rpc("anvil_rollback", depth)
            else:
                self.anvil.rpc("anvil_reorg", depth, [])
        except RuntimeError as error:  # it has no state of that block since it was started again
            return f"not possible: {error}"
        return f"{depth} blocks"

    def close(self) -> None:
        self._stack.close()
