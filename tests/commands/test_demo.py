"""The demo's last table, and what it does not let pass."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.commands import demo
from gateway.commands.audit import AuditReport
from gateway.commands.audit_model import Difference
from gateway.commands.chain import Chain
from gateway.commands.console import CommandError, out
from gateway.commands.demo_scenario import Figures
from gateway.commands.sending import Tally

KEYS = {
    *("actions", "purchases", "refunds", "claims_by_guests", "points_awarded", "wallets", "refunds_clawed_back"),
    *("moves", "codes_delivered", "codes_used", "settled_between_merchants", "spent_on_offers", "cashed_out"),
    *("supply", "reserve", "solvent", "audit", "differences", "rejected", "statistics", "seconds"),
}
CHAIN = cast(Chain, SimpleNamespace(deployment=SimpleNamespace(par=100)))


@pytest.fixture(autouse=True)
def for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the last command of another test was called with."""
    monkeypatch.setattr(out, "json", False)


def end(folder: Path, tally: Tally, paid: int = 280_00, differences: tuple[Difference, ...] = ()) -> None:
    """The end of a demo whose holders spent 280 points."""
    totals = {"awarded": 1_000, "clawed_back": 100, "redeemed": paid, "cashed_out": 0, "supply": 900, "reserve": 90_000}
    audit = AuditReport(7, True, list(differences), totals)
    answer = demo.summary(Figures(tally=tally, spent=280_00), audit, 60)
    demo._finish(answer, CHAIN, folder / "report.json", None)


def test_the_file_has_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(tmp_path, Tally(sales=3, refunds=1))
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report) == KEYS
    assert (report["actions"], report["settled_between_merchants"], report["rejected"]) == (4, 280_00, {})
    table = capsys.readouterr().out
    assert all(name.replace("_", " ") in table for name in demo.SHOWN)


def test_a_rejected_action_and_a_refused_claim_are_shown_and_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally(
        sales=3, rejected=Counter({"refund-exceeds-purchase": 2}), claims_refused=Counter({"claim-lapsed": 1})
    )
    with pytest.raises(CommandError, match="refund-exceeds-purchase") as caught:
        end(tmp_path, tally)
    assert caught.value.code == "actions-rejected"
    rejected = {"refund-exceeds-purchase": 2, "claim-lapsed": 1}
    assert json.loads((tmp_path / "report.json").read_text())["rejected"] == rejected
    assert "2 × refund-exceeds-purchase, 1 × claim-lapsed" in capsys.readouterr().out


def test_what_merchants_were_paid_is_what_the_chain_says(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"offers cost 280\.00 points, merchants were paid 279\.99") as caught:
        end(tmp_path, Tally(sales=3), paid=279_99)
    assert caught.value.code == "wrong-sum"
    assert json.loads((tmp_path / "report.json").read_text())["settled_between_merchants"] == 279_99


def test_a_difference_of_the_audit_fails(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="differs in 1 place"):
        end(tmp_path, Tally(sales=3), differences=(Difference("supply", "token", 1, 2),))
