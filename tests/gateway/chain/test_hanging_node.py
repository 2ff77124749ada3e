"""A node that takes questions and does not answer."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from gateway.chain.errors import NodeTimeout
from gateway.chain.rpc import Rpc
from tests.support.anvil import anvil
from tests.support.waiting import in_time


def took(ask: Callable[[], object]) -> tuple[bool, float]:
    """Whether it was answered, and after how many seconds."""
    start = time.monotonic()
    try:
        ask()
    except NodeTimeout:
        return False, time.monotonic() - start
    return True, time.monotonic() - start


def test_while_it_hangs_one_waits_and_the_others_are_told_at_once() -> None:
    in_time(ask_while_it_hangs, 1, 15)


def ask_while_it_hangs(wait: float) -> None:
    with anvil() as node, closing(Rpc(node.url, timeout=wait)) as rpc, ThreadPoolExecutor(10) as threads:

        def ten() -> list[tuple[bool, float]]:
            return list(threads.map(lambda _: took(lambda: rpc.call("eth_chainId")), range(10)))

        assert all(answered for answered, _ in ten())
        node.process.send_signal(signal.SIGSTOP)
        try:
            ten()  # nobody knows yet
            found = ten()
        finally:
            node.process.send_signal(signal.SIGCONT)
        assert not any(answered for answered, _ in found)
        assert sum(seconds > wait / 2 for _, seconds in found) == 1
        assert took(lambda: rpc.call("eth_chainId"))[0]
        assert all(answered for answered, _ in ten())
