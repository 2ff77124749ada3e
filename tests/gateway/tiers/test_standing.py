"""Standing, against a day-by-day reading of its definition; what it can only do, and figures worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.loyalty.rules.calendar import EPOCH
from gateway.loyalty.rules.ladders import Ladder, Window
from gateway.loyalty.tiers import standing
from gateway.loyalty.tiers.standing import FOREVER, Progress, Reign

Days = dict[int, int]


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH


def ladder(*marks: int, **terms: Any) -> Ladder:
    names = ["none", "bronze", "silver", "gold", "platinum"]
    rungs = [{"id": name, "at": mark} for name, mark in zip(names, (0, *marks), strict=False)]
    return Ladder.model_validate({"id": "status", "by": "points", "rungs": rungs} | terms)


def progress(days: Days) -> Progress:
    return Progress(sorted(days.items()))


def held_by_hand(terms: Ladder, days: Days, last: int, upto: int, extra: int) -> list[tuple[int, int, list[int]]]:
    """For every day: the day, the rung it qualifies for, and until when each rung from there down is held."""
    since = min(days, default=0)
    found = []
    for seen in range(last + 1):
        if terms.window == Window.ROLLING:
            window = range(seen - (terms.days or 0), seen)
        elif terms.window == Window.EVER:
            window = range(seen)
        else:
            window = range(standing.period(terms.window, seen - 1, since)[0], seen) if seen else range(0)
        total = sum(days.get(d, 0) for d in window)
        rank = max(r for r, mark in enumerate(terms.marks) if mark <= total)
        if terms.window == Window.EVER:
            ends = [FOREVER]
        elif terms.window == Window.ROLLING:
            ends = [seen + terms.grace_days + (extra if seen == upto else 0)]
        else:
            end = standing.period(terms.window, seen - 1, since)[1] if seen else 0
            for _ in range(terms.kept):
                end = standing.period(terms.window, end + 1, since)[1]
            ends = [end + terms.grace_days]
        for _ in range(rank - 1 if terms.soft_landing else 0):
            step = ends[-1] + (terms.days or 0)
            ends.append(
                step if terms.window == Window.ROLLING else standing.period(terms.window, ends[-1] + 1, since)[1]
            )
        found.append((seen, rank, ends))
    return found


def rank_by_hand(terms: Ladder, days: Days, on: int) -> int:
    best = 0
    for _, rank, ends in held_by_hand(terms, days, on, -1, 0):
        falls = sum(end < on for end in ends)
        if rank and falls < len(ends):
            best = max(best, rank - falls)
    return best


LADDERS = [
    ladder(10, 20, 40, window="rolling", days=9),
    ladder(10, 20, 40, window="rolling", days=9, grace_days=4, soft_landing=True),
    ladder(10, 20, 40, window="month"),
    ladder(10, 20, 40, window="month", keep=0, grace_days=5, soft_landing=True),
    ladder(10, 20, 40, window="quarter", keep=2),
    ladder(10, 20, 40, window="year", keep=0),
    ladder(10, 20, 40, window="anniversary", keep=0, grace_days=3, soft_landing=True),
    ladder(10, 20, 40, window="ever"),
]
#: About two months of days, so that windows end within.
SOME = st.dictionaries(st.integers(1, 70), st.integers(0, 25), max_size=8)


@settings(max_examples=60, deadline=None)
@given(terms=st.sampled_from(LADDERS), days=SOME, on=st.integers(1, 160))
def test_as_the_definition_says(terms: Ladder, days: Days, on: int) -> None:
    so_far = {d: amount for d, amount in days.items() if d < on}
    rank = standing.rank([Reign(0, None, terms)], progress(days), on)
    assert rank == rank_by_hand(terms, so_far or days, on)
    if rank:  # the forecast is what happens when nothing more is earned
        through = standing.through([Reign(0, None, terms)], progress(so_far), on, rank)
        ranks = [standing.rank([Reign(0, None, terms)], progress(so_far), d) for d in range(on, min(through, 900) + 1)]
        assert min(ranks) >= rank
        if through < FOREVER:
            assert standing.rank([Reign(0, None, terms)], progress(so_far), through + 1) < rank


@settings(max_examples=60, deadline=None)
@given(
    terms=st.sampled_from(LADDERS), days=SOME, on=st.integers(1, 120), more=st.integers(0, 30), at=st.integers(1, 119)
)
def test_it_only_rises_with_what_is_earned_and_asks_not_when_it_was_told(
    terms: Ladder, days: Days, on: int, more: int, at: int
) -> None:
    days = {1: 0} | days  # the membership begins with the first day, whatever it earned
    richer = days | {at: days.get(at, 0) + more}
    reigns = [Reign(0, None, terms)]
    assert standing.rank(reigns, progress(richer), on) >= standing.rank(reigns, progress(days), on)
    if at >= on:  # today and tomorrow count for nothing yet
        assert standing.rank(reigns, progress(richer), on) == standing.rank(reigns, progress(days), on)


@settings(max_examples=40, deadline=None)
@given(terms=st.sampled_from(LADDERS), days=SOME, on=st.integers(1, 120), edit=st.integers(1, 119))
def test_a_standing_that_was_given_outlives_an_edit(terms: Ladder, days: Days, on: int, edit: int) -> None:
    harder = terms.model_copy(update={"rungs": [r.model_copy(update={"at": r.at * 3}) for r in terms.rungs]})
    before = [Reign(0, None, terms)]
    after = [Reign(0, edit - 1, terms), Reign(edit, None, harder)]
    held = standing.rank(before, progress(days), edit - 1)
    now = standing.rank(after, progress(days), edit)
    lasts = standing.through(before, progress({d: a for d, a in days.items() if d < edit - 1}), edit - 1, held)
    if held and lasts >= edit:
        assert now >= held
    assert standing.rank(after, progress(days), on if on >= edit else edit) >= standing.rank(
        [Reign(0, None, harder)], progress(days), on if on >= edit else edit
    )
    kinder = [Reign(0, edit - 1, harder), Reign(edit, None, terms)]
    assert standing.rank(kinder, progress(days), edit) >= standing.rank(before, progress(days), edit)


def test_a_year_and_what_follows() -> None:
    terms = ladder(100, 300, window="year", keep=1, grace_days=31, soft_landing=True)
    reigns = [Reign(0, None, terms)]
    earned = progress({day("2026-03-10"): 60, day("2026-12-31"): 240})

    def on(text: str) -> int:
        return standing.rank(reigns, earned, day(text))

    assert [on("2026-03-11"), on("2026-12-31"), on("2027-01-01")] == [0, 0, 2]  # overnight, and to the last day
    assert [on("2028-01-31"), on("2028-02-01"), on("2028-12-31"), on("2029-01-01")] == [2, 1, 1, 0]
    assert standing.through(reigns, earned, day("2027-01-01"), 2) == day("2028-01-31")
    assert standing.window(terms, day("2027-01-01"), None) == (day("2026-01-01"), day("2026-12-31"))
    assert standing.turns(reigns, earned, day("2029-06-01"))[:2] == [day("2029-01-01"), day("2028-02-01")]


@pytest.mark.parametrize(
    ("since", "on", "expected"),
    [
        ("2024-02-29", "2025-02-28", ("2024-02-29", "2025-02-28")),
        ("2024-02-29", "2025-03-01", ("2025-03-01", "2026-02-28")),
        ("2024-02-29", "2028-02-29", ("2028-02-29", "2029-02-28")),
        ("2025-06-15", "2026-06-14", ("2025-06-15", "2026-06-14")),
    ],
)
def test_years_of_membership(since: str, on: str, expected: Sequence[str]) -> None:
    assert standing.period(Window.ANNIVERSARY, day(on), day(since)) == (day(expected[0]), day(expected[1]))


def test_rungs_keep_their_names_when_others_come_between() -> None:
    old = ladder(10, 20)
    new = Ladder.model_validate(
        {
            "id": "status",
            "by": "points",
            "rungs": [
                {"id": "none", "at": 0},
                {"id": "iron", "at": 5},
                {"id": "bronze", "at": 10},
                {"id": "top", "at": 50},
            ],
        }
    )
    assert [standing.translated(rank, old, new) for rank in range(3)] == [0, 2, 2]  # silver is gone; it stood above 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": "rolling"},
        {"window": "year", "days": 5},
        {"window": "ever", "keep": 1},
        {"rungs": [{"id": "a", "at": 0}]},
        {"rungs": [{"id": "a", "at": 1}, {"id": "b", "at": 2}]},
        {"rungs": [{"id": "a", "at": 0}, {"id": "b", "at": 0}]},
        {"rungs": [{"id": "a", "at": 0}, {"id": "a", "at": 2}]},
        {"by": "name"},
        {"grace_days": True},
    ],
)
def test_ladders_that_are_none(wrong: dict[str, Any]) -> None:
    good = {"id": "status", "by": "points", "rungs": [{"id": "a", "at": 0}, {"id": "b", "at": 2}]}
    assert Ladder.model_validate(good)
    with pytest.raises(ValidationError):
        Ladder.model_validate(good | wrong)
