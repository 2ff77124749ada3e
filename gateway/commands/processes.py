"""Child processes of `up` and `demo`: a local chain, the gateway, the worker. None outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway.commands.console import CommandError

ANVIL = Path(__file__).parents[2] / "node_modules/.bin/anvil"
CHAIN_ID = 31337
PR_SET_PDEATHSIG = 1


class Child:
    """One running program; its output goes to `log`."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A session of its own: Ctrl-C at the terminal reaches the parent alone, which then stops children in order.
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float = 180) -> None:
        """Returns when `ready()`; CommandError with the end of the log when it ends first or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise CommandError(f"{self.name} ended while starting:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise CommandError(f"{self.name} is not ready after {seconds:.0f} s:\n{self.tail()}")
            time.sleep(0.05)

    def stop(self, seconds: float = 20) -> None:
        """Asks it to end and waits; kills it when it does not. Safe to call twice."""
        if not self.running:
            return
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return
        self.process.kill()
        self.process.wait()

    def tail(self, size: int = 1_500) -> str:
        """The last lines of its output."""
        return self.log.read_text(errors="replace")[-size:].strip() if self.log.exists() else ""


def _end_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def request() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return request


def port_is_free(port: int) -> bool:
    """True when nobody listens on this TCP port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def anvil_command(port: int, state: Path) -> list[str]:
    """A local chain with blocks of one second that goes on from `state` and keeps itself there."""
    binary = str(ANVIL) if ANVIL.is_file() else shutil.which("anvil")
    if not binary:
        raise CommandError("anvil is neither in node_modules nor on PATH", "npm ci   (or install Foundry)")
    return [
        *(binary, "--quiet", "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)),
        *("--hardfork", "prague", "--block-time", "1", "--enable-tx-gas-limit", "--no-request-size-limit"),
        # It also saves when it is asked to end; the interval is for power cuts.
        *("--state", str(state), "--state-interval", "10"),
    ]
