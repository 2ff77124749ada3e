from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.problems import Problem
from gateway.loyalty.offers.documents import MAX_BYTES, canonical, parse

GOOD: dict[str, Any] = {
    "merchant": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "hub": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    "chain_id": 31337,
    "title": "Kaffee für 2 ☕",
    "description": "",
    "kind": "product",
    "price": 1,
    "campaign": None,
    "starts_at": 1_767_225_600,
    "ends_at": 1_798_761_600,
    "code_valid": 60,
}


def code_and_field(text: str) -> tuple[str, str | None]:
    with pytest.raises(Problem) as refusal:
        parse(text)
    return refusal.value.refusal.code, refusal.value.field


def test_a_good_document() -> None:
    document = parse(canonical(GOOD))
    assert (document.title, document.price, document.campaign) == ("Kaffee für 2 ☕", 1, None)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("merchant", [None, "", "0x12", "0x" + "g" * 40, "0x70997970c51812dc3A010C7d01b50e0d17dc79C8", 7]),
        ("hub", ["0x" + "00" * 21]),
        ("chain_id", [0, -1, True, "31337", None]),
        ("title", ["", "x" * 101, 5, None]),
        ("description", ["x" * 2_001, None]),
        ("kind", ["", "bribe", 1]),
        ("price", [0, -1, True, "1", 10**9, 10**30, None]),
        ("campaign", [0, -1, True, "1"]),
        ("starts_at", [0, -1, 2**31, True]),
        ("ends_at", [0, GOOD["starts_at"], GOOD["starts_at"] - 1]),
        ("code_valid", [0, 59, -1, 10**9, True]),
    ],
)
def test_terms_out_of_range(field: str, values: list[object]) -> None:
    for value in values:
        assert code_and_field(canonical(GOOD | {field: value})) == ("offer-malformed", f"document.{field}")
    without = {key: value for key, value in GOOD.items() if key != field}
    assert code_and_field(canonical(without)) == ("offer-malformed", f"document.{field}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        "nonsense",
        json.dumps(GOOD),
        json.dumps(GOOD, sort_keys=True, ensure_ascii=False),
        canonical(GOOD) + "\n",
        " " + canonical(GOOD),
        canonical(GOOD).replace("☕", "\\u2615"),
        canonical(GOOD).replace('"price":1', '"price":1,"price":2'),
        canonical(GOOD).replace('"price":1', '"price":1.0'),
        canonical(GOOD).replace('"price":1', '"price":1e0'),
        canonical(GOOD).replace('"price":1', '"price":NaN'),
        canonical(GOOD).replace('"price":1', '"price":Infinity'),
        canonical(GOOD).replace('"price":1', '"price":' + "9" * 5_000),
        canonical(GOOD).replace("☕", "\ud800"),
        canonical(GOOD | {"jane@example.org": 1}),
        canonical(GOOD | {"description": "x" * MAX_BYTES}),
        "[" * MAX_BYTES,
    ],
)
def test_what_is_not_the_one_canonical_text(text: str) -> None:
    assert code_and_field(text) == ("offer-malformed", "document")
