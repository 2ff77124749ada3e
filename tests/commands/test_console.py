"""What commands print for people."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from gateway.client import ProblemAnswer
from gateway.commands.console import facts, for_people, in_points, moment, out, span, table


@pytest.mark.parametrize("name", ["Spring [/]", "[red]Spring[/red]", "[link=https://x.example]Spring[/link]"])
def test_somebody_s_name_is_shown_as_it_is(name: str) -> None:
    for shown in (table("Campaigns", ("id", "name"), [(1, name)]), facts(None, [("name", name)])):
        assert name in printed(shown)


def test_amounts_and_times_are_shown_as_people_say_them() -> None:
    answer: dict[str, Any] = {
        "id": 1,
        "amount": 1_250,
        "fee": 0,
        "deadline": 1_800_000_000,
        "created_at": 1_800_000_000,
        "used_at": None,
        "hold": 3 * 86_400,
        "done": True,
        "rules": [{"kind": "per_visit", "hours": None, "caps": []}],
        "parts": {},
    }
    assert for_people(answer, money={"amount", "fee"}, spans={"hold"}) == [
        ("id", 1),
        ("amount", "12.50"),
        ("fee", "0.00"),
        ("deadline", "2027-01-15 08:00 UTC"),
        ("created at", "2027-01-15 08:00 UTC"),
        ("hold", "3d"),
        ("done", "yes"),
        ("rules", "- kind: per_visit"),
    ]
    assert [span(seconds) for seconds in (0, 1, 90, 5_400, 86_400, 90_000)] == ["0s", "1s", "90s", "90m", "1d", "25h"]


@pytest.mark.parametrize(
    ("code", "detail", "shown"),
    [
        ("insufficient-points", "3000 hundredths are free", "30.00 points are free"),
        ("budget-exhausted", "1250 hundredths are left", "12.50 points are left"),
        ("refund-exceeds-purchase", "1250 hundredths are left", "12.50 are left"),  # money, in whatever currency
        ("nonce-gap", "expected 2", "expected 2"),
    ],
)
def test_a_refusal_speaks_of_points_as_they_are_typed(code: str, detail: str, shown: str) -> None:
    problem = ProblemAnswer(422, {"code": code, "title": "No", "field": "amount", "detail": detail})
    assert in_points(problem) == f"{code}: No — field amount — {shown}"
    assert problem.body["detail"] == detail


def test_a_moment_is_written_in_one_form() -> None:
    """A time or a day without its zone is another one to who reads it elsewhere; `console.moment` tells it."""
    assert moment(1_800_000_000) == "2027-01-15 08:00 UTC"
    own = re.compile(r"gmtime|fromtimestamp|\(UTC\)\"")
    files = sorted((Path(__file__).parents[2] / "gateway/commands").glob("*.py"))
    assert [path.name for path in files if own.search(path.read_text())] == ["console.py"]


def test_an_address_in_a_title_can_be_copied() -> None:
    title = "Points of 0xE12eD35f22491dEcD5094bD01B5e71c5eA09ae35"
    for shown in (table(title, ("where", "free"), []), facts(title, [("a", 1)])):
        assert title in printed(shown)


def test_progress_is_for_terminals_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with out.progress() as bar:
        bar.add_task("sending", total=None)
    assert capfd.readouterr().err == ""


def printed(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(shown)
    return str(console.file.getvalue())  # type: ignore[attr-defined]
