"""Challenges and streaks: what has to be done how often, and what that earns. Pure.

What is done of them is found out later, from what is kept of actions (gateway/loyalty/earning/play).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.loyalty.rules.calendar import Period
from gateway.loyalty.rules.ladders import Words
from gateway.loyalty.rules.parts import Circumstances, Part, Slug, Slugs

MAX_GOALS = 20

#: Nothing: it is counted for a badge alone.
Bonus = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Counts(StrEnum):
    ACTIONS = "actions"
    DAYS = "days"
    SPEND = "spend"
    POINTS = "points"


class Goal(Circumstances):
    """`counts`: how many actions, on how many local days, how much was spent or earned (hundredths), of those that meet
    the circumstances and for which one of `rules` (default: any or none) counted something. `target`: so much of it in
    one period. What is refunded no longer counts, and takes back what it was needed for."""

    id: Slug
    name: Words | None = None
    counts: Counts = Counts.ACTIONS
    rules: Slugs | None = None
    target: Annotated[int, Field(strict=True, ge=1, le=MAX_HUNDREDTHS)] = 1
    points: Bonus


class Leaderboard(Part):
    """Shows the `top` of those wallets that asked for it, under names of the gateway's, by the points that landed for
    them on the chain in one period."""

    period: Literal[Period.WEEK, Period.MONTH, Period.YEAR, Period.CAMPAIGN] = Period.MONTH
    top: Annotated[int, Field(strict=True, ge=1, le=100)] = 10


class Challenge(Goal):
    """`points` hundredths each time that the target is reached within one period, at most `times` in each: three visits
    in a week, ten cups in all."""

    period: Literal[Period.DAY, Period.WEEK, Period.MONTH, Period.YEAR, Period.CAMPAIGN]
    times: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1


class Streak(Goal):
    """`points` hundredths when the target is reached in each of `length` periods in a row: something every week, four
    weeks long. With `repeat` again after the next `length`, and in each further row; else once."""

    period: Literal[Period.DAY, Period.WEEK, Period.MONTH, Period.YEAR]
    length: Annotated[int, Field(strict=True, ge=2, le=366)]
    repeat: bool = False

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.counts is Counts.DAYS and self.period is Period.DAY and self.target > 1:
            raise ValueError("a day has one day")
        return self
