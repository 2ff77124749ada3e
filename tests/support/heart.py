"""What makes a chain's blocks in a test, beside those that anvil makes for each transaction at once."""

import contextlib
import threading
from collections.abc import Iterator

from gateway.chain.errors import ChainError
from gateway.chain.rpc import Rpc


class Heart:
    """A thread that makes a block every `pulse` seconds, between `beat` and `hush`."""

    def __init__(self, url: str, pulse: float) -> None:
        self._url, self.pulse = url, pulse
        self._ended, self._beating = threading.Event(), threading.Event()
        self._mining = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def beat(self) -> None:
        """From now on blocks are made."""
        self._beating.set()
        if not self._thread.is_alive():
            self._thread.start()

    def hush(self) -> None:
        """No more blocks until `beat`; one that is being made is made when this returns."""
        self._beating.clear()
        with self._mining:
            pass

    @contextlib.contextmanager
    def between_beats(self) -> Iterator[None]:
        """No block is made meanwhile. anvil does not keep making a block and unmaking others apart: the new block lands
        on one that is gone, at a height that leaves out those taken back, and nobody can ever read on there."""
        with self._mining:
            yield

    def end(self) -> None:
        """For good."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(Rpc(self._url)) as rpc:
            while not self._ended.wait(self.pulse):
                # The node is down: that is what some tests are about.
                with self._mining, contextlib.suppress(ChainError):
                    if self._beating.is_set():
                        rpc.call("evm_mine")
        rpc.close()
