"""Rewards: what each kind says, and documents of version 2."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.problems import Problem
from gateway.loyalty.offers import validity
from gateway.loyalty.offers.documents import Document, Full, canonical, parse
from tests.gateway.offers.test_documents import GOOD

EUR = {"amount": 2_050, "currency": "EUR"}
AT = 1_780_000_000
TERMS = {name: value for name, value in GOOD.items() if name != "kind"} | {"version": 2, "price": 1_000}
COFFEE: dict[str, Any] = {"kind": "product", "product": "coffee"}
RUNG = {"campaign": 1, "ladder": "status", "rank": 2}


def made(reward: object = COFFEE, **terms: object) -> Document:
    return parse(canonical(TERMS | {"reward": reward} | terms))


KINDS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"kind": "percentage", "basis_points": 1_250, "min_purchase": EUR, "max_discount": EUR, "categories": ["wine"]},
        "12.5 % off wine in one purchase of at least 20.50 EUR, but not more than 20.50 EUR",
        "Take 12.5 % off wine in one purchase of at least 20.50 EUR, but not more than 20.50 EUR.",
    ),
    (
        {"kind": "fixed", "discount": EUR},
        "20.50 EUR off one purchase",
        "Take 20.50 EUR off one purchase; nothing is paid out.",
    ),
    (COFFEE | {"quantity": 2}, "2 × coffee", "Hand over 2 × coffee without payment."),
    (
        {"kind": "experience", "what": "Roasting evening", "persons": 2, "place": "Mill Lane"},
        "Roasting evening for 2 persons, Mill Lane",
        "Admit 2 persons to: Roasting evening, Mill Lane.",
    ),
    (
        {"kind": "partner", "partner": "Zoo", "what": "One day's entry", "url": "https://zoo.example/entry"},
        "One day's entry, from Zoo (https://zoo.example/entry)",
        "Give for Zoo: One day's entry.",
    ),
    (
        {"kind": "gift_card", "value": EUR},
        "gift card of 20.50 EUR",
        "Issue or top up a gift card with 20.50 EUR; the code is used up by that.",
    ),
    (
        {"kind": "access_code", "to": "the lounge", "lasts": 7_200},
        "access to the lounge for 2 hours",
        "Open the lounge for 2 hours.",
    ),
    (
        {"kind": "ticket", "event": "Jazz", "at": AT, "seats": 1},
        "1 seat for Jazz on 2026-05-28 at 20:26 UTC",
        "Admit 1 person to Jazz on 2026-05-28 at 20:26 UTC.",
    ),
]


@pytest.mark.parametrize(("reward", "says", "till"), KINDS, ids=[kind["kind"] for kind, _, _ in KINDS])
def test_each_kind_in_words(reward: dict[str, Any], says: str, till: str) -> None:
    document = made(reward)
    assert isinstance(document, Full)
    assert (document.kind, document.reward.say(), document.reward.till()) == (reward["kind"], says, till)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"version": 1}, "document.version"),
    ({"version": 3}, "document.version"),
    ({"kind": "product"}, "document.kind"),
    ({"reward": {"kind": "bribe"}}, "document.reward"),
    ({"reward": None}, "document.reward"),
    ({"reward": COFFEE | {"jane@example.org": 1}}, "document.reward"),
    ({"reward": COFFEE | {"product": "a b"}}, "document.reward.product"),
    ({"reward": COFFEE | {"quantity": 0}}, "document.reward.quantity"),
    ({"reward": {"kind": "percentage", "basis_points": 10_001}}, "document.reward.basis_points"),
    ({"reward": {"kind": "percentage", "basis_points": True}}, "document.reward.basis_points"),
    ({"reward": {"kind": "fixed", "discount": {"amount": 5, "currency": "eur"}}}, "document.reward.discount.currency"),
    ({"reward": {"kind": "fixed", "discount": {"amount": -5, "currency": "EUR"}}}, "document.reward.discount.amount"),
    ({"reward": {"kind": "access_code", "to": "\x1b[31m"}}, "document.reward.to"),
    ({"reward": {"kind": "access_code", "to": "x\u202ey"}}, "document.reward.to"),
    ({"reward": {"kind": "ticket", "event": "x"}}, "document.reward.at"),
    ({"reward": {"kind": "partner", "partner": "P", "what": "x", "url": "http://a.example/"}}, "document.reward.url"),
    ({"prices": [RUNG | {"price": 1_000}]}, "document.prices[0].price"),
    ({"prices": [RUNG | {"price": 900}, RUNG | {"price": 0}]}, "document.prices[1].price"),
    ({"prices": [RUNG | {"price": 900}, RUNG | {"price": 800}]}, "document.prices"),
    ({"prices": [RUNG | {"price": 900, "rank": 0}]}, "document.prices[0].rank"),
    ({"prices": [RUNG | {"price": 900, "ladder": "VIP!"}]}, "document.prices[0].ladder"),
    ({"only": {"campaign": 0, "ladder": "status", "rank": 1}}, "document.only.campaign"),
    ({"limits": [{"times": 0, "per": "day"}]}, "document.limits[0].times"),
    ({"limits": [{"times": 1, "per": "hour"}]}, "document.limits[0].per"),
    ({"limits": [{"times": 1, "per": "day"}, {"times": 2, "per": "day"}]}, "document.limits"),
    ({"zone": "Mars/Base"}, "document.zone"),
    ({"stock": 0}, "document.stock"),
    ({"ref": "Coffee!"}, "document.ref"),
]


@pytest.mark.parametrize(("terms", "field"), WRONG, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(Problem) as refusal:
        made(**{"reward": COFFEE} | terms)
    assert (refusal.value.refusal.code, refusal.value.field) == ("offer-malformed", field)


HOUR, DAY = 3_600, 86_400


@pytest.mark.parametrize(
    ("valid", "step", "phase"), [(60, HOUR, 0), (DAY, DAY, 0), (27 * DAY, DAY, 0), (28 * DAY, 7 * DAY, 4 * DAY)]
)
def test_ends_are_shared(valid: int, step: int, phase: int) -> None:
    for start in (AT, AT + 1, AT + HOUR, AT + 3 * DAY - 1):
        end = validity.end(start, valid)
        assert start + valid <= end < start + valid + step
        assert end % step == phase % step
    assert validity.end(2**31 - 1, 5 * 366 * DAY) < 2**31
