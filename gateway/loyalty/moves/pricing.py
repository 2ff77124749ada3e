"""What arrives when points enter a campaign. Pure; amounts in hundredths of a point, bonus in basis points."""

from __future__ import annotations

from dataclasses import dataclass

BASIS_POINTS = 10_000


@dataclass(frozen=True)
class Quote:
    """`received` = what was sent + `bonus`; an order that demands `min_received` gets just this or does not land."""

    received: int
    bonus: int

    @property
    def min_received(self) -> int:
        return self.received


def quote(amount: int, closed: bool = False, bonus: int = 0, pot: int = 0) -> Quote:
    """As `_arrive` in contracts/hub/HolderAccounts.sol: amount + min(⌊amount × bonus / 10,000⌋, pot) if closed."""
    extra = min(amount * bonus // BASIS_POINTS, pot) if closed else 0
    return Quote(amount + extra, extra)
