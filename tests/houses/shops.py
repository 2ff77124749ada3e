"""Two merchants of a house by the command line, and what their tests ask again and again."""

from __future__ import annotations

import time

import pytest

from tests.commands.conftest import CommandLine
from tests.support.waiting import until

#: A wallet that nobody of these houses has the key of.
ANN = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OFFERS = """
offers:
  - ref: coffee
    title: Coffee
    reward: {kind: product, product: coffee}
    price: PRICE
    paid_from: wallet
    first: 2026-01-01
    last: 2036-12-31
    codes: signed
"""

TIERED = """
earning:
  rules: [{kind: per_currency, points: 100, per: 100}]
  ladders:
    - {id: status, by: points, rungs: [{id: member, at: 0, name: Member}, {id: gold, at: 99999900, name: Gold}]}
offers:
  - ref: cake
    title: Cake
    reward: {kind: fixed, discount: {amount: 500, currency: EUR}}
    price: 500
    prices: [{ladder: status, rank: 1, price: 300}]
    paid_from: wallet
    first: 2026-01-01
    last: 2036-12-31
    codes: CAKE-****-****-****-%
"""


@pytest.fixture(scope="module")
def shops(loyalty: CommandLine) -> CommandLine:
    """Merchant "hill" with the open campaign 1, "dale" with the closed campaign 2 (10 % bonus), both funded."""
    for name in ("hill", "dale"):
        loyalty.run("merchant", "new", name, "--title", name.title())
        loyalty.run("faucet", name, "--asset", 10**12)
    common = ("--settle-every", 0, "--min-wallets", 1, "--starts", "2010-12-01")
    loyalty.run("campaign", "create", "--merchant", "hill", "--name", "Hill", *common)
    loyalty.run("campaign", "create", "--merchant", "dale", "--name", "Dale", "--closed", "--bonus", 10, *common)
    loyalty.run("campaign", "fund", 1, "--merchant", "hill", "--budget", 50_000)
    loyalty.run("campaign", "fund", 2, "--merchant", "dale", "--budget", 50_000, "--pot", 100)
    return loyalty


def balance(loyalty: CommandLine, who: str, campaign: int = 0) -> int:
    answer = loyalty.run("wallet", "balance", who).document
    if not campaign:
        return int(answer["balance"])
    return sum(account["matured"] for account in answer["accounts"] if account["campaign"] == campaign)


def earn(loyalty: CommandLine, name: str, points: int) -> None:
    """A guest's receipt, claimed by a new wallet."""
    address = loyalty.run("wallet", "new", name).document["address"]
    with loyalty.client("hill") as client:
        action = {"campaign": 1, "kind": "purchase", "occurred_at": int(time.time()), "claim": True, "amount": points}
        code = client.report(action, f"receipt-{name}")["claim"]["code"]
    assert loyalty.run("wallet", "claim", name, code).document["points"] == points
    until(lambda: balance(loyalty, address) == points, "the purchase counts")
