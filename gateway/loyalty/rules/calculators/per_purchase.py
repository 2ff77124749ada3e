"""A fixed number of points for a purchase. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import NOTHING, Ratio, decimal
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Money, Rate
from gateway.loyalty.rules.selecting import Seen


class PerPurchase(OfPurchases):
    """`points` hundredths, once, when the lines that count cost at least `min_amount` together."""

    kind: Literal["per_purchase"]
    points: Rate
    min_amount: Money = 1
    in_money: ClassVar[bool] = True

    def measure(self, seen: Seen, facts: Facts) -> int:
        return seen.amount

    def worth(self, eligible: int) -> Ratio:
        return (self.points, 1) if eligible >= self.min_amount else NOTHING

    def say(self, eligible: int) -> str:
        if eligible < self.min_amount:
            return f"{decimal(eligible)} counts, and {decimal(self.min_amount)} is the least"
        return f"{decimal(self.points)} points for a purchase of at least {decimal(self.min_amount)}"
