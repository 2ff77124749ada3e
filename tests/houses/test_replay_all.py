"""scripts/replay_all.py on a small file: the same house, the same two runs, the same judgement."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from gateway.commands.state import PASSWORD_VARIABLE, State
from scripts import replay_all

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LINES = [
    *(f"54000{n},22{n}00,MUG,{n + 1},2010-12-01 09:0{n}:00,2.55,1700{n},United Kingdom" for n in range(8)),
    "540010,22900,MUG,2,2010-12-01 10:00:00,4.95,,United Kingdom",  # guests, one on each till
    "540011,22900,MUG,3,2010-12-01 10:01:00,4.95,,United Kingdom",
    "540012,22901,MUG,1,2010-12-01 10:02:00,0.0,17001,United Kingdom",  # given away: no action
    "C540013,22300,MUG,-2,2010-12-02 10:00:00,2.55,17003,United Kingdom",  # part of 540003
    "C540014,22400,MUG,-5,2010-12-02 10:05:00,2.55,17004,United Kingdom",  # all of 540004
    "C540016,22600,MUG,-1,2010-12-02 10:06:00,20.00,17006,United Kingdom",  # dearer than 540006 was
    "C540015,22999,MUG,-1,2010-12-02 10:06:00,9.95,17005,United Kingdom",  # bought before the file began
]


@pytest.mark.timeout(900)
def test_two_runs_agree_and_the_second_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "replay")
    file = tmp_path / "purchases.csv"
    file.write_text("\n".join([HEADER, *LINES]) + "\n")
    first, second = replay_all.run(State(tmp_path / "state"), file)
    report = replay_all.judge(first, second)
    assert report["audit"]["differences"] == []
    assert report["changed_by_second"] == []
    assert report["agrees"] is True
    assert first.sent["lines_not_sent"] == {"price-zero-or-negative": 1, "refund-of-nothing-bought-in-file": 1}
    assert first.sent["lines_sent_in_part"] == {"refund-above-price-paid": 1}
    assert first.sent["rejected"] == first.sent["claims_refused"] == {}
    assert (first.sent["purchases"], first.sent["refunds"]) == (10, 3)
    assert second.sent["repeated"] == 13

    richer = dataclasses.replace(second, left=dataclasses.replace(second.left, supply=second.left.supply + 1))
    assert replay_all.judge(first, richer)["changed_by_second"] == ["supply"]
    assert replay_all.judge(first, richer)["agrees"] is False
    counts = second.left.counts | {"batches": second.left.counts["batches"] + 1}
    more = dataclasses.replace(second, left=dataclasses.replace(second.left, counts=counts))
    assert replay_all.judge(first, more)["agrees"] is False
    unrepeated = dataclasses.replace(second, sent=second.sent | {"repeated": 12})
    assert replay_all.judge(first, unrepeated)["agrees"] is False
    for name in ("rejected", "claims_refused"):
        refusals = {name: {"budget-exhausted": 1}}  # the same in both runs
        both = [dataclasses.replace(each, sent=each.sent | refusals) for each in (first, second)]
        assert replay_all.judge(*both)["agrees"] is False


@pytest.mark.timeout(900)
def test_actions_that_are_rejected_in_both_runs_alike_are_no_agreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, report = tmp_path / "purchases.csv", tmp_path / "report.json"
    file.write_text("\n".join([HEADER, *LINES[:2]]) + "\n")
    monkeypatch.setenv(PASSWORD_VARIABLE, "replay")
    monkeypatch.setattr(replay_all, "BUDGET", 1_00)  # a point
    words = ["replay_all.py", str(file), "--json", str(report), "--state", str(tmp_path / "state")]
    monkeypatch.setattr(sys, "argv", words)
    assert replay_all.main() == 1
    answer = json.loads(report.read_text())
    assert sum(answer["first"]["rejected"].values()) == sum(answer["second"]["rejected"].values()) == 2
    # Nothing else is wrong.
    assert (answer["agrees"], answer["changed_by_second"], answer["audit"]["ok"]) == (False, [], True)
    assert answer["first"]["actions"] == answer["second"]["repeated"] == 0
