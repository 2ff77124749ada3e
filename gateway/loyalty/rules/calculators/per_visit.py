"""Points for coming. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import Ratio, decimal
from gateway.loyalty.rules.calculators.base import Calculator
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.parts import Rate
from gateway.loyalty.rules.selecting import Seen


class PerVisit(Calculator):
    """`points` hundredths for each reported visit."""

    kind: Literal["per_visit"]
    points: Rate
    occasions: ClassVar[frozenset[Occasion]] = frozenset({Occasion.VISIT})

    def measure(self, seen: Seen, facts: Facts) -> int:
        return 1

    def worth(self, eligible: int) -> Ratio:
        return eligible * self.points, 1

    def say(self, eligible: int) -> str:
        return f"{decimal(self.points)} points for a visit"
