"""Points for what a customer did: a review, a share, an event, a subscription. Pure."""

from __future__ import annotations

from typing import ClassVar, Literal

from gateway.loyalty.rules.amounts import Ratio, decimal
from gateway.loyalty.rules.calculators.base import Calculator
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.parts import ActionName, Rate
from gateway.loyalty.rules.selecting import Seen


class PerAction(Calculator):
    """`points` hundredths for each custom action of this name; with `per` for every so many hundredths of its amount
    instead (a donation, a subscription's price)."""

    kind: Literal["per_action"]
    action: ActionName
    points: Rate
    per: Rate | None = None
    occasions: ClassVar[frozenset[Occasion]] = frozenset({Occasion.CUSTOM})

    def measure(self, seen: Seen, facts: Facts) -> int:
        if facts.action != self.action:
            return 0
        return 1 if self.per is None else facts.amount

    def worth(self, eligible: int) -> Ratio:
        return eligible * self.points, self.per or 1

    def say(self, eligible: int) -> str:
        if self.per is None:
            return f"{decimal(self.points)} points for {self.action}"
        return f"{decimal(self.points)} points for every {decimal(self.per)} of {self.action}, {decimal(eligible)}"
