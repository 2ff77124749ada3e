"""A real local chain for a test: anvil on a free port, gone with the tests."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gateway.commands.chain_state import is_whole
from gateway.core import tls
from tests.support import processes
from tests.support.waiting import until

PACKAGE_BINARY = Path(__file__).parents[2] / "node_modules/.bin/anvil"
CHAIN_ID = 31337


@dataclass
class Anvil:
    """A running anvil. Accounts 0–9 of the well-known test mnemonic hold 10,000 ether each."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    #: Where it keeps itself.
    state: Path | None = None
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, verify=tls.context()))

    def rpc(self, method: str, *params: object) -> object:
        """One JSON-RPC call. RuntimeError when the node answers with an error."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self.http.post(self.url, json=request).json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Blocks a second apart, by the chain's clock."""
        self.rpc("anvil_mine", hex(blocks), hex(1))

    def pass_time(self, seconds: int) -> None:
        """Turn the chain's clock forward and mine a block in the new time."""
        self.rpc("evm_increaseTime", hex(seconds))
        self.mine()

    def snapshot(self) -> str:
        return str(self.rpc("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Back to a snapshot, at today's time: anvil by itself would go on from the snapshot's."""
        self.rpc("evm_revert", snapshot)
        head = self.rpc("eth_getBlockByNumber", "latest", False)
        assert isinstance(head, dict)
        if int(head["timestamp"], 16) < (now := int(time.time())):
            self.rpc("evm_setTime", now)

    def kill(self) -> None:
        """As a power cut would; but what it writes of its state at that moment does not count, or it could not start
        again, or would be a chain that there never was."""
        kept = _whole(self.state) if self.state is not None else None
        self.process.kill()
        self.process.wait()
        if self.state is not None and kept is not None and not is_whole(self.state.read_bytes()):
            self.state.write_bytes(kept)


def _whole(state: Path) -> bytes | None:
    """What it has saved last; None before the first time. It may be writing."""
    if not state.exists():
        return None
    return until(lambda: content if is_whole(content := state.read_bytes()) else None, "anvil leaves a whole state")


@contextlib.contextmanager
def anvil(
    *flags: str,
    block_time: float | None = None,
    chain_id: int = CHAIN_ID,
    port: int | None = None,
    state: Path | None = None,
) -> Iterator[Anvil]:
    """Start anvil and stop it afterwards.

    `block_time` is in seconds, None mines each transaction at once (do not leave thousands of them unawaited then).
    `state` is a file to load from and, every second, save to: a killed anvil started again on it goes on. More `flags`
    are passed as they are. RuntimeError when it does not come up.
    """
    port = port or processes.free_port()
    options = [
        "--quiet",
        "--hardfork",
        "prague",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--chain-id",
        str(chain_id),
    ]
    if block_time is not None:
        options += ["--block-time", str(block_time)]
    if state is not None:
        options += ["--state", str(state), "--state-interval", "1"]
    folder = Path(tempfile.mkdtemp(prefix="loyalty-anvil-"))
    log = folder / "log"
    process = processes.start([_binary(), *options, *flags], log=log)
    node = Anvil(f"http://127.0.0.1:{port}", port, process, state)
    try:
        processes.wait_until(lambda: _answers(node), process, log)
        yield node
    finally:
        node.http.close()
        processes.stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _binary() -> str:
    found = str(PACKAGE_BINARY) if PACKAGE_BINARY.is_file() else shutil.which("anvil")
    if not found:
        raise RuntimeError("anvil is neither in node_modules nor on PATH: run `make setup`")
    return found


def _answers(node: Anvil) -> bool:
    try:
        return node.rpc("eth_chainId") is not None
    except (httpx.HTTPError, ValueError):
        return False
