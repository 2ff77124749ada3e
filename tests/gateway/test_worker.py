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
from gateway.worker import GATHER, GATHERING, HURRIED, SELDOM_DUE, Worker


def test_a_stop_lets_the_turning_wheel_end_and_begins_no_other() -> None:
    turned: list[str] = []

    def first() -> int:
        worker.stop()
        turned.append("first")
        return 1

    later = {name: lambda: turned.append("later") for name in ("second", "relayer", "earning.settle")}
    worker = Worker(_house(first=first, **later))
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


def test_between_wheels_that_did_something_what_is_due_is_settled_and_sent() -> None:
    turned: list[str] = []
    reports = [0]

    def room(name: str) -> Callable[[], int]:
        def turn() -> int:
            turned.append(name)
            reports[0] += name == "second"  # comes while that room works
            return name != "idle"

        return turn

    def settle() -> int:
        turned.append("settle")
        made, reports[0] = reports[0], 0
        return made

    wheels = {name: room(name) for name in ("relayer", "first", "idle", "second", "third")}
    worker = Worker(_house(**wheels, **{"earning.settle": settle}))
    worker.turn()
    assert turned == ["relayer", "first", "settle", "idle", "second", "settle", "relayer", "third"]


def test_wheels_that_rest_or_hurry_are_wheels() -> None:
    source = inspect.getsource(House.wheels)
    assert [name for name in {*SELDOM_DUE, *GATHERING, *HURRIED} if f'"{name}"' not in source] == []


def test_a_wheel_that_did_as_much_as_it_may_does_not_rest() -> None:
    most = {"earning.settle": Settler.settle_due, "jobs": Jobs.run_due}
    assert {name: inspect.signature(wheel).parameters["limit"].default for name, wheel in most.items()} == GATHERING


def _house(**wheels: Callable[[], Any]) -> Any:
    return SimpleNamespace(wheels=lambda: wheels)
