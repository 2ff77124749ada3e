"""What a kind of rule must say. To add one: docs/howto/add-an-earning-rule.md."""

from __future__ import annotations

from typing import ClassVar

from gateway.loyalty.rules.amounts import Ratio
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.parts import RuleBase, Selection
from gateway.loyalty.rules.selecting import Seen


class Calculator(RuleBase):
    """One kind of rule: its fields are its schema, and its three methods say what it gives and why.

    What is kept of an action is how much of it counted for each rule; so `worth` may depend on nothing but that.
    """

    #: What can make it fire.
    occasions: ClassVar[frozenset[Occasion]]
    #: Whether what counts of a purchase is the sum of what counts of its lines. If not, a return needs the receipt.
    summable: ClassVar[bool] = True
    #: Whether that is money: then a sum that comes back tells how much less counts, where the whole sum counted.
    in_money: ClassVar[bool] = False
    #: Whether it looks at the wallet's past: then it keeps what it gave until nothing is left of the action.
    historic: ClassVar[bool] = False

    def measure(self, seen: Seen, facts: Facts) -> int:
        """How much counts, in hundredths of money, in pieces or in times; 0: nothing does."""
        raise NotImplementedError

    def worth(self, eligible: int) -> Ratio:
        """Hundredths of a point for so much; 0 for 0, and never less for more."""
        raise NotImplementedError

    def say(self, eligible: int) -> str:
        """In words, what was counted, without a full stop."""
        raise NotImplementedError


class OfPurchases(Calculator, Selection):
    """A kind of rule about the lines that its selection takes."""

    occasions: ClassVar[frozenset[Occasion]] = frozenset({Occasion.PURCHASE})
