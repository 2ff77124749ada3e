"""Badges in a programme: what is one, and what it takes in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.loyalty.rules.badges import Badge, changed, in_words
from gateway.loyalty.rules.document import RulesDocument

CUPS = {"id": "cups", "counts": "actions", "target": 10, "period": "campaign", "points": 0}
WEEKS = {"id": "weeks", "name": "Every week", "period": "week", "length": 4, "points": 100}
RUNGS = [{"id": "member", "at": 0}, {"id": "gold", "at": 20_000}]
FEAST = {
    "id": "feast",
    "counts": "spend",
    "target": 10_000,
    "period": "month",
    "points": 5,
    "rules": ["wine"],
    "merchants": [3, 5],
    "hours": {"weekdays": ["fri"], "start": "18:00", "end": "23:00"},
    "dates": {"first": "2026-12-01"},
    "tiers": {"status": 1},
    "when": "amount > 100",
}
LADDER = {"id": "status", "by": "points", "window": "year", "rungs": RUNGS}
BADGE = {"number": 1, "name": "Ten cups", "goal": "cups"}


def document(*badges: dict[str, Any], **changes: Any) -> RulesDocument:
    parts = {"challenges": [CUPS, FEAST], "streaks": [WEEKS], "ladders": [LADDER], "badges": list(badges)} | changes
    return RulesDocument.model_validate({"rules": [{"id": "wine", "kind": "per_visit", "points": 1}]} | parts)


@pytest.mark.parametrize(
    ("badge", "words"),
    [
        (BADGE, "cups: 10 actions in the campaign"),
        (BADGE | {"goal": "weeks", "times": 3}, "Every week: an action in a week, 4 in a row; 3 times"),
        (
            BADGE | {"goal": "feast"},
            "feast: 100.00 spent in a month; by wine; at merchant 3, merchant 5; fri 18:00-23:00; from 2026-12-01; "
            "from rank 1 of status on; when amount > 100",
        ),
        (BADGE | {"goal": None, "ladder": "status", "rung": "gold"}, "gold of status, or above: 200.00 points earned"),
    ],
)
def test_what_it_takes_in_words(badge: dict[str, Any], words: str) -> None:
    rules = document(badge, BADGE | {"number": 2})
    assert in_words(rules.badges[0], rules.goals, rules.ladders) == words


@pytest.mark.parametrize(
    "wrong",
    [
        [BADGE | {"number": 0}],
        [BADGE | {"number": 10_000}],
        [BADGE, BADGE],
        [BADGE | {"goal": "nothing"}],
        [BADGE | {"goal": None}],
        [BADGE | {"ladder": "status", "rung": "gold"}],
        [BADGE | {"goal": None, "ladder": "status"}],
        [BADGE | {"goal": None, "ladder": "status", "rung": "silver"}],
        [BADGE, BADGE | {"number": 2, "goal": None, "ladder": "status", "rung": "member"}],  # everybody's
        [BADGE, BADGE | {"number": 2, "goal": None, "ladder": "status", "rung": "gold", "times": 2}],
        [BADGE | {"name": ""}],
        [],  # ten cups would earn nothing at all
    ],
)
def test_badges_that_are_none(wrong: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        document(*wrong)


def test_names_may_change_and_numbers_may_go_and_come_back() -> None:
    one = Badge.model_validate(BADGE)
    named, harder = one.model_copy(update={"name": "Cups"}), one.model_copy(update={"times": 2})
    assert changed([[one], []], [named]) is None
    assert changed([[one], []], [harder]) == 1
    assert changed([], [harder]) is None
