"""A fixed number of points when some item is in the basket. Pure."""

from __future__ import annotations

from typing import Literal

from gateway.loyalty.rules.amounts import NOTHING, Ratio, decimal
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Quantity, Rate
from gateway.loyalty.rules.selecting import Seen


class AnyItem(OfPurchases):
    """`points` hundredths, once, when at least `min_quantity` pieces on the lines that count were bought."""

    kind: Literal["any_item"]
    points: Rate
    min_quantity: Quantity = 1

    def measure(self, seen: Seen, facts: Facts) -> int:
        return seen.quantity

    def worth(self, eligible: int) -> Ratio:
        return (self.points, 1) if eligible >= self.min_quantity else NOTHING

    def say(self, eligible: int) -> str:
        if eligible < self.min_quantity:
            return f"{eligible} pieces count, and {self.min_quantity} are the least"
        return f"{decimal(self.points)} points for at least {self.min_quantity} pieces"
