"""Exact amounts of points until the one place where they are rounded. Pure."""

from __future__ import annotations

from enum import StrEnum


class Rounding(StrEnum):
    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


#: Hundredths of a point as a fraction: over, under; integers, over ≥ 0, under > 0. (A plain pair: there are many.)
Ratio = tuple[int, int]
NOTHING: Ratio = (0, 1)


def rounded(ratio: Ratio, mode: Rounding, step: int = 1) -> int:
    """Whole multiples of `step` hundredths."""
    over, under = ratio[0], ratio[1] * step
    if mode is Rounding.DOWN:
        return over // under * step
    whole, rest = divmod(over, under)
    if rest:
        if mode == Rounding.UP or 2 * rest > under:
            whole += 1
        elif 2 * rest == under:
            whole += 1 if mode == Rounding.HALF_UP else whole % 2
    return whole * step


def decimal(hundredths: int) -> str:
    """For people: 1234 is 12.34."""
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
