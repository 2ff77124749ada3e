"""What was judged is not asked again, until the contracts change."""

from __future__ import annotations

from pathlib import Path

from scripts.mutation.__main__ import NOBODY, Verdicts
from tests.mutation.test_build import mutant

ONE, TWO = mutant("uint96(", "uint95("), mutant("uint96(", "uint97(")


def test_verdicts_are_kept_also_when_nobody_ends_in_order(tmp_path: Path) -> None:
    first = Verdicts(tmp_path / "verdicts.txt", "a0")
    first.note(TWO, "liveness")
    first.note(ONE, "alive")
    first.note(ONE, NOBODY)
    again = Verdicts(tmp_path / "verdicts.txt", "a0")
    assert again.known == {ONE.name: NOBODY, TWO.name: "liveness"}
    again.tidy()
    assert again.file.read_text() == f"a0\n{ONE.name} {NOBODY}\n{TWO.name} liveness\n"


def test_verdicts_on_other_sources_do_not_count(tmp_path: Path) -> None:
    Verdicts(tmp_path / "verdicts.txt", "a0").note(ONE, "liveness")
    changed = Verdicts(tmp_path / "verdicts.txt", "b1")
    assert changed.known == {}
    assert changed.file.read_text() == "b1\n"
