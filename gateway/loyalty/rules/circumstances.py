"""Whether a rule or a multiplier applies at all, and if not, why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.loyalty.rules.calendar import Dates, Hours
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Circumstances


@dataclass(frozen=True, slots=True)
class Gate:
    """Circumstances made ready; `when` is the place of its condition among the programme's."""

    source: Circumstances
    zone: str
    hours: Hours | None
    dates: Dates | None
    merchants: frozenset[int] | None
    tiers: tuple[tuple[str, int], ...]
    when: int | None

    def is_open(self, facts: Facts, answers: Sequence[bool]) -> bool:
        """Whether everything holds. `answers`: of the programme's conditions."""
        return (
            (self.merchants is None or facts.merchant in self.merchants)
            and (self.hours is None or self.hours.hold(facts.local(self.zone)))
            and (self.dates is None or self.dates.hold(facts.local(self.zone)))
            and (not self.tiers or all(facts.tiers.get(ladder, 0) >= rank for ladder, rank in self.tiers))
            and (self.when is None or answers[self.when])
        )

    def why_not(self, facts: Facts, answers: Sequence[bool]) -> str:
        """In words, the first thing that does not hold."""
        if self.merchants is not None and facts.merchant not in self.merchants:
            return "not at this merchant"
        if self.hours is not None and not self.hours.hold(facts.local(self.zone)):
            return f"outside {self.hours.say()} ({self.zone})"
        if self.dates is not None and not self.dates.hold(facts.local(self.zone)):
            return f"not {self.dates.say()}"
        for ladder, rank in self.tiers:
            if facts.tiers.get(ladder, 0) < rank:
                return f"below rank {rank} on {ladder}"
        return f"not: {self.source.when}"


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
    return Gate(source, zone, source.hours, source.dates, merchants, tiers, when)
