"""What a wallet's deeds have reached of challenges and streaks. Pure.

A deed counts for the goals of the rules in force at its moment, in the order of the deeds' own times, so that nothing
depends on when they were told. What is due is a number of rewards for each goal and period (streaks: in all); the same
number due again is the same rewards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from gateway.loyalty.rules.calendar import Local, period_of
from gateway.loyalty.rules.circumstances import Gate, gate
from gateway.loyalty.rules.expressions import Conditions, compiled
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.play import Challenge, Counts, Goal, Streak
from gateway.loyalty.rules.programme import programme


@dataclass(frozen=True)
class Ready:
    """One goal made ready. `numbers`: the rules of which one must have counted something; None: any or none."""

    goal: Challenge | Streak
    gate: Gate | None
    conditions: Conditions | None
    numbers: frozenset[int] | None

    def takes(self, facts: Facts, counted: Mapping[int, int], ladders: Sequence[str]) -> bool:
        """Whether an action counts; `counted`: how much did for each rule."""
        if self.numbers is not None and not any(counted.get(number) for number in self.numbers):
            return False
        if self.gate is None:
            return True
        held = self.conditions.hold(facts.values(self.conditions.variables, ladders)) if self.conditions else ()
        return self.gate.is_open(facts, held)


@lru_cache(maxsize=256)
def goals_of(document: str) -> tuple[Ready, ...]:
    """The goals of a stored document."""
    rules = programme(document)
    found = []
    for goal in rules.document.goals:
        texts: list[str] = []
        opened = gate(goal, rules.document.zone, texts)
        named = None if goal.rules is None else frozenset(r.number for r in rules.rules if r.rule.id in goal.rules)
        found.append(Ready(goal, opened, compiled(texts), named))
    return tuple(found)


@dataclass(frozen=True)
class Deed:
    """An action, what is left of it (hundredths), and the goals for which it counts."""

    id: int
    at: int
    local: Local
    spend: int
    points: int
    goals: tuple[Challenge | Streak, ...]

    def worth(self, goal: Goal) -> int:
        """What it adds; days are counted otherwise."""
        return {Counts.ACTIONS: 1, Counts.DAYS: 0, Counts.SPEND: self.spend, Counts.POINTS: self.points}[goal.counts]


class Reached(NamedTuple):
    """The reward number `place` (from 0) for `goal` in `period` (streaks: 0) is due: `points` for `deed`."""

    goal: str
    period: int
    place: int
    points: int
    deed: int


@dataclass
class Tally:
    """What one period holds of one goal, and how often it was reached."""

    amount: int = 0
    days: set[int] = field(default_factory=set)
    times: int = 0

    def add(self, goal: Goal, deed: Deed) -> int:
        """Counts a deed; how much there is now."""
        self.amount += deed.worth(goal)
        self.days.add(deed.local.day)
        return self.total(goal)

    def total(self, goal: Goal) -> int:
        """How much there is."""
        return len(self.days) if goal.counts is Counts.DAYS else self.amount


@dataclass
class Course:
    """Everything that a wallet's deeds amount to."""

    reached: list[Reached]
    tallies: Mapping[tuple[str, int], Tally]
    #: Periods of each streak in which its target was reached, with the deed that reached it and the terms then.
    met: Mapping[str, Mapping[int, tuple[Deed, Streak]]]

    def row(self, streak: str, period: int) -> int:
        """How many periods in a row end with this one, or with the one before."""
        met = self.met.get(streak, {})
        last = period if period in met else period - 1
        length = 0
        while last - length in met:
            length += 1
        return length

    def times(self, goal: str, period: int) -> int:
        """How often a goal was reached in a period (streaks: 0)."""
        return sum(1 for reward in self.reached if (reward.goal, reward.period) == (goal, period))


def course(deeds: Sequence[Deed]) -> Course:
    """What the deeds have reached."""
    reached: list[Reached] = []
    tallies: dict[tuple[str, int], Tally] = defaultdict(Tally)
    met: dict[str, dict[int, tuple[Deed, Streak]]] = defaultdict(dict)
    for deed in sorted(deeds, key=lambda deed: (deed.at, deed.id)):
        for goal in deed.goals:
            period = period_of(goal.period, deed.local)
            tally = tallies[goal.id, period]
            total = tally.add(goal, deed)
            if isinstance(goal, Streak):
                if total >= goal.target:
                    met[goal.id].setdefault(period, (deed, goal))
                continue
            while tally.times < goal.times and total >= goal.target * (tally.times + 1):
                reached.append(Reached(goal.id, period, tally.times, goal.points, deed.id))
                tally.times += 1
    for id, periods in met.items():
        reached += _rows(id, periods)
    return Course(reached, tallies, met)


def _rows(id: str, periods: Mapping[int, tuple[Deed, Streak]]) -> list[Reached]:
    """The rewards of one streak: one for each `length` periods of an unbroken row."""
    found: list[Reached] = []
    length, previous = 0, None
    for period in sorted(periods):
        deed, goal = periods[period]
        length = length + 1 if previous == period - 1 else 1
        previous = period
        if length >= goal.length and (goal.repeat or not found):
            found.append(Reached(id, 0, len(found), goal.points, deed.id))
            length = 0
    return found
