"""What a holder reads of history, gifts and orders that came to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.commands.histories import gift_state, rows

ME, BOB, HUB = (f"0x{digit * 40}" for digit in "123")
NOBODY = f"0x{'0' * 40}"


def entry(kind: str, credit: int = 0, debit: int = 0, counterparty: str | None = None, campaign: int = 0) -> Any:
    return {
        "id": 1, "kind": kind, "block": 1, "at": 1_800_000_000, "campaign": campaign,
        "credit": credit, "debit": debit, "counterparty": counterparty,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "what", "points", "other"),
    [
        (entry("transfer", credit=200, counterparty=BOB), "received", "2.00", "bob"),
        (entry("transfer", debit=200, counterparty=BOB), "sent", "-2.00", "bob"),
        (entry("transfer", credit=200, counterparty=NOBODY), "issued", "2.00", ""),
        (entry("transfer", debit=200, counterparty=NOBODY), "burnt", "-2.00", ""),
        (entry("transfer", debit=200, counterparty=HUB), "sent", "-2.00", "0x3333…3333"),
        (entry("cashed_out", counterparty=ME), "cashed out", "", "alice"),
        (entry("entered", credit=1_100, campaign=2), "entered", "11.00", ""),
    ],
)
def test_a_line_of_history(seen: Any, what: str, points: str, other: str) -> None:
    names = {BOB: "bob", ME: "alice"}
    assert rows([seen], names) == [("2027-01-15 08:00 UTC", what, seen["campaign"] or "wallet", points, other)]


@pytest.mark.parametrize(
    ("balance", "history", "state"),
    [
        (200, [entry("transfer", credit=200, counterparty=ME)], "to be taken"),
        (0, [entry("transfer", debit=200, counterparty=ME)], "taken"),
        (0, [], "nothing arrived"),  # the order was refused, and its key is kept: it was signed
    ],
)
def test_an_empty_gift_says_why(balance: int, history: list[Any], state: str) -> None:
    assert gift_state(balance, history) == state
