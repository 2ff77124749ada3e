"""The background process between its wheels."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.bootstrap import House
from gateway.core.jobs import Jobs
from gateway.loyalty.earning.batches import Settler
from gateway.worker import GATHER, GATHERING, SELDOM_DUE, Worker


def test_a_stop_lets_the_turning_wheel_end_and_begins_no_other() -> None:
    turned: list[str] = []

    def first() -> int:
        worker.stop()
        turned.append("first")
        return 1

    worker = Worker(_house(first=first, second=lambda: turned.append("second")))
    worker.run()
    assert turned == ["first"]


def test_after_a_turn_that_did_something_more_may_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    now, turned = 100.0, []
    monkeypatch.setattr("gateway.worker.time.monotonic", lambda: now)
    work = iter([GATHERING["earning.settle"], 3, 0, 0])

    def settle() -> int:
        turned.append(now)
        return next(work)

    worker = Worker(_house(**{"earning.settle": settle}))
    worker.turn()  # there may be more at once
    worker.turn()  # does something, and rests
    now += GATHER / 2
    worker.turn()
    now += GATHER / 2
    worker.turn()  # finds nothing, and looks again at once
    worker.turn()
    assert turned == [100.0, 100.0, 100.0 + GATHER, 100.0 + GATHER]


def test_wheels_that_rest_are_wheels() -> None:
    source = inspect.getsource(House.wheels)
    assert [name for name in SELDOM_DUE | GATHERING.keys() if f'"{name}"' not in source] == []


def test_a_wheel_that_did_as_much_as_it_may_does_not_rest() -> None:
    most = {"earning.settle": Settler.settle_due, "jobs": Jobs.run_due}
    assert {name: inspect.signature(wheel).parameters["limit"].default for name, wheel in most.items()} == GATHERING


def _house(**wheels: Callable[[], Any]) -> Any:
    return SimpleNamespace(wheels=lambda: wheels)
