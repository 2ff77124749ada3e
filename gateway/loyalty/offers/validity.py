"""Until when a code can be used. Pure.

A till sees the end of the code that it is shown. Were that a second, it told when the code was paid for, and the chain
shows who paid then; so the end is rounded up, to a step that many payments share.
"""

from __future__ import annotations

from gateway.core.durations import DAY
from gateway.core.limits import LAST_SECOND

HOUR, WEEK = 3_600, 7 * DAY
#: 1970-01-05, a Monday.
MONDAY = 4 * DAY


def end(start: int, valid: int) -> int:
    """The first full hour (for codes of less than a day), day (less than four weeks) or Monday, UTC, that comes `valid`
    seconds after `start` or later. Unix seconds."""
    step = HOUR if valid < DAY else DAY if valid < 4 * WEEK else WEEK
    offset = MONDAY if step == WEEK else 0
    exact = min(start + valid, LAST_SECOND - WEEK)
    return exact + (offset - exact) % step
