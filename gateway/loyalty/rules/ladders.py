"""Ladders: what counts, in which window, and for how long a rung is held. Pure.

How it is reckoned stands in gateway/loyalty/tiers/standing.py.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.core.limits import MAX_ID
from gateway.loyalty.rules.parts import Part, Slug

#: Few, so that a rung tells little of who stands on it.
MAX_RUNGS = 10
MAX_DAYS = 1_100

#: Shown to people. PostgreSQL's text holds anything but NUL.
Words = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class By(StrEnum):
    POINTS = "points"
    SPEND = "spend"
    VISITS = "visits"


class Window(StrEnum):
    ROLLING = "rolling"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ANNIVERSARY = "anniversary"
    EVER = "ever"


#: Those that begin anew at a date.
PERIODS = frozenset({Window.MONTH, Window.QUARTER, Window.YEAR, Window.ANNIVERSARY})


class Rung(Part):
    """`at`: from how much on, in hundredths of a point or of money, or in days with a visit. `name` and `benefits` are
    for people; what a rung earns or buys is said by the rules and prices that ask for it."""

    id: Slug
    at: Annotated[int, Field(strict=True, ge=0, le=MAX_ID)]
    name: Words | None = None
    benefits: list[Words] = Field(default_factory=list, max_length=20)


class Ladder(Part):
    """Rungs in their order; the first is where everybody stands (`at: 0`), and its rank is 0.

    What counts is the wallet's own: `points` earned, `spend`, or `visits` (days on which it bought or visited), less
    what was refunded. `window`: the last `days` days (`rolling`); a calendar `month`, `quarter` or `year`; a year of
    membership from the wallet's first day (`anniversary`); or all days (`ever`). Days are local, and a rung is reached
    overnight.

    A rung reached in a period is held to its end and for `keep` periods more; in a rolling window while that suffices.
    Then `grace_days` more. With `soft_landing` a wallet falls by one rung at a time, each held for one window.
    """

    id: Slug
    by: By
    window: Window = Window.YEAR
    days: Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)] | None = None
    keep: Annotated[int, Field(strict=True, ge=0, le=12)] | None = None
    grace_days: Annotated[int, Field(strict=True, ge=0, le=366)] = 0
    soft_landing: bool = False
    rungs: list[Rung] = Field(min_length=2, max_length=MAX_RUNGS)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.days is None) == (self.window == Window.ROLLING):
            raise ValueError("days are for a rolling window, which needs them")
        if self.keep is not None and self.window not in PERIODS:
            raise ValueError("keep is for windows that begin anew at a date")
        marks = [rung.at for rung in self.rungs]
        if marks[0] != 0 or any(low >= high for low, high in pairwise(marks)):
            raise ValueError("rungs begin at 0 and rise")
        if len({rung.id for rung in self.rungs}) != len(self.rungs):
            raise ValueError("a rung is there twice")
        return self

    @property
    def marks(self) -> tuple[int, ...]:
        """From how much on, by rank."""
        return tuple(rung.at for rung in self.rungs)

    @property
    def kept(self) -> int:
        """For how many further periods a rung is held."""
        return 1 if self.keep is None else self.keep

    def same_terms(self, other: Ladder) -> bool:
        """Whether they reckon alike, whatever they are called."""
        apart = {"rungs": {"__all__": {"name", "benefits"}}}
        return self.model_dump(exclude=apart) == other.model_dump(exclude=apart)
