"""scripts/replay_all.py on a small file: the same house, the same two runs, the same judgement."""

from __future__ import annotations

import dataclasses
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
    "C540015,22999,MUG,-1,2010-12-02 10:06:00,9.95,17005,United Kingdom",  # bought before the file began
]


@pytest.mark.timeout(300)
def test_two_runs_agree_and_the_second_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "replay")
    file = tmp_path / "purchases.csv"
    file.write_text("\n".join([HEADER, *LINES]) + "\n")
    first, second = replay_all.run(State(tmp_path / "state"), file)
    report = replay_all.judge(first, second)
    assert report["audit"]["differences"] == []
    assert report["changed_by_second"] == []
    assert report["agrees"] is True
    assert report["rejected"] == {"price-zero-or-negative": 1, "refund-of-nothing-bought-in-file": 1}
    assert (first.sent["purchases"], first.sent["refunds"]) == (10, 2)
    assert second.sent["repeated"] == 12

    richer = dataclasses.replace(second, left=dataclasses.replace(second.left, supply=second.left.supply + 1))
    assert replay_all.judge(first, richer)["changed_by_second"] == ["supply"]
    assert replay_all.judge(first, richer)["agrees"] is False
    counts = second.left.counts | {"batches": second.left.counts["batches"] + 1}
    more = dataclasses.replace(second, left=dataclasses.replace(second.left, counts=counts))
    assert replay_all.judge(first, more)["agrees"] is False
    unrepeated = dataclasses.replace(second, sent=second.sent | {"repeated": 11})
    assert replay_all.judge(first, unrepeated)["agrees"] is False
