"""The gateway's processes, started in a moment: forked from a server that has loaded their code.

Each is a process of its own, runs the very entry that an operator starts, and can be killed as any other. Two things
may be wrong with the machine it runs on: `FORK_SKEW` seconds are added to its clock, and while the file `FORK_QUOTA`
exists, its SQLite database may not grow. One may be hurried: `FORK_LOOK_EVERY` seconds pass until it looks whether an
order is dead.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.support.processes import PR_SET_PDEATHSIG

ROOT = Path(__file__).parents[2]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["__main__", "tests.support.forks_loaded"])


def _start_server() -> None:
    """Where it finds the code, the server learns from the environment alone; what it cannot import, it leaves out."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), before)))
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


class Fork:
    """One process, with what tests use of `subprocess.Popen`."""

    def __init__(self, run: Callable[[], None], log: Path, env: Mapping[str, str]) -> None:
        self.args = run.__name__
        _start_server()
        self._process: ForkServerProcess = _context.Process(target=_run, args=(run, str(log), dict(env)), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Exit code, negative: the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """As `poll`, once it has ended or after `timeout` seconds."""
        self._process.join(timeout)
        return self.poll()

    def kill(self) -> None:
        """SIGKILL, and waits."""
        self._process.kill()
        self._process.join()

    def pause(self) -> None:
        """Stands still until `go_on`."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Asks it to end; kills it when it has not after a minute."""
        self._process.terminate()
        self._process.join(60)
        if self.poll() is None:
            self.kill()


def _run(run: Callable[[], None], log: str, env: dict[str, str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    if skew := int(env.get("FORK_SKEW", "0")):
        _skew(skew)
    if quota := env.get("FORK_QUOTA"):
        _keep_to(Path(quota))
    if seconds := env.get("FORK_LOOK_EVERY"):
        from gateway.identity.wallets import orders

        orders.LOOK_EVERY = int(seconds)
    run()


def _skew(seconds: int) -> None:
    from gateway.core.clock import Clock

    right = Clock.now
    Clock.now = lambda self: right(self) + seconds  # type: ignore[method-assign]


def _keep_to(quota: Path) -> None:
    import sqlalchemy as sa
    from sqlalchemy.pool import Pool

    def limit(connection: Any, _record: object, _proxy: object) -> None:
        # Less than what is used means: not a page more.
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA max_page_count = {1 if quota.exists() else 2**32 - 2}")

    sa.event.listen(Pool, "checkout", limit)


def worker() -> None:
    """`python -m gateway.worker`."""
    from gateway.worker import main

    main()


def gateway() -> None:
    """`uvicorn --factory gateway.app:create`, at the port in the environment."""
    import uvicorn

    port = int(os.environ["FORK_PORT"])
    uvicorn.run("gateway.app:create", factory=True, host="127.0.0.1", port=port, access_log=False, log_level="warning")
