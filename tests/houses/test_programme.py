"""A merchant's programme by the command line: offers from its file, prices by tier, goals, ladders and a board."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.commands.conftest import CommandLine
from tests.houses.shops import ANN, OFFERS, TIERED, balance, earn
from tests.support.waiting import until

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
pytestmark = pytest.mark.timeout(900)


def test_rewards_from_a_file_to_a_till_without_a_network(shops: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "campaign.yaml"
    file.write_text(OFFERS.replace("PRICE", "500"))
    words = ("campaign", "apply", file, "--merchant", "hill", "--campaign", 1)
    dry = shops.run(*words, "--dry-run").document["changes"]
    assert [(each["change"], each["in_words"]) for each in dry] == [("publish offer coffee", "coffee; 5.00 points")]
    assert shops.run(*words).document["changes"] == [{**dry[0]}]
    assert shops.run(*words).document["changes"] == []
    file.write_text(OFFERS.replace("PRICE", "400"))
    old = shops.run("offer", "list", "--kind", "product").document[-1]["id"]
    changes = [each["change"] for each in shops.run(*words).document["changes"]]
    assert changes == [f"publish offer coffee instead of number {old}", f"close offer number {old} (coffee)"]
    offer = shops.run("offer", "list", "--points-of", 1).document[-1]
    assert (offer["price"], offer["source"]) == (400, "signed")

    earn(shops, "gus", 1_000)
    assert [price["amount"] for price in shops.run("wallet", "quote", "gus", offer["id"]).document["prices"]] == [400]
    code = shops.run("wallet", "redeem", "gus", offer["id"]).document["code"]
    key, taken = shops.run("codes", "key", "--merchant", "hill").document["key"], tmp_path / "uses.csv"
    assert shops.run("codes", "verify", code, "--key", key, "--take", taken).document["offer"] == offer["id"]
    again = shops.run("codes", "verify", code.lower(), "--key", key, "--take", taken, fails=1)
    assert again.document["error"]["code"] == "code-used"
    other = shops.run("codes", "key", "--merchant", "dale").document["key"]
    assert shops.run("codes", "verify", code, "--key", other, fails=1).document["error"]["code"] == "code-forged"
    for repeated in (False, True):
        report = shops.run("codes", "report", taken, "--merchant", "hill").document
        assert [(use["outcome"], use["repeated"]) for use in report] == [("counted", repeated)]
    assert shops.run("codes", "doubles", "--merchant", "hill").document == []


def test_who_stands_higher_pays_less(shops: CommandLine, tmp_path: Path) -> None:
    file, wish = tmp_path / "campaign.yaml", tmp_path / "wish.json"
    file.write_text(TIERED)
    shops.run("campaign", "apply", file, "--merchant", "hill", "--campaign", 1)
    offer = next(each for each in shops.run("offer", "list").document if each["kind"] == "fixed")["id"]
    for name in ("kim", "lee"):
        earn(shops, name, 1_000)
    wish.write_text(shops.run("wallet", "ask-rung", "kim", 1, "status", "gold", "--until", "2036-12-31").out)
    shops.run("campaign", "vip", wish, "--merchant", "hill", "--last", "2036-12-31")

    def prices(name: str) -> list[int]:
        return [each["amount"] for each in shops.run("wallet", "quote", name, offer).document["prices"]]

    assert (prices("kim"), prices("lee")) == ([300, 500], [500])
    for name in ("kim", "lee"):
        shops.run("wallet", "redeem", name, offer)
    until(lambda: (balance(shops, "kim"), balance(shops, "lee")) == (700, 500), "both have theirs")
    shops.run("wallet", "redeem", "kim", offer, "--full-price")
    until(lambda: balance(shops, "kim") == 200, "it is paid")
    assert shops.run("audit").document["ok"]


def test_a_wallet_plays_climbs_and_is_given_a_rung(shops: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "coffee-shop.yaml"
    text = (EXAMPLES / "coffee-shop.yaml").read_text()
    for old, new in (("every: 1d", "every: 0"), ("wallets: 20", "wallets: 1"), ("first: 2026-12", "first: 2026-01")):
        text = text.replace(old, new)
    file.write_text(text)
    campaign = shops.run("campaign", "launch", file, "--merchant", "hill").document["campaign"]
    shops.run("campaign", "fund", campaign, "--merchant", "hill", "--budget", 1_000)
    applied = ("campaign", "apply", file, "--merchant", "hill", "--campaign", campaign)
    assert shops.run(*applied).document["changes"] == []
    file.write_text(file.read_text().replace("last: 2028-11-30", "last: 2028-12-31"))
    for said in ("announce it", "announced"):
        (change,) = shops.run(*applied).document["changes"]
        assert (change["section"], said in change["change"]) == ("terms", True)
    other = tmp_path / "other.yaml"
    other.write_text(file.read_text().replace("first: 2026-01", "first: 2026-02"))
    refused = shops.run(*applied[:2], other, *applied[3:], fails=1).document
    assert refused["error"]["code"] == "fixed-terms"
    guest = shops.run("campaign", "invite", campaign, "dale", "--merchant", "hill", fails=1).document
    assert guest["error"]["code"] == "ladder-not-shared"
    assert "not invited" in shops.run("merchant", "accept", "dale", campaign, fails=1).err  # nothing is on the chain
    zoe = shops.run("wallet", "new", "zoe").document["address"]
    line = ("--line", "product=espresso category=coffee quantity=2 amount=6.00")
    shown = shops.run("actions", "preview", campaign, "--merchant", "hill", "--wallet", "zoe", *line).document
    assert {v["id"]: v["points"] for v in shown["verdicts"] if v["points"]} == {"cups": 20}
    brought = shops.run("wallet", "brought-by", "zoe", campaign, ANN, fails=1)
    assert brought.document["error"]["code"] == "no-referrals"  # the signature was good
    cup = {"product": "espresso", "category": "coffee", "quantity": 1, "amount": 300}
    drunk = {"campaign": campaign, "kind": "purchase", "occurred_at": int(time.time()), "wallet": zoe, "lines": [cup]}
    with shops.client("hill") as client:
        assert {r["status"] for r in client.report_bulk([{"key": f"cup-{n}"} | drunk for n in range(10)])} == {202}

    def goal(name: str) -> int:
        return int({g["goal"]: g["times"] for g in shops.run("wallet", "goals", "zoe").document}[name])

    assert (goal("stamp_card"), goal("three_a_week")) == (1, 0)
    tried = shops.run("campaign", "rules", campaign, "--merchant", "hill", file, "--dry-run").document
    assert (tried["actions"], tried["before"]) == (10, tried["after"])
    coming = shops.run("campaign", "rules", campaign, "--merchant", "hill", file, "--from", "2028-01-01").document
    assert [v["version"] for v in shops.run("campaign", "versions", campaign).document] == [1, coming["version"]]
    shops.run("campaign", "withdraw-rules", campaign, coming["version"], "--merchant", "hill")
    assert [v["version"] for v in shops.run("campaign", "versions", campaign).document] == [1]
    place = shops.run("wallet", "tiers", "zoe").document[0]
    assert (place["rung"], place["counted"], place["next"]["missing"], place["vip"]) == ("guest", 1, 7, False)
    wish = tmp_path / "wish.json"
    asked = shops.run("wallet", "ask-rung", "zoe", campaign, "regulars", "friend", "--until", "2038-12-31").document
    wish.write_text(json.dumps(asked))
    shops.run("campaign", "vip", wish, "--merchant", "hill", "--last", "2037-12-31")
    place = shops.run("wallet", "tiers", "zoe").document[0]
    assert (place["rung"], place["through"], place["vip"]) == ("friend", "2037-12-31", True)
    shops.run("wallet", "board", "zoe", campaign, "--as", "brave-otter-42")
    until(lambda: bool(shops.run("campaign", "board", campaign).document["items"]), "somebody is on it")
    until(
        lambda: shops.run("campaign", "board", campaign).document["items"][0]["points"] == 10 * 10 + 300,
        "all of it counts",
    )
    time.sleep(1)  # of two words of one second the first counts
    assert shops.run("wallet", "board", "zoe", campaign, "--leave").document["pseudonym"] is None
