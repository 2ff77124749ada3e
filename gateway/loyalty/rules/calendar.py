"""Time as shops know it: local days and hours, and the periods that caps count by. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
EPOCH = date(1970, 1, 1).toordinal()
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
        self.day, second = divmod(local, 86_400)
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

    def hold(self, local: Local) -> bool:
        """Whether the moment lies within."""
        start, end = _minutes(self.start), _minutes(self.end)
        weekday = local.weekday
        if start < end:
            inside = start <= local.minute < end
        else:
            inside = local.minute >= start or local.minute < end
            if inside and local.minute < end:
                weekday = (weekday - 1) % 7
        return inside and (self.weekdays is None or WEEKDAYS[weekday] in self.weekdays)

    def say(self) -> str:
        """In words."""
        days = ", ".join(self.weekdays) if self.weekdays else "every day"
        return f"{days} {self.start}-{self.end}"


@lru_cache(maxsize=2_048)
def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


class Dates(BaseModel):
    """A special event: from the `first` day to the `last`, both included, local time."""

    model_config = ConfigDict(extra="forbid")

    first: date | None = None
    last: date | None = None

    def hold(self, local: Local) -> bool:
        """Whether the moment lies within."""
        day = EPOCH + local.day
        return (self.first is None or self.first.toordinal() <= day) and (
            self.last is None or day <= self.last.toordinal()
        )

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
