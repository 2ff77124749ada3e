"""The background process between its wheels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gateway.worker import Worker


def test_a_stop_lets_the_turning_wheel_end_and_begins_no_other() -> None:
    turned: list[str] = []

    def first() -> int:
        worker.stop()
        turned.append("first")
        return 1

    house: Any = SimpleNamespace(wheels=lambda: {"first": first, "second": lambda: turned.append("second")}, seldom=())
    worker = Worker(house)
    worker.run()
    assert turned == ["first"]
