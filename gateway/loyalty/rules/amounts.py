"""Exact amounts of points until the one place where they are rounded. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Rounding(StrEnum):
    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


class Ratio(NamedTuple):
    """`over` / `under` hundredths of a point; `under` > 0, both integers ≥ 0."""

    over: int
    under: int = 1

    def times(self, percent: int) -> Ratio:
        return self if percent == 100 else Ratio(self.over * percent, self.under * 100)


NOTHING = Ratio(0)


def rounded(ratio: Ratio, mode: Rounding, step: int = 1) -> int:
    """Whole multiples of `step` hundredths."""
    over, under = ratio[0], ratio[1] * step
    whole, rest = divmod(over, under)
    if rest and mode != Rounding.DOWN:
        if mode == Rounding.UP or 2 * rest > under:
            whole += 1
        elif 2 * rest == under:
            whole += 1 if mode == Rounding.HALF_UP else whole % 2
    return whole * step


def decimal(hundredths: int) -> str:
    """For people: 1234 is 12.34."""
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
