"""On which rung a wallet stands, reckoned from what each of its days counted. Pure.

All days are local, counted from 1970. A day counts from the next one on, so that nothing depends on the order within a
day. On day d a wallet *qualifies* for the highest rung whose mark the window reaches that ends the day before:
  rolling: the last `days` days; month, quarter, year, anniversary: the period that yesterday lies in; ever: all days.
A rung that it qualifies for on day c is held through `held_through`: rolling: c; periods: the end of c's window and
`keep` periods more; ever: for ever; and `grace_days` longer. After that it is lost, or with a soft landing the next
lower one is held for one window (`days`, or to the end of the period), and so on down. The standing is the highest
rung held by any day up to now: it can only rise with what is earned, whenever that is told.

Edited ladders: a day's standing is reckoned by the terms in force on it, over the whole past, as if there had been no
others. What was held under older terms is held to its end all the same; in a rolling window, which has no end of its
own, for one window after the edit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from gateway.loyalty.rules.calendar import EPOCH
from gateway.loyalty.rules.ladders import PERIODS, Ladder, Window

#: Later than any day that is asked for (2079), and than any that something ends on.
FAR, FOREVER = 40_000, 1_000_000


class Reign(NamedTuple):
    """Terms in force from the day `first` through `last` (None: still)."""

    first: int
    last: int | None
    ladder: Ladder


class Progress:
    """What one wallet's days counted on one ladder: `days` rise, amounts are not negative. `member_since`: its first
    day."""

    __slots__ = ("days", "member_since", "sums")

    def __init__(self, counted: Sequence[tuple[int, int]], member_since: int | None = None) -> None:
        self.days = [day for day, _ in counted]
        self.sums = [0, *accumulate([amount for _, amount in counted])]
        self.member_since = member_since if member_since is not None or not counted else self.days[0]

    def between(self, first: int, last: int) -> int:
        """What the days from `first` through `last` counted."""
        return self.sums[bisect_right(self.days, last)] - self.sums[bisect_left(self.days, first)]


class Held(NamedTuple):
    """A rung of `ladder` that was qualified for on day `seen` and is held through `through`."""

    seen: int
    rank: int
    through: int
    ladder: Ladder


def rank(reigns: Sequence[Reign], progress: Progress, day: int) -> int:
    """The rank on the newest reign's ladder on `day`. `reigns`: those that had begun, in their order."""
    current = reigns[-1].ladder
    best, top = 0, len(current.rungs) - 1
    for held in _held(reigns, progress, day):
        for fall in range(_falls(held) + 1):
            if day <= _lasts(held, fall, progress):
                best = max(best, translated(held.rank - fall, held.ladder, current))
                break
        if best == top:
            break
    return best


def through(reigns: Sequence[Reign], progress: Progress, day: int, rank: int) -> int:
    """The last day on which at least `rank` is held if nothing more is earned; FOREVER: while there is a ladder."""
    current = reigns[-1].ladder
    best = day
    for held in _held(reigns, progress, FAR, everything=True):
        for fall in range(_falls(held), -1, -1):
            if translated(held.rank - fall, held.ladder, current) >= rank:
                best = max(best, _lasts(held, fall, progress))
                break
    return best


def window(ladder: Ladder, day: int, member_since: int | None) -> tuple[int, int]:
    """The days that count on `day`, first and last."""
    if ladder.window is Window.ROLLING:
        return day - (ladder.days or 0), day - 1
    if ladder.window is Window.EVER:
        return 0, day - 1
    return period(ladder.window, day - 1, member_since)[0], day - 1


def turns(reigns: Sequence[Reign], progress: Progress, day: int) -> list[int]:
    """Days up to `day` on which the rank may differ from the day before, newest first."""
    found = {reign.first for reign in reigns} | {counted + 1 for counted in progress.days}
    for held in _held(reigns, progress, day, everything=True):
        found |= {_lasts(held, fall, progress) + 1 for fall in range(_falls(held) + 1)}
    return sorted((turn for turn in found if 0 < turn <= day), reverse=True)


