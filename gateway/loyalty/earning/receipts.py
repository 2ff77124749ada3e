"""Receipts: what was bought, as the till shows it again when a part comes back. Pure.

The gateway keeps no lines. It keeps a keyed digest of them, so that a receipt that is shown again can be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.loyalty.earning.errors import REFUND_EXCEEDS_PURCHASE
from gateway.loyalty.rules.facts import Line


@dataclass(frozen=True)
class Kept:
    """A line, or what is left of one: `quantity` may be 0 when all pieces came back but not all of their price."""

    product: str
    category: str | None
    brand: str | None
    quantity: int
    amount: int


def canonical(lines: Sequence[Line]) -> bytes:
    """The same lines always as the same bytes, in whatever order they come."""
    rows = [[line.product, line.category or "", line.brand or "", line.quantity, line.amount] for line in lines]
    return json.dumps(sorted(rows), separators=(",", ":")).encode()


def without(receipt: Sequence[Line], back: Sequence[Line]) -> tuple[Kept, ...]:
    """What is left of a receipt when `back` comes back. `refund-exceeds-purchase` for what is not on it.

    A returned line is taken off one of the same product, category and brand: of the same price where there is one.
    """
    left = [Kept(line.product, line.category, line.brand, line.quantity, line.amount) for line in receipt]
    for number, line in enumerate(back):
        fitting = [
            place
            for place, kept in enumerate(left)
            if (kept.product, kept.category, kept.brand) == (line.product, line.category, line.brand)
            and kept.quantity >= line.quantity
            and kept.amount >= line.amount
        ]
        if not fitting:
            raise REFUND_EXCEEDS_PURCHASE.at(f"lines[{number}]", "not on the receipt")
        place = min(fitting, key=lambda place: _distance(left[place], line))
        kept = left[place]
        left[place] = replace(kept, quantity=kept.quantity - line.quantity, amount=kept.amount - line.amount)
    return tuple(line for line in left if line.quantity or line.amount)


def _distance(kept: Kept, line: Line) -> int:
    """How far their prices lie apart, over a common divisor."""
    return abs(kept.amount * line.quantity - line.amount * max(kept.quantity, 1))
