"""The maturing rule of an account, as contracts/libraries/Accounts.sol has it.

Time is cut into periods of the hold. An award of period n is matured from the start of period n + 2: after the hold at
least, after twice the hold at most. A hold of zero matures at once. Points are hundredths, times Unix seconds.
"""

from __future__ import annotations

from typing import NamedTuple


class Slot(NamedTuple):
    """One account as of its last change: `old` was awarded in the period before `period`, `young` in it."""

    matured: int = 0
    old: int = 0
    young: int = 0
    period: int = 0

    @property
    def pending(self) -> int:
        """Points still held."""
        return self.old + self.young


class Short(Exception):
    """More is to be taken than there is: the ledger and the chain disagree."""


def roll(slot: Slot, now: int, hold: int) -> Slot:
    """The account with everything matured that is due at `now`; comes before anything else is read or changed."""
    if hold == 0:
        return slot
    period = now // hold
    passed = period - slot.period
    if passed <= 0:
        return slot
    if passed == 1:
        return Slot(slot.matured + slot.old, slot.young, 0, period)
    return Slot(slot.matured + slot.pending, 0, 0, period)


def credit(slot: Slot, points: int) -> Slot:
    """Adds points that are free at once."""
    return Slot(slot.matured + points, slot.old, slot.young, slot.period)


def award(slot: Slot, points: int, hold: int) -> Slot:
    """Adds points that are held first."""
    return credit(slot, points) if hold == 0 else slot._replace(young=slot.young + points)


def take(slot: Slot, points: int) -> Slot:
    """Takes matured points; Short when there are fewer."""
    if points > slot.matured:
        raise Short
    return Slot(slot.matured - points, slot.old, slot.young, slot.period)


def claw(slot: Slot, points: int) -> tuple[Slot, int]:
    """Takes at most `points` of what is held, the youngest first; also returns how many it took."""
    young = min(points, slot.young)
    old = min(points - young, slot.old)
    return slot._replace(young=slot.young - young, old=slot.old - old), young + old


def clear(slot: Slot, points: int) -> Slot:
    """Takes everything, held or not, when it is `points`; else Short."""
    if points != slot.matured + slot.pending:
        raise Short
    return slot._replace(matured=0, old=0, young=0)


def next_maturity(slot: Slot, hold: int) -> int | None:
    """Start of the period in which the older of what is held matures; None when nothing is held."""
    if slot.old:
        return (slot.period + 1) * hold
    if slot.young:
        return (slot.period + 2) * hold
    return None
