"""Points once a year, counted from the wallet's first action: nobody's birth date is asked. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import Ratio, decimal
from gateway.loyalty.rules.calculators.base import Calculator
from gateway.loyalty.rules.calendar import Local, years_between
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.parts import Rate
from gateway.loyalty.rules.selecting import Seen


class Anniversary(Calculator):
    """`points` hundredths with the first action of each further year since the wallet's first in the campaign, local
    days. A claim code has no past, so it has no anniversary. (Once a year is kept by a cap, see caps.)"""

    kind: Literal["anniversary"]
    points: Rate
    occasions: ClassVar[frozenset[Occasion]] = frozenset(Occasion)
    historic: ClassVar[bool] = True

    def measure(self, seen: Seen, facts: Facts) -> int:
        if facts.member_since is None:
            return 0
        return int(years_between(Local(facts.member_since, facts.zone), facts.local) > 0)

    def worth(self, eligible: int) -> Ratio:
        return (self.points if eligible else 0), 1

    def say(self, eligible: int) -> str:
        return f"{decimal(self.points)} points for another year"
