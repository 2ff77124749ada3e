"""Whether a rule or a multiplier applies at all, and if not, why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Circumstances


@dataclass(frozen=True, slots=True)
class Gate:
    """Circumstances made ready. `hours`: stretches of each weekday in minutes; `days`: first and last since 1970;
    `when`: the place of its condition among the programme's."""

    source: Circumstances
    zone: str
    hours: tuple[tuple[tuple[int, int], ...], ...] | None
    days: tuple[int, int] | None
    merchants: frozenset[int] | None
    tiers: tuple[tuple[str, int], ...]
    when: int | None

    def is_open(self, facts: Facts, answers: Sequence[bool]) -> bool:
        """Whether everything holds. `answers`: of the programme's conditions."""
        if self.when is not None and not answers[self.when]:
            return False
        if self.merchants is not None and facts.merchant not in self.merchants:
            return False
        if self.hours is not None and not self._in_hours(facts):
            return False
        if self.days is not None and not self.days[0] <= facts.local.day <= self.days[1]:
            return False
        return all(facts.tiers.get(ladder, 0) >= rank for ladder, rank in self.tiers) if self.tiers else True

    def _in_hours(self, facts: Facts) -> bool:
        local = facts.local
        minute = local.minute
        for start, end in (self.hours or ())[local.weekday]:  # noqa: SIM110 (any() takes twice as long)
            if start <= minute < end:
                return True
        return False

    def why_not(self, facts: Facts, answers: Sequence[bool]) -> str:
        """In words, the first thing that does not hold."""
        source = self.source
        if self.merchants is not None and facts.merchant not in self.merchants:
            return "not at this merchant"
        if source.hours is not None and not self._in_hours(facts):
            return f"outside {source.hours.say()} ({self.zone})"
        if source.dates and self.days and not self.days[0] <= facts.local.day <= self.days[1]:
            return f"not {source.dates.say()}"
        for ladder, rank in self.tiers:
            if facts.tiers.get(ladder, 0) < rank:
                return f"below rank {rank} on {ladder}"
        return f"not: {source.when}"


def gate(source: Circumstances, zone: str, texts: list[str]) -> Gate | None:
    """The gate of what has circumstances; adds its condition to `texts`."""
    when = None
    if source.when is not None:
        if source.when not in texts:
            texts.append(source.when)
        when = texts.index(source.when)
    tiers = tuple((source.tiers or {}).items())
    merchants = frozenset(source.merchants) if source.merchants else None
    if when is None and not tiers and merchants is None and source.hours is None and source.dates is None:
        return None
    hours = None
    if source.hours is not None:
        stretches = source.hours.minutes()
        hours = tuple(tuple((start, end) for day, start, end in sorted(stretches) if day == d) for d in range(7))
    return Gate(source, zone, hours, source.dates.days() if source.dates else None, merchants, tiers, when)
