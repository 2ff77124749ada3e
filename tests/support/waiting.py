"""Waiting for what comes in the end, on a machine of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")
#: Seconds after which what has not come never will.
PATIENCE = 120.0


def until(condition: Callable[[], Result], what: str, pause: float = 0.01) -> Result:
    """Looks every `pause` seconds until `condition` is true; what it gave. AssertionError when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(pause)
    return result


def in_time(attempt: Callable[[float], object], *seconds: float, late: tuple[type[Exception], ...] = ()) -> None:
    """Attempts something that must be done in the first of these times, and where it was not, in the next one. What a
    machine that stalled has spoilt comes right with more time; a fault takes as much as it is given. `late`: what
    may be raised when time ran out, beside AssertionError."""
    *short, last = seconds
    for time_given in short:
        with suppress(AssertionError, *late):
            attempt(time_given)
            return
    attempt(last)
