"""Time as shops know it: local days and hours, and the periods that caps count by. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.core.durations import DAY

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
EPOCH = date(1970, 1, 1).toordinal()
MAX_DAY = 10**6
#: Zones change their clocks on the quarter of an hour.
QUARTER = 900


def _known(name: str) -> str:
    if name not in _zones():
        raise ValueError("no such time zone")
    return name


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


Zone = Annotated[str, StringConstraints(strict=True, max_length=40), AfterValidator(_known)]
#: "00:00" to "24:00".
Clock = Annotated[str, StringConstraints(strict=True, pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


@lru_cache(maxsize=4_096)
def _offset(zone: str, quarter: int) -> int:
    moment = datetime.fromtimestamp(quarter * QUARTER, UTC).astimezone(ZoneInfo(zone))
    return int((moment.utcoffset() or timedelta()).total_seconds())


class Local:
    """A moment in a zone: `day` since 1970-01-01, `weekday` 0 is Monday, `minute` of the day."""

    __slots__ = ("day", "minute", "weekday")

    def __init__(self, at: int, zone: str) -> None:
        local = at + (0 if zone == "UTC" else _offset(zone, at // QUARTER))
        self.day, second = divmod(local, DAY)
        self.weekday = (self.day + 3) % 7
        self.minute = second // 60

    @property
    def date(self) -> date:
        return date.fromordinal(EPOCH + self.day)


class Hours(BaseModel):
    """A happy hour: on these weekdays (default: all), from `start` until before `end`, local time. Over midnight when
    `end` is not after `start`: then the weekday is the one on which it started."""

    model_config = ConfigDict(extra="forbid")

    weekdays: list[Weekday] | None = Field(None, min_length=1, max_length=7)
    start: Clock = "00:00"
    end: Clock = "24:00"

    def minutes(self) -> frozenset[tuple[int, int, int]]:
        """Weekday (0 is Monday), first minute and the one after the last, of every stretch of a week."""
        start, end = _minutes(self.start), _minutes(self.end)
        days = range(7) if self.weekdays is None else [WEEKDAYS.index(day) for day in self.weekdays]
        if start < end:
            return frozenset((day, start, end) for day in days)
        over = {(day, start, DAY_MINUTES) for day in days} | {((day + 1) % 7, 0, end) for day in days if end}
        return frozenset(over)

    def say(self) -> str:
        """In words."""
        days = ", ".join(self.weekdays) if self.weekdays else "every day"
        return f"{days} {self.start}-{self.end}"


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


class Dates(BaseModel):
    """A special event: from the `first` day to the `last`, both included, local time."""

    model_config = ConfigDict(extra="forbid")

    first: date | None = None
    last: date | None = None

    def days(self) -> tuple[int, int]:
        """The first and the last day since 1970-01-01."""
        first = 0 if self.first is None else self.first.toordinal() - EPOCH
        return first, MAX_DAY if self.last is None else self.last.toordinal() - EPOCH

    def say(self) -> str:
        """In words."""
        return " ".join(
            f"{word} {day.isoformat()}" for word, day in (("from", self.first), ("until", self.last)) if day
        )


class Period(StrEnum):
    ACTION = "action"
    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    YEAR = "year"
    MEMBERSHIP = "membership"  # years since the wallet's first action in the campaign
    CAMPAIGN = "campaign"


def period_of(period: Period, local: Local, member_since: Local | None = None) -> int:
    """Number of the period that the moment lies in; moments of one period have the same, later ones a higher."""
    if period == Period.DAY:
        return local.day
    if period == Period.WEEK:
        return (local.day + 3) // 7
    if period == Period.MONTH:
        return local.date.year * 12 + local.date.month
    if period == Period.YEAR:
        return local.date.year
    if period == Period.MEMBERSHIP:
        return years_between(member_since or local, local)
    return 0


def years_between(first: Local, then: Local) -> int:
    """Whole years from the one day to the other; 29 February counts as 1 March in other years."""
    if then.day < first.day:
        return 0
    a, b = first.date, then.date
    return b.year - a.year - ((b.month, b.day) < (a.month, a.day))
