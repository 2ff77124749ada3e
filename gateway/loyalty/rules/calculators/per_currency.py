"""Points in proportion to what was paid. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import NOTHING, Ratio, decimal
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Money, Rate
from gateway.loyalty.rules.selecting import Seen


class PerCurrency(OfPurchases):
    """`points` hundredths of a point for every `per` hundredths of money on the lines that count; nothing below
    `min_amount` on those lines together. `whole`: only for each full `per`."""

    kind: Literal["per_currency"]
    points: Rate
    per: Rate
    min_amount: Money | None = None
    whole: bool = False
    in_money: ClassVar[bool] = True

    def measure(self, seen: Seen, facts: Facts) -> int:
        return seen.amount

    def worth(self, eligible: int) -> Ratio:
        if self.min_amount is not None and eligible < self.min_amount:
            return NOTHING
        if self.whole:
            return eligible // self.per * self.points, 1
        return eligible * self.points, self.per

    def say(self, eligible: int) -> str:
        if self.min_amount is not None and eligible < self.min_amount:
            return f"{decimal(eligible)} counts, and {decimal(self.min_amount)} is the least"
        each = "full " if self.whole else ""
        return f"{decimal(self.points)} points for every {each}{decimal(self.per)} of {decimal(eligible)}"
