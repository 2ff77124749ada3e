"""Badges: what has to be reached before a wallet may ask for one. Pure.

Who has reached it is found out later (gateway/loyalty/badges), from what challenges, streaks and ladders look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.loyalty.rules.amounts import decimal
from gateway.loyalty.rules.calendar import Period
from gateway.loyalty.rules.ladders import By, Ladder, Words
from gateway.loyalty.rules.parts import Part, Slug
from gateway.loyalty.rules.play import Challenge, Counts, Goal, Streak

MAX_BADGES = 50
#: Shown as the contract counts them; small, so that nobody writes anything into one.
MAX_NUMBER = 9_999


class Badge(Part):
    """For reaching the challenge or streak `goal` so many `times` in all, or for standing on `rung` of `ladder` or
    above. On the chain for good, at the wallet's own wish, under its `number`, which always stands for the same; `name`
    and `description` are for people."""

    number: Annotated[int, Field(strict=True, ge=1, le=MAX_NUMBER)]
    name: Words
    description: Words | None = None
    goal: Slug | None = None
    times: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1
    ladder: Slug | None = None
    rung: Slug | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if (self.goal is None) == (self.ladder is None) or (self.ladder is None) != (self.rung is None):
            raise ValueError("either goal, or ladder and rung")
        if self.goal is None and self.times != 1:
            raise ValueError("times is for goals")
        return self

    def same(self, other: Badge) -> bool:
        """Whether it is reached by the same; names may change."""
        return self._terms == other._terms

    @property
    def _terms(self) -> tuple[object, ...]:
        return self.goal, self.times, self.ladder, self.rung


def changed(before: Iterable[Sequence[Badge]], now: Sequence[Badge]) -> int | None:
    """The first number that stood for something else in an earlier version."""
    stood = [badge for badges in before for badge in badges]
    return next(
        (badge.number for badge in now for old in stood if old.number == badge.number and not old.same(badge)), None
    )


def in_words(badge: Badge, goals: Iterable[Challenge | Streak], ladders: Iterable[Ladder]) -> str:
    """Everything that it says of who has it, for people, in the merchant's published words and ours."""
    if badge.ladder is not None:
        ladder = next(ladder for ladder in ladders if ladder.id == badge.ladder)
        rung = next(rung for rung in ladder.rungs if rung.id == badge.rung)
        return f"{rung.name or rung.id} of {badge.ladder}, or above: {_amount(ladder.by, rung.at)}"
    goal = next(goal for goal in goals if goal.id == badge.goal)
    where = "the campaign" if goal.period is Period.CAMPAIGN else f"a {goal.period}"
    if isinstance(goal, Streak):
        where += f", {goal.length} in a row"
    often = f"; {badge.times} times" if badge.times > 1 else ""
    return f"{goal.name or goal.id}: {_amount(goal.counts, goal.target)} in {where}{often}{_circumstances(goal)}"


def _amount(of: Counts | By, amount: int) -> str:
    match of:
        case Counts.SPEND | By.SPEND:
            return f"{decimal(amount)} spent"
        case Counts.POINTS | By.POINTS:
            return f"{decimal(amount)} points earned"
        case By.VISITS:
            return f"{amount} days with a visit"
        case Counts.ACTIONS:
            return f"{amount} actions" if amount > 1 else "an action"
        case Counts.DAYS:
            return f"{amount} days" if amount > 1 else "a day"


def _circumstances(goal: Goal) -> str:
    """What else must hold of what counts."""
    said = [
        f"by {', '.join(goal.rules)}" if goal.rules else "",
        f"at {', '.join(f'merchant {id}' for id in goal.merchants)}" if goal.merchants else "",
        goal.hours.say() if goal.hours else "",
        goal.dates.say() if goal.dates else "",
        *(f"from rank {rank} of {ladder} on" for ladder, rank in (goal.tiers or {}).items()),
        f"when {goal.when}" if goal.when else "",
    ]
    return "".join(f"; {part}" for part in said if part)