def reach(ladder: Ladder) -> int:
    """So many days back may matter; FOREVER: all."""
    if ladder.window is Window.EVER:
        return FOREVER
    landings = len(ladder.rungs) - 1 if ladder.soft_landing else 0
    if ladder.window is Window.ROLLING:
        return (ladder.days or 0) * (2 + landings) + ladder.grace_days
    longest = {Window.MONTH: 31, Window.QUARTER: 92}.get(ladder.window, 366)
    return longest * (2 + ladder.kept + landings) + ladder.grace_days


@lru_cache(maxsize=4_096)
def period(kind: Window, day: int, member_since: int | None = None) -> tuple[int, int]:
    """First and last day of the period that `day` lies in. A year of membership that began on 29 February begins on
    1 March in other years; before the membership, a wallet has calendar years."""
    at = date.fromordinal(EPOCH + day)
    if kind is Window.ANNIVERSARY and member_since is not None and day >= member_since:
        since = date.fromordinal(EPOCH + member_since)
        begun = _anniversary(since, at.year)
        year = at.year if begun <= day else at.year - 1
        return _anniversary(since, year), _anniversary(since, year + 1) - 1
    months = {Window.MONTH: 1, Window.QUARTER: 3}.get(kind, 12)
    start = (at.month - 1) // months * months + 1
    end = start + months
    following = date(at.year + (end > 12), end - 12 if end > 12 else end, 1)
    return _number(date(at.year, start, 1)), _number(following) - 1


def translated(rank: int, old: Ladder, new: Ladder) -> int:
    """The rank of the same rung; of one that is gone, the highest whose mark is not above its own."""
    if old is new:
        return rank
    rung = old.rungs[rank]
    for number, other in enumerate(new.rungs):
        if other.id == rung.id:
            return number
    return bisect_right(new.marks, rung.at) - 1


# ------------------------------------------------------------------- internal


def _held(reigns: Sequence[Reign], progress: Progress, day: int, everything: bool = False) -> Iterator[Held]:
    """What was qualified for up to `day` and may still hold then (`everything`: whether or not), the newest first in
    each reign."""
    for reign in reversed(reigns):
        ladder = reign.ladder
        until = day if reign.last is None else reign.last
        marks, extra = ladder.marks, 0 if reign.last is None else ladder.days or 0
        for seen in _moments(ladder, progress, until):
            first, last = window(ladder, seen, progress.member_since)
            rank = bisect_right(marks, progress.between(first, last)) - 1
            through = _held_through(ladder, seen, progress) + (extra if seen == until else 0)
            held = Held(seen, rank, through, ladder)
            if rank:
                yield held
            if not everything and day > _lasts(held._replace(rank=len(marks) - 1), -1, progress):
                break


def _moments(ladder: Ladder, progress: Progress, until: int) -> Iterator[int]:
    """Days up to `until` on which a window was as full as it became, newest first."""
    yield until
    if ladder.window is Window.ROLLING:
        length = ladder.days or 0
        for day in reversed(progress.days):
            if day + length < until:
                yield day + length
    elif ladder.window in PERIODS:
        before = until
        for day in reversed(progress.days):
            seen = period(ladder.window, day, progress.member_since)[1] + 1
            if seen < before:
                before = seen
                yield seen


def _held_through(ladder: Ladder, seen: int, progress: Progress) -> int:
    if ladder.window is Window.EVER:
        return FOREVER
    end = seen
    if ladder.window in PERIODS:
        end = period(ladder.window, seen - 1, progress.member_since)[1]
        for _ in range(ladder.kept):
            end = period(ladder.window, end + 1, progress.member_since)[1]
    return end + ladder.grace_days


def _falls(held: Held) -> int:
    """By how many rungs it can fall and still be held."""
    return held.rank - 1 if held.ladder.soft_landing else 0


def _lasts(held: Held, fall: int, progress: Progress) -> int:
    """The last day of the rung `fall` below it (-1: of the last one that is held at all)."""
    fall = _falls(held) if fall < 0 else fall
    if held.through >= FOREVER or fall == 0:
        return held.through
    if held.ladder.window is Window.ROLLING:
        return held.through + fall * (held.ladder.days or 0)
    end = held.through
    for _ in range(fall):
        end = period(held.ladder.window, end + 1, progress.member_since)[1]
    return end


def _anniversary(since: date, year: int) -> int:
    if (since.month, since.day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400)):
        return _number(date(year, 3, 1))
    return _number(date(year, since.month, since.day))


def _number(day: date) -> int:
    return day.toordinal() - EPOCH
