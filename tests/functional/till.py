"""What tills report: rules, lines and refunds, for the tests of the earn walk."""

from __future__ import annotations

import time
from typing import Any

from gateway.client import Json

RULES = {
    "rules": [
        {"kind": "per_currency", "points": 100, "per": 100, "except_categories": ["tobacco"]},
        {"kind": "per_visit", "points": 500},
        {"kind": "per_action", "action": "review", "points": 200},
    ]
}


def refund(campaign: int, purchase: Json | None = None, **more: Any) -> Json:
    """A refund of all of a purchase, or of what `more` says."""
    action: Json = {"campaign": campaign, "kind": "refund", "occurred_at": int(time.time())}
    return action | ({"refers_to": purchase["id"]} if purchase else {}) | more


def line(amount: int, category: str = "books", product: str = "P-1", quantity: int = 1) -> Json:
    return {"product": product, "category": category, "quantity": quantity, "amount": amount}
