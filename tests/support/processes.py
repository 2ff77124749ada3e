"""Child processes that never outlive the tests, however these end."""

import atexit
import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.waiting import PATIENCE

PR_SET_PDEATHSIG = 1


#: Below those that Linux (32768) and macOS (49152) give to outgoing connections and to who asks for any port.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on, kept for this process until it ends: what is
    to listen there may take its time, and may be stopped and started again."""
    while True:
        port = secrets.choice(PORTS)
        # By a UDP socket, which hinders no server, other processes of tests see that the port is taken.
        sign = socket.socket(type=socket.SOCK_DGRAM)
        with contextlib.suppress(OSError), socket.socket() as probe:
            sign.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
            sign.detach()  # open until this process ends
            return port
        sign.close()


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    stop_with: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command`, its output in the file `log`.

    It gets `stop_with` when this process ends; on Linux even when by SIGKILL.
    """
    # setsid: a Ctrl-C at the terminal is for pytest, which then stops the child in order.
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group=_group_of(user),
            extra_groups=[] if user else None,
            env={**os.environ, **env} if env else None,
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_parent(stop_with),
        )
    atexit.register(stop, process, stop_with)
    return process


def stop(process: subprocess.Popen[bytes], stop_with: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to end, kill it when it has not after a minute. Safe to call twice."""
    if process.poll() is not None:
        return
    process.send_signal(stop_with)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(60)
        return
    process.kill()
    process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `ready()`; RuntimeError with the end of the log when the process dies or the time is over."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            raise RuntimeError(f"{process.args!r} did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def _die_with_parent(with_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def request() -> None:
        prctl(PR_SET_PDEATHSIG, int(with_signal))
        if os.getppid() != parent:  # died before the request was made
            os._exit(1)

    return request
