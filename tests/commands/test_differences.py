"""What differs between two documents, in lines for people."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.commands.differences import differences

RULES: dict[str, Any] = {
    "zone": "UTC",
    "rules": [{"id": "base", "points": 100}, {"id": "wine", "points": 50, "categories": ["wine"]}],
}


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        (RULES, []),
        (RULES | {"zone": "Europe/London"}, ['zone: "UTC" → "Europe/London"']),
        (
            {"zone": "UTC", "rules": [{"id": "base", "points": 150}]},
            [
                "rules[base].points: 100 → 150",
                'rules[wine]: gone, was {"id": "wine", "points": 50, "categories": ["wine"]}',
            ],
        ),
        (RULES | {"rules": RULES["rules"][::-1]}, ["rules: in another order"]),
        (
            RULES | {"rules": [RULES["rules"][0], RULES["rules"][1] | {"categories": ["wine", "beer"]}], "caps": []},
            ['rules[wine].categories[beer]: new, "beer"', "caps: new, []"],
        ),
        (RULES | {"caps": None}, []),
        ({"rules": RULES["rules"]}, ['zone: gone, was "UTC"']),
    ],
)
def test_each_difference_is_a_line(after: dict[str, Any], lines: list[str]) -> None:
    assert differences(RULES, after) == lines


def test_items_without_a_name_are_known_by_their_place() -> None:
    before, after = [{"points": 1}, {"points": 2}], [{"points": 1}, {"points": 3}, {"points": 4}]
    assert differences({"r": before}, {"r": after}) == ["r[1].points: 2 → 3", 'r[2]: new, {"points": 4}']
    assert differences({"l": [5, 5]}, {"l": [5]}) == ["l[5 at 1]: gone, was 5"]


def test_long_values_are_cut() -> None:
    assert differences({"t": "x" * 100}, {"t": ""}) == [f't: "{"x" * 59}… → ""']
