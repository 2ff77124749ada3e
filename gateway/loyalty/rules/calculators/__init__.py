"""All kinds of rules. A new one is a file beside this one and a line in this list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.loyalty.rules.calculators.anniversary import Anniversary
from gateway.loyalty.rules.calculators.any_item import AnyItem
from gateway.loyalty.rules.calculators.every_item import EveryItem
from gateway.loyalty.rules.calculators.one_item import CheapestItem, DearestItem
from gateway.loyalty.rules.calculators.per_action import PerAction
from gateway.loyalty.rules.calculators.per_currency import PerCurrency
from gateway.loyalty.rules.calculators.per_item import PerItem
from gateway.loyalty.rules.calculators.per_purchase import PerPurchase
from gateway.loyalty.rules.calculators.per_visit import PerVisit

Rule = Annotated[
    PerCurrency
    | PerItem
    | PerPurchase
    | AnyItem
    | EveryItem
    | CheapestItem
    | DearestItem
    | PerVisit
    | PerAction
    | Anniversary,
    Field(discriminator="kind"),
]
