"""Points on the cheapest or the dearest item. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import Ratio, decimal
from gateway.loyalty.rules.calculators.base import OfPurchases
from gateway.loyalty.rules.facts import Facts
from gateway.loyalty.rules.parts import Rate
from gateway.loyalty.rules.selecting import Seen


class OneItem(OfPurchases):
    """`points` hundredths for every `per` hundredths of one piece's price, rounded down: of the cheapest or the
    dearest piece on the lines that count."""

    points: Rate
    per: Rate
    summable: ClassVar[bool] = False

    def worth(self, eligible: int) -> Ratio:
        return eligible * self.points, self.per

    def _say(self, which: str, eligible: int) -> str:
        each = f"{decimal(self.points)} points for every {decimal(self.per)}"
        return f"{each} of the {which} item's price, {decimal(eligible)}"


def prices(seen: Seen) -> Iterator[int]:
    """Of one piece of each line. (What is left of a line may be money without pieces.)"""
    return (line.amount // line.quantity for line in seen.lines if line.quantity)


class CheapestItem(OneItem):
    kind: Literal["cheapest_item"]

    def measure(self, seen: Seen, facts: Facts) -> int:
        return min(prices(seen), default=0)

    def say(self, eligible: int) -> str:
        return self._say("cheapest", eligible)


class DearestItem(OneItem):
    kind: Literal["dearest_item"]

    def measure(self, seen: Seen, facts: Facts) -> int:
        return max(prices(seen), default=0)

    def say(self, eligible: int) -> str:
        return self._say("dearest", eligible)
