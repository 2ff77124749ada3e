"""What a refund takes back: the rules that gave are asked again about what is left. Pure.

What is left earns what it would have earned alone, by the same version, and the difference is taken. Where a cap had
cut the award, what is left has the room that the award had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.core.problems import INVALID_REQUEST
from gateway.loyalty.earning.errors import (
    REFUND_DUPLICATE,
    REFUND_EXCEEDS_PURCHASE,
    REFUND_LINES_REQUIRED,
    REFUND_RECEIPT_REQUIRED,
)
from gateway.loyalty.earning.receipts import Kept, without
from gateway.loyalty.rules.facts import Facts, Line
from gateway.loyalty.rules.judging import Count, Measures, limit, measure, resolve, uses
from gateway.loyalty.rules.programme import Programme


@dataclass
class Left:
    """What is left of an action after its refunds: money in hundredths, what counts and what it gave. `lined`: it was
    reported with lines."""

    amount: int
    counts: dict[int, Count] = field(default_factory=dict)
    lined: bool = False

    @property
    def nothing(self) -> bool:
        return self.amount == 0 and not any(count.eligible for count in self.counts.values())

    @property
    def points(self) -> int:
        return sum(count.points for count in self.counts.values())


@dataclass(frozen=True)
class Returned:
    """What comes back: these lines, or a sum, or (neither) everything. `receipt`: what was there before; `named_by`:
    the field that says of what."""

    lines: Sequence[Line] | None = None
    amount: int | None = None
    receipt: Sequence[Line] | None = None
    named_by: str = "refers_to"


@dataclass(frozen=True)
class Taken:
    """What one refund takes back; counts are differences, and may be negative where another rule fires for the rest.
    `kept`: the lines that are left, where the receipt was shown."""

    amount: int
    counts: tuple[Count, ...]
    kept: tuple[Kept, ...] | None = None

    @property
    def points(self) -> int:
        return sum(count.points for count in self.counts)


def sum_of(lines: Sequence[Line]) -> int:
    """What the lines cost together; `invalid-request` above what one action may be worth."""
    total = sum(line.amount for line in lines)
    if total > MAX_HUNDREDTHS:
        raise INVALID_REQUEST.at("lines", f"more than {MAX_HUNDREDTHS} hundredths together")
    return total


def take_back(programme: Programme, facts: Facts, left: Left, back: Returned) -> Taken:
    """Takes what comes back off what is left of an action, and changes `left`. `facts` are the action's own.

    Raises `refund-duplicate`, `refund-exceeds-purchase`, `refund-lines-required`, `refund-receipt-required`; then
    `left` is as it was.
    """
    if left.nothing:
        raise REFUND_DUPLICATE.at(back.named_by)
    total = sum_of(back.lines) if back.lines is not None else left.amount if back.amount is None else back.amount
    if total > left.amount:
        where = "amount" if back.lines is None else "lines"
        raise REFUND_EXCEEDS_PURCHASE.at(where, f"{left.amount} hundredths are left")
    before = {number: count.eligible for number, count in left.counts.items()}
    if back.lines is None and total == left.amount:
        rest: Measures = {}
        kept: tuple[Kept, ...] | None = () if left.lined else None
    elif programme.needs_receipt and left.lined:
        kept = _kept(back)
        rest = _historic(programme, before) if kept else {}
        rest |= measure(programme, replace(facts, amount=left.amount - total, lines=kept))
    else:
        kept = None
        rest = _less(programme, facts, left, back.lines, total)
    given = _given(programme, replace(facts, amount=left.amount - total, lines=kept or None), left, before, rest)
    return _change(left, total, before, rest, given, kept)


def _kept(back: Returned) -> tuple[Kept, ...]:
    if back.receipt is None or back.lines is None:
        raise REFUND_RECEIPT_REQUIRED.at("receipt" if back.receipt is None else "lines")
    return without(back.receipt, back.lines)


def _historic(programme: Programme, before: Mapping[int, int]) -> Measures:
    return {number: eligible for number, eligible in before.items() if programme.rules[number].rule.historic}


def _less(programme: Programme, facts: Facts, left: Left, lines: Sequence[Line] | None, total: int) -> Measures:
    """How much of what is left counts for each rule, by what comes back alone."""
    before = {number: count.eligible for number, count in left.counts.items()}
    if lines is None:
        parts = {number: _share(programme, number, eligible, left.amount, total) for number, eligible in before.items()}
    else:
        parts = measure(programme, replace(facts, amount=total, lines=lines, member_since=None))
    for number, part in parts.items():
        if part > before.get(number, 0):
            raise REFUND_EXCEEDS_PURCHASE.at("lines", f"more than counted for rule {number}")
    rest = {number: eligible - parts.get(number, 0) for number, eligible in before.items()}
    if total == left.amount and not any(rest[n] for n in rest if not programme.rules[n].rule.historic):
        return {}
    return {number: eligible for number, eligible in rest.items() if eligible}


def _share(programme: Programme, number: int, eligible: int, left: int, amount: int) -> int:
    """How much of a bare sum counts for a rule: all of it where all that is left did, else only the lines can tell."""
    ready = programme.rules[number]
    if ready.rule.historic or not eligible:
        return 0
    if ready.rule.in_money and (ready.selection == 0 or eligible == left):
        return amount
    raise REFUND_LINES_REQUIRED.at("lines")


def _given(programme: Programme, facts: Facts, left: Left, before: Measures, rest: Measures) -> dict[int, int]:
    """What the rest gives, with the room under each cap that the award had."""
    wanted = resolve(programme, facts, rest)
    limits = programme.limits
    if not limits:
        return _at_most(left.points, wanted)
    was_wanted = resolve(programme, replace(facts, amount=left.amount), before)
    was_given = {number: count.points for number, count in left.counts.items()}
    cut = {number for number, points in was_wanted.items() if was_given.get(number, 0) < points}
    used = uses(limits, was_given)
    rooms = [room if cut & limited.rules else None for limited, room in zip(limits, used, strict=True)]
    return _at_most(left.points, limit(limits, wanted, rooms))


def _at_most(points: int, given: dict[int, int]) -> dict[int, int]:
    """A refund never gives: where a part earns more than the whole did, the last rules give less."""
    for number in sorted(given):
        given[number] = min(given[number], points)
        points -= given[number]
    return given


def _change(
    left: Left, total: int, before: Measures, rest: Measures, given: Mapping[int, int], kept: tuple[Kept, ...] | None
) -> Taken:
    taken = []
    for number in sorted(before.keys() | rest.keys()):
        old = left.counts.get(number, Count(number, 0, 0))
        new = Count(number, rest.get(number, 0), given.get(number, 0))
        left.counts[number] = new
        if new != old:
            taken.append(Count(number, old.eligible - new.eligible, old.points - new.points))
    left.amount -= total
    return Taken(total, tuple(taken), kept)
