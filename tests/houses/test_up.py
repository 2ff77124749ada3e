"""`loyalty up` is killed without a word, and goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.client import Client
from gateway.commands.processes import port_is_free
from gateway.commands.state import PASSWORD_VARIABLE, State
from tests.commands.conftest import CommandLine
from tests.support.processes import free_port
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.timeout(900)


def _as_from_a_terminal() -> None:
    """Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def up(state: Path, port: int, rpc_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, ready."""
    program = "from gateway.cli import app; app()"
    options = ["up", "--state", state, "--port", port, "--rpc-port", rpc_port]
    log = (state.parent / "up.log").open("ab")
    command = [sys.executable, "-c", program, *map(str, options)]
    process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_as_from_a_terminal)
    try:
        with Client(f"http://127.0.0.1:{port}") as client:

            def ready() -> bool:
                assert process.poll() is None, (state.parent / "up.log").read_text()
                return client.ready()[0]

            until(ready, "it is ready")
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def test_a_killed_house_goes_on_and_nothing_is_lost_or_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "test")
    state = State(tmp_path / "state")
    port, rpc_port = free_port(), free_port()
    with up(state.root, port, rpc_port) as process:
        loyalty = CommandLine(state)
        loyalty.run("merchant", "new", "hill")
        loyalty.run("faucet", "hill", "--asset", 10**12)
        common = ("--settle-every", 0, "--min-wallets", 1, "--name", "Hill")
        loyalty.run("campaign", "create", "--merchant", "hill", *common)
        loyalty.run("campaign", "fund", 1, "--merchant", "hill", "--budget", 1_000)
        wallet = "0x" + "17" * 20

        def report(number: int) -> None:
            action = {"campaign": 1, "kind": "purchase", "occurred_at": now, "wallet": wallet, "amount": 100}
            client.report(action, f"receipt-{number}")

        now = int(time.time())
        with loyalty.client("hill") as client:
            for number in range(5):
                report(number)
            process.kill()
            process.wait()
    # Its children end with it, the chain after having saved itself.
    until(lambda: port_is_free(port) and port_is_free(rpc_port), "nobody listens")
    with up(state.root, port, rpc_port) as process:
        with loyalty.client("hill") as client:
            for number in range(10):
                report(number)
            until(lambda: client.wallet(wallet)["balance"] == 1_000, "the purchase counts")
        audit = loyalty.run("audit").document
        assert (audit["ok"], audit["totals"]["supply"]) == (True, 1_000)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert not (state.root / "gateway.db-wal").exists(), "who closes the last connection tidies up"
    assert port_is_free(port)
    assert port_is_free(rpc_port)
    assert json.loads(state.house.read_text())["gateway"].endswith(str(port))
    assert os.stat(state.operator_key).st_mode & 0o777 == 0o600
