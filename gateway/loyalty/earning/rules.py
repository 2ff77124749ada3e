"""What an action earns and what a refund takes back. Pure.

Money and points in hundredths, rounded down for each rule by itself. Every rule depends only on how much of an action
counts for it, so a refund is exact: what remains earns what it would have earned alone, and the difference is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.core.problems import INVALID_REQUEST
from gateway.loyalty.campaigns.rules import PerAction, PerCurrency, PerVisit, parse
from gateway.loyalty.earning.errors import (
    REFUND_DUPLICATE,
    REFUND_EXCEEDS_PURCHASE,
    REFUND_LINES_REQUIRED,
    TOO_MANY_POINTS,
    UNKNOWN_ACTION,
)


class Line(Protocol):
    """A line of a receipt; `amount` is for the whole quantity."""

    @property
    def product(self) -> str: ...

    @property
    def category(self) -> str | None: ...

    @property
    def amount(self) -> int: ...


@dataclass(frozen=True)
class Count:
    """What counted for one rule: `eligible` hundredths of money (or 1), and the points it gave or takes back."""

    rule: int
    eligible: int
    points: int


@dataclass(frozen=True)
class Matcher:
    """A rule made ready for asking."""

    rule: PerCurrency | PerVisit | PerAction
    products: frozenset[str]
    categories: frozenset[str]
    except_products: frozenset[str]
    except_categories: frozenset[str]

    def takes(self, line: Line) -> bool:
        return (
            (not self.products or line.product in self.products)
            and (not self.categories or line.category in self.categories)
            and line.product not in self.except_products
            and line.category not in self.except_categories
        )

    @property
    def conditional(self) -> bool:
        return isinstance(self.rule, PerCurrency) and self.rule.conditional

    def points(self, eligible: int) -> int:
        """Points for so much, rounded down."""
        if not isinstance(self.rule, PerCurrency):
            return eligible * self.rule.points
        if eligible < (self.rule.min_amount or 0):
            return 0
        return eligible * self.rule.points // self.rule.per

    def eligible(self, total: int, lines: Sequence[Line] | None) -> int:
        """How much of a sum, of these lines where they are known, counts for a rule per currency."""
        if not self.conditional:
            return total
        return sum(line.amount for line in lines or () if self.takes(line))


@lru_cache(maxsize=256)
def matchers(document: str) -> tuple[Matcher, ...]:
    """The rules of a stored document, by their place in it."""
    return tuple(
        Matcher(
            rule,
            *(
                frozenset(getattr(rule, name, None) or ())
                for name in ("products", "categories", "except_products", "except_categories")
            ),
        )
        for rule in parse(document).rules
    )


def sum_of(lines: Sequence[Line]) -> int:
    """What the lines cost together; `invalid-request` above what one action may be worth."""
    total = sum(line.amount for line in lines)
    if total > MAX_HUNDREDTHS:
        raise INVALID_REQUEST.at("lines", f"more than {MAX_HUNDREDTHS} hundredths together")
    return total


def purchase(document: str, total: int, lines: Sequence[Line] | None) -> list[Count]:
    """What a purchase of `total` hundredths earns; without `lines` it meets no condition."""
    found = [
        (number, matcher, matcher.eligible(total, lines))
        for number, matcher in enumerate(matchers(document))
        if isinstance(matcher.rule, PerCurrency)
    ]
    return _limited([Count(number, eligible, matcher.points(eligible)) for number, matcher, eligible in found])


def visit(document: str) -> list[Count]:
    """What a visit earns."""
    rules = enumerate(matchers(document))
    return _limited([Count(number, 1, rule.points(1)) for number, rule in rules if isinstance(rule.rule, PerVisit)])


def custom(document: str, action: str) -> list[Count]:
    """What a custom action earns; `unknown-action` when no rule names it."""
    found = [
        Count(number, 1, matcher.points(1))
        for number, matcher in enumerate(matchers(document))
        if isinstance(matcher.rule, PerAction) and matcher.rule.action == action
    ]
    if not found:
        raise UNKNOWN_ACTION.at("action")
    return _limited(found)


def _limited(counts: list[Count]) -> list[Count]:
    if sum(count.points for count in counts) > MAX_HUNDREDTHS:
        raise TOO_MANY_POINTS.at("amount", f"more than {MAX_HUNDREDTHS} hundredths")
    return [count for count in counts if count.eligible]


@dataclass
class Left:
    """What is left of an action after its refunds. Invariant: each count's points are what its rule gives for its
    eligible rest."""

    amount: int
    counts: dict[int, Count] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        return self.amount == 0 and not any(count.eligible for count in self.counts.values())


@dataclass(frozen=True)
class Taken:
    """What one refund takes back."""

    amount: int
    counts: tuple[Count, ...]

    @property
    def points(self) -> int:
        return sum(count.points for count in self.counts)


def take_back(document: str, left: Left, lines: Sequence[Line] | None, amount: int | None) -> Taken:
    """Takes `lines`, or `amount`, or everything off what is left of an action, and changes `left`.

    Raises `refund-duplicate`, `refund-exceeds-purchase`, `refund-lines-required`; then `left` is as it was.
    """
    if left.nothing:
        raise REFUND_DUPLICATE.at("refers_to")
    rules = matchers(document)
    total = sum_of(lines) if lines is not None else left.amount if amount is None else amount
    if total > left.amount:
        raise REFUND_EXCEEDS_PURCHASE.at("amount" if lines is None else "lines", f"{left.amount} hundredths are left")
    eligible = _eligible(rules, left, lines, total)
    for number, part in eligible.items():
        if part > (left.counts[number].eligible if number in left.counts else 0):
            raise REFUND_EXCEEDS_PURCHASE.at("lines", f"more than counted for rule {number}")
    taken = []
    for number, count in left.counts.items():
        part = eligible.get(number, 0)
        rest = count.eligible - part
        points = rules[number].points(rest)
        left.counts[number] = Count(number, rest, points)
        if part:
            taken.append(Count(number, part, count.points - points))
    left.amount -= total
    return Taken(total, tuple(taken))


def _eligible(rules: Sequence[Matcher], left: Left, lines: Sequence[Line] | None, total: int) -> Mapping[int, int]:
    """How much of what comes back counts for each rule."""
    if lines is not None:
        paid = [(number, rule) for number, rule in enumerate(rules) if isinstance(rule.rule, PerCurrency)]
        return {number: rule.eligible(total, lines) for number, rule in paid}
    if total == left.amount:
        return {number: count.eligible for number, count in left.counts.items()}
    return {number: _share(rules[number], left, count, total) for number, count in left.counts.items()}


def _share(rule: Matcher, left: Left, count: Count, amount: int) -> int:
    """How much of a bare sum counts for a rule: all or nothing of it, else only the lines can tell."""
    if rule.conditional and 0 < count.eligible < left.amount:
        raise REFUND_LINES_REQUIRED.at("lines")
    return amount if count.eligible else 0
