"""The most that a wallet, a merchant or the campaign gets in a period; what is above is cut and reported. Pure.

A cap counts what was given, by the local day of the action itself. Where several actions come in one call they are
judged in the order in which they happened; between calls the earlier call comes first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.core.limits import MAX_SUM
from gateway.loyalty.rules.amounts import decimal
from gateway.loyalty.rules.calendar import Local, Period, period_of
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Part, Slug, Slugs, name_key


class Per(StrEnum):
    WALLET = "wallet"
    MERCHANT = "merchant"
    CAMPAIGN = "campaign"


class Cap(Part):
    """At most `points` hundredths, or at most so many `times`, in each `period` (local, in the programme's zone), from
    the named rules and groups together (default: all). Renaming a cap makes it count anew."""

    id: Slug
    per: Per
    period: Period
    points: Annotated[int, Field(strict=True, ge=0, le=MAX_SUM)] | None = None
    times: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None
    rules: Slugs | None = None
    groups: Slugs | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.points is None) == (self.times is None):
            raise ValueError("either points or times")
        if self.period == Period.MEMBERSHIP and self.per != Per.WALLET:
            raise ValueError("only wallets have years of membership")
        return self

    @property
    def most(self) -> int:
        """Hundredths of a point, or times."""
        return (self.points if self.times is None else self.times) or 0

    @property
    def key(self) -> bytes:
        """What its use is counted under: the name, and whether it counts points or times."""
        return name_key(f"{'points' if self.times is None else 'times'} {self.id}")

    def period_number(self, facts: Facts) -> int:
        """The period in which the action lies."""
        local = facts.local
        since = None if facts.member_since is None else Local(facts.member_since, facts.zone)
        return period_of(self.period, local, since)

    def say(self, left: int) -> str:
        """In words, why something was cut."""
        span = {Period.ACTION: "at once", Period.CAMPAIGN: "in all"}.get(self.period, f"a {self.period}")
        if self.times is None:
            return f"{self.id} allows {decimal(self.most)} points {span} for each {self.per}; {decimal(left)} were left"
        return f"{self.id} allows {self.most} times {span} for each {self.per}; {left} were left"
