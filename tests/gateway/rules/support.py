"""Programmes and baskets for tests of the rules alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.loyalty.rules.document import RulesDocument
from gateway.loyalty.rules.facts import Facts, Occasion
from gateway.loyalty.rules.judging import Count, measure, resolve
from gateway.loyalty.rules.programme import Programme, prepare
from gateway.loyalty.rules.words import Verdict, explain

#: Thursday, 1 January 2026, 12:00 UTC.
NOON = 1_767_268_800


@dataclass(frozen=True)
class Item:
    """A line of a receipt."""

    product: str = "p"
    amount: int = 100
    quantity: int = 1
    category: str | None = None
    brand: str | None = None


def programme(*rules: dict[str, Any], **more: Any) -> Programme:
    """A programme of these rules, through its stored form."""
    document = RulesDocument.model_validate({"rules": list(rules)} | more)
    return prepare(RulesDocument.model_validate_json(document.dump()))


def purchase(*lines: Item, at: int = NOON, amount: int | None = None, **more: Any) -> Facts:
    """The facts of a purchase, of lines or of one sum."""
    total = sum(line.amount for line in lines) if amount is None else amount
    return Facts(Occasion.PURCHASE, at, more.pop("merchant", 1), total, lines=lines or None, **more)


def counts(rules: Programme, facts: Facts) -> dict[int, Count]:
    """What counts and what it gives, caps aside."""
    facts.zone = rules.document.zone
    measures = measure(rules, facts)
    points = resolve(rules, facts, measures)
    return {number: Count(number, eligible, points[number]) for number, eligible in measures.items()}


def points(rules: Programme, facts: Facts) -> int:
    """What the action earns, caps aside."""
    return sum(count.points for count in counts(rules, facts).values())


def verdicts(rules: Programme, facts: Facts) -> Sequence[Verdict]:
    """Why each rule fired or did not."""
    return explain(rules, facts, counts(rules, facts))
