"""Points by the piece. Pure."""

from __future__ import annotations

from typing import Literal

from gateway.loyalty.rules.amounts import Ratio, decimal
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Quantity, Rate
from gateway.loyalty.rules.selecting import Seen


class PerItem(OfPurchases):
    """`points` hundredths for every full `every` pieces on the lines that count."""

    kind: Literal["per_item"]
    points: Rate
    every: Quantity = 1

    def measure(self, seen: Seen, facts: Facts) -> int:
        return seen.quantity

    def worth(self, eligible: int) -> Ratio:
        return eligible // self.every * self.points, 1

    def say(self, eligible: int) -> str:
        return f"{decimal(self.points)} points for every {self.every} of {eligible} pieces"
