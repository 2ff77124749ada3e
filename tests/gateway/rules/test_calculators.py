"""Each kind of rule by examples; every kind of the registry is in the table."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from gateway.loyalty.rules.calculators import Rule
from gateway.loyalty.rules.facts import Facts, Occasion
from tests.gateway.rules.support import NOON, Item, points, programme, purchase

WINE = Item("merlot", 1_200, 2, "wine", "acme")
CHEESE = Item("brie", 550, 1, "cheese")
BREAD = Item("loaf", 299, 1, "bread")
BASKET = purchase(WINE, CHEESE, BREAD)
DAY = 86_400

CASES: list[tuple[dict[str, Any], Facts, int]] = [
    ({"kind": "per_currency", "points": 100, "per": 100}, BASKET, 2_049),
    ({"kind": "per_currency", "points": 1, "per": 3}, BASKET, 683),
    ({"kind": "per_currency", "points": 100, "per": 1_000, "whole": True}, BASKET, 200),
    ({"kind": "per_currency", "points": 100, "per": 100, "min_amount": 2_050}, BASKET, 0),
    ({"kind": "per_currency", "points": 100, "per": 100, "categories": ["wine", "bread"]}, BASKET, 1_499),
    ({"kind": "per_currency", "points": 100, "per": 100, "except_brands": ["acme"]}, BASKET, 849),
    ({"kind": "per_currency", "points": 100, "per": 100, "where": "price > 500 && quantity == 1"}, BASKET, 550),
    ({"kind": "per_currency", "points": 100, "per": 100, "categories": ["wine"]}, purchase(amount=500), 0),
    ({"kind": "per_item", "points": 10}, BASKET, 40),
    ({"kind": "per_item", "points": 10, "every": 3}, BASKET, 10),
    ({"kind": "per_item", "points": 10, "products": ["merlot"]}, BASKET, 20),
    ({"kind": "per_item", "points": 10}, purchase(amount=500), 0),
    ({"kind": "per_purchase", "points": 500, "min_amount": 2_049}, BASKET, 500),
    ({"kind": "per_purchase", "points": 500, "min_amount": 2_050}, BASKET, 0),
    ({"kind": "any_item", "points": 70, "categories": ["cheese"]}, BASKET, 70),
    ({"kind": "any_item", "points": 70, "categories": ["fish"]}, BASKET, 0),
    ({"kind": "any_item", "points": 70, "categories": ["wine"], "min_quantity": 3}, BASKET, 0),
    ({"kind": "every_item", "points": 1, "per": 1, "except_categories": ["fish"]}, BASKET, 2_049),
    ({"kind": "every_item", "points": 1, "per": 1, "categories": ["wine", "cheese"]}, BASKET, 0),
    ({"kind": "cheapest_item", "points": 100, "per": 100}, BASKET, 299),
    ({"kind": "cheapest_item", "points": 100, "per": 100, "categories": ["wine", "cheese"]}, BASKET, 550),
    ({"kind": "dearest_item", "points": 100, "per": 100}, BASKET, 600),
    ({"kind": "per_visit", "points": 500}, Facts(Occasion.VISIT, NOON, 1), 500),
    ({"kind": "per_visit", "points": 500}, BASKET, 0),
    ({"kind": "per_action", "action": "review", "points": 9}, Facts(Occasion.CUSTOM, NOON, 1, action="review"), 9),
    ({"kind": "per_action", "action": "review", "points": 9}, Facts(Occasion.CUSTOM, NOON, 1, action="share"), 0),
    (
        {"kind": "per_action", "action": "donate", "points": 1, "per": 10},
        Facts(Occasion.CUSTOM, NOON, 1, 999, action="donate"),
        99,
    ),
    ({"kind": "anniversary", "points": 1_000}, Facts(Occasion.VISIT, NOON, 1, member_since=NOON - 365 * DAY), 1_000),
    ({"kind": "anniversary", "points": 1_000}, Facts(Occasion.VISIT, NOON, 1, member_since=NOON - 364 * DAY), 0),
    ({"kind": "anniversary", "points": 1_000}, Facts(Occasion.VISIT, NOON, 1), 0),
]


@pytest.mark.parametrize(("rule", "facts", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_what_a_rule_gives(rule: dict[str, Any], facts: Facts, expected: int) -> None:
    assert points(programme(rule), facts) == expected


def test_every_kind_has_an_example() -> None:
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Rule)[0])}
    shown = {rule["kind"] for rule, _, _ in CASES}
    assert kinds == shown, f"write examples into CASES: {kinds ^ shown} (docs/howto/add-an-earning-rule.md)"
