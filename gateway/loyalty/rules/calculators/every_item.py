"""Points for a basket that holds nothing else. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import Ratio, decimal
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Rate
from gateway.loyalty.rules.selecting import Seen


class EveryItem(OfPurchases):
    """`points` hundredths for every `per` hundredths of money, when every line of the purchase counts."""

    kind: Literal["every_item"]
    points: Rate
    per: Rate
    summable: ClassVar[bool] = False
    in_money: ClassVar[bool] = True

    def measure(self, seen: Seen, facts: Facts) -> int:
        return seen.amount if seen.whole and seen.lines else 0

    def worth(self, eligible: int) -> Ratio:
        return eligible * self.points, self.per

    def say(self, eligible: int) -> str:
        each = f"{decimal(self.points)} points for every {decimal(self.per)} of {decimal(eligible)}"
        return f"every item counts: {each}"
