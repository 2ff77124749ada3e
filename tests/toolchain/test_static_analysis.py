"""What slither-check-erc misses fails unless it is accepted, and so does what is accepted and no longer missed."""

from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from scripts import static_analysis

RACE = "[ ] LoyaltyToken is not protected for the ERC20 approval race condition"


@pytest.mark.parametrize(
    ("told", "problems"),
    [
        (f"[✓] transfer(address,uint256) is present\n\t{RACE}", []),
        (
            f"[✓] name() is present\n\t{RACE}\n\t[ ] transfer(address,uint256) -> () should return bool",
            ["ERC20: transfer(address,uint256) -> () should return bool"],
        ),
        (
            "[✓] name() is present",
            ["ERC20: holds by now, LoyaltyToken is not protected for the ERC20 approval race condition"],
        ),
        (f"\t{RACE}", ["ERC20: nothing was checked"]),
    ],
)
def test_boxes_left_open(monkeypatch: pytest.MonkeyPatch, told: str, problems: list[str]) -> None:
    monkeypatch.setattr(static_analysis, "run", lambda *_: CompletedProcess((), 0, "", told))
    assert static_analysis.erc_problems("ERC20") == problems
