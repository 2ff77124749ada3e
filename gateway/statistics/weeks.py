"""ISO weeks as days since 1970 of their Monday (UTC). Pure."""

from __future__ import annotations

from datetime import date, timedelta

from gateway.core.durations import DAY

EPOCH = date(1970, 1, 1)


def week_of(moment: int) -> int:
    """The week of a moment in Unix seconds."""
    day = moment // DAY
    return day - (day + 3) % 7  # 1970 began on a Thursday


def start(week: int) -> int:
    """First second of the week."""
    return week * DAY


def end(week: int) -> int:
    """First second after the week."""
    return (week + 7) * DAY


def label(week: int) -> str:
    """As ISO 8601 writes it: `2026-W03`."""
    year, number, _ = (EPOCH + timedelta(days=week)).isocalendar()
    return f"{year}-W{number:02}"
