"""scripts/recompute.py on a committed week of real purchases: it agrees, and says so when a hundredth is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gateway.client import Json
from gateway.commands.state import PASSWORD_VARIABLE, State
from scripts import recompute
from scripts.expected_points import expected

WEEK = Path("tests/data/online_retail_2010-12-01_07.csv.gz")


@pytest.mark.timeout(900)
def test_a_week_agrees_and_a_hundredth_at_another_wallet_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "recompute")
    compare = recompute.compare
    planted: list[Json] = []

    def moved(file: Path) -> tuple[pd.Series, dict[str, int]]:
        wanted, totals = expected(file)
        wanted = wanted.copy()
        wanted.iloc[0] += 1
        wanted.iloc[1] -= 1  # the sum stays
        return wanted, totals

    def compare_twice(*asked: Any) -> Json:
        report = compare(*asked)
        monkeypatch.setattr(recompute, "expected", moved)
        planted.append(compare(*asked))
        return report

    monkeypatch.setattr(recompute, "compare", compare_twice)
    report = recompute.run(State(tmp_path), WEEK)
    assert (report["agrees"], report["wallets_that_differ"], report["audit"]) == (True, 0, "agrees")
    assert report["sales"] > 0 < report["refunds"]
    assert [(told["agrees"], told["wallets_that_differ"]) for told in planted] == [(False, 2)]
