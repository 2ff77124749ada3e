"""The command line from a merchant's first key to a code used at the till, and a holder's exit without any gateway."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gateway.client import ProblemAnswer
from gateway.commands.house import House
from gateway.commands.wallets import listed as listed_wallets
from tests.commands.conftest import CommandLine
from tests.houses.shops import ANN, balance, earn
from tests.support.waiting import until

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
pytestmark = pytest.mark.timeout(900)


def test_everything_is_green_after_setting_up(shops: CommandLine) -> None:
    report = shops.run("doctor").document
    assert report["ok"]
    assert {"operator of campaign 1", "operator of campaign 2"} <= {check["name"] for check in report["checks"]}
    campaigns = {campaign["name"]: campaign for campaign in shops.run("campaign", "list").document}
    assert (campaigns["Hill"]["closed"], campaigns["Dale"]["closed"], campaigns["Dale"]["bonus"]) == (False, True, 1000)


def test_a_second_campaign_of_the_same_name_is_refused(shops: CommandLine) -> None:
    """Somebody typed the command again; customers would see two campaigns that they cannot tell apart."""
    count = len(shops.run("campaign", "list").document)
    again = shops.run("campaign", "create", "--merchant", "hill", "--name", "Hill", fails=1).document["error"]
    assert (again["code"], "1" in again["message"]) == ("same-name", True)
    assert len(shops.run("campaign", "list").document) == count


def test_a_file_is_replayed_once_however_often_it_is_sent(shops: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "week.csv"
    file.write_text(
        HEADER
        + "1,11111,,4,2010-12-02 08:00:00,2.50,7,UK\n"
        + "1,POST,,1,2010-12-02 08:00:00,3.00,7,UK\n"
        + "2,22222,,1,2010-12-02 09:00:00,30.00,,UK\n"
        + "C3,11111,,-1,2010-12-03 08:00:00,2.50,7,UK\n"
        + "C4,33333,,-1,2010-12-03 08:00:00,2.50,7,UK\n"
    )
    words = ("replay", file, "--campaign", 1, "--merchant", "hill", "--claims", 100)
    before = shops.supply()
    first = shops.run(*words).document
    assert (first["actions"], first["purchases"], first["refunds"], first["repeated"]) == (3, 2, 1, 0)
    assert (first["points"], first["points_refunded"], first["claimed"]) == (4_300, 250, 1)
    assert first["lines_not_sent"] == {"refund-of-nothing-bought-in-file": 1}
    assert first["rejected"] == first["claims_refused"] == {}
    supply = before + 4_300 - 250
    until(lambda: shops.supply() == supply, "what was told is minted")
    second = shops.run(*words).document
    assert second["repeated"] == second["actions"] == 3
    assert {**second, "repeated": 0, "seconds": 0, "actions_per_second": 0} == {
        **first,
        "seconds": 0,
        "actions_per_second": 0,
    }
    time.sleep(3)
    assert shops.supply() == supply


def test_a_bad_file_sends_nothing_and_names_the_cell(shops: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(
        HEADER + "5,11111,,4,2010-12-02 08:00:00,2.50,7,UK\n" + "6,11111,,four,2010-12-02 08:00:00,2.50,7,UK\n"
    )
    answer = shops.run("replay", file, "--campaign", 1, "--merchant", "hill", fails=1)
    assert answer.document["error"]["code"] == "bad-file"
    assert "line 3, column Quantity" in answer.err


def test_a_file_of_actions_is_imported_once_and_an_import_goes_on_where_it_stopped(
    shops: CommandLine, tmp_path: Path
) -> None:
    file, report = tmp_path / "day.csv", tmp_path / "day.report.jsonl"
    now = int(time.time())
    good = [f"d{n},{now},{'yes' if n == 1 else ''},{'' if n == 1 else ANN},{n}.50" for n in range(1, 5)]
    file.write_text("\n".join(["key,occurred_at,claim,wallet,amount", *good, f"d9,{now},,{ANN},1.5.0", "d0,17672"]))
    words = ("actions", "import", file, "--campaign", 1, "--merchant", "hill", "--report", report)
    before = shops.supply()
    assert shops.run(*words, "--dry-run", fails=1).document["refused"] == 2
    first = shops.run(*words, "--explain", fails=1).document
    assert (first["actions"], first["accepted"], first["repeated"], first["points"]) == (6, 4, 0, 1_200)
    assert first["refused_by_code"] == {"unreadable-row": 2}
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["status"] for line in lines] == ["accepted"] * 4 + ["unreadable"] * 2
    assert [len(line.get("claim", {}).get("code", "")) for line in lines] == [26, 0, 0, 0, 0, 0]
    told = [(sum(v["points"] for v in line["verdicts"]), line["verdicts"][0]["why"]) for line in lines[:4]]
    assert [points for points, _ in told] == [line["points"] for line in lines[:4]]
    assert told[0][1] == "1.00 points for every 1.00 of 1.50"
    assert report.stat().st_mode & 0o077 == 0
    report.write_text("".join(f"{json.dumps(line)}\n" for line in lines[:2]) + '{"line":4,"sta')
    gone_on = shops.run(*words, "--resume", fails=1).document
    assert (gone_on["done_before"], gone_on["actions"], gone_on["repeated"]) == (2, 4, 2)
    assert [json.loads(line)["line"] for line in report.read_text().splitlines()] == [2, 3, 4, 5, 6, 7]
    again = shops.run(*words, fails=1).document
    assert (again["repeated"], again["points"]) == (4, 1_200)
    until(lambda: shops.supply() == before + 1_050, "the others are minted")  # all but the code, which nobody claimed


def test_an_older_programmes_balances_come_in_and_two_people_give(shops: CommandLine, tmp_path: Path) -> None:
    file, report = tmp_path / "members.csv", tmp_path / "members.report.jsonl"
    file.write_text(f"wallet,key,points\n{ANN},,200\n,member-1,12.50\n{ANN.lower()[:-1]}9,,0.75\n")
    words = ("grant", "balances", 1, file, "--merchant", "hill", "--report", report)
    before = shops.supply()
    assert shops.run(*words, "--dry-run").document["points"] == 21_325
    waiting = shops.run(*words, fails=1).document
    assert waiting["state"] == "waiting"
    refused = shops.run("grant", "approve", waiting["id"], "--merchant", "hill", fails=1).document
    assert refused["error"]["code"] == "second-key-required"
    shops.run("grant", "withdraw", waiting["id"], "--merchant", "hill")
    key = shops.run("merchant", "key", "hill", "--scopes", "manage").document["key"]
    file.write_text(file.read_text() + f"{ANN.lower()[:-1]}7,,1\n")  # one more member: another file
    time.sleep(1)  # a key of the second in which somebody asks may have been made for it
    waiting = shops.run(*words, fails=1).document
    shops.run("grant", "approve", waiting["id"], "--key", key)
    first = shops.run(*words).document
    assert (first["given"], first["repeated"], first["claim_codes"]) == (4, 0, 1)
    code = next(json.loads(line)["claim"]["code"] for line in report.read_text().splitlines() if "claim" in line)
    shops.run("wallet", "new", "newcomer")
    assert shops.run("wallet", "claim", "newcomer", code).document["points"] == 1_250
    again = shops.run(*words).document
    assert (again["given"], again["repeated"]) == (0, 4)
    picture = tmp_path / "welcome.png"
    made = ("grant", "welcome", 1, 5, "--uses", 3, "--merchant", "hill", "--qr", picture)
    welcome = shops.run(*made).document["code"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert shops.run("wallet", "claim", "newcomer", welcome).document["points"] == 500
    adjusted = shops.run("grant", "adjust", 1, "newcomer", 3, "--reason", "goodwill", "--merchant", "hill").document
    assert adjusted["state"] == "given"
    until(lambda: shops.supply() == before + 21_425 + 800, "the file is minted")
    log = shops.run("merchant", "log", "hill", "--what", "grant.approved").document
    assert [(change["subject"], change["after"]) for change in log] == [(waiting["id"], {"state": "given"})]


def test_a_file_of_balances_with_a_bad_line_sends_nothing(shops: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text(f"wallet,points\n{ANN},1e3\n{ANN[:-1]}9,5\n{ANN},5,6\n{ANN},0\n")
    answer = shops.run("grant", "balances", 1, file, "--merchant", "hill", fails=1)
    assert [f"line {line}, column" in answer.err for line in range(1, 6)] == [False, True, True, True, True]
    file.write_text("member,points\n1,5\n")
    assert "the columns are points" in shops.run("grant", "balances", 1, file, "--merchant", "hill", fails=1).err


def test_a_rejected_action_is_counted_by_its_problem(shops: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "early.csv"
    file.write_text(HEADER + "9,11111,,4,2010-11-02 08:00:00,2.50,7,UK\n")
    report = shops.run("replay", file, "--campaign", 1, "--merchant", "hill", fails=1).document
    assert report["actions"] == 0
    assert sum(report["rejected"].values()) == 1


def test_points_become_a_code_that_works_once(shops: CommandLine, tmp_path: Path) -> None:
    earn(shops, "ann", 10_000)
    codes = tmp_path / "codes.csv"
    codes.write_text("code\n" + "".join(f"COFFEE-{number:04}\n" for number in range(50)))
    create = ("offer", "create", "--merchant", "dale", "--title", "Coffee", "--price", "40")
    offer = shops.run(*create, "--reward", "product=coffee", "--limit", "2/week").document["id"]
    assert shops.run("offer", "show", offer).document["limits"] == [{"times": 2, "per": "week"}]
    upload = ("codes", "upload", codes, "--offer", offer, "--merchant", "dale")
    assert shops.run(*upload).document["added"] == 50
    assert shops.run(*upload).document["added"] == 50
    received = shops.run("wallet", "redeem", "ann", offer).document
    assert received["on_chain"] is True
    assert balance(shops, "ann") == 6_000
    till = ("--merchant", "dale")
    assert shops.run("codes", "check", received["code"], *till).document["state"] == "delivered"
    assert shops.run("codes", "use", received["code"], *till, "--key", "r1").document["state"] == "used"
    assert shops.run("codes", "use", received["code"], *till, "--key", "r1").document["state"] == "used"
    refused = shops.run("codes", "use", received["code"], *till, "--key", "r2", fails=1)
    assert refused.document["error"]["code"] == "code-used"
    assert shops.run("codes", "undo", received["code"], *till).document["state"] == "delivered"
    assert shops.run("codes", "count", "--offer", offer, *till).document == {
        "free": 49,
        "reserved": 0,
        "delivered": 1,
        "used": 0,
        "pattern": None,
        "low_stock": 20,
    }
    assert [box["code"] for box in shops.run("wallet", "inbox", "ann", "--confirm").document] == [received["code"]]
    assert shops.run("wallet", "inbox", "ann").document == []
    paid = shops.state.merchant("dale").address
    assert balance(shops, paid) == 4_000
    shops.run("merchant", "cash-out", "dale", 40)
    until(lambda: balance(shops, paid) == 0, "it is paid")


def test_holders_move_their_points_through_the_gateway(shops: CommandLine) -> None:
    earn(shops, "bob", 10_000)
    carol = shops.run("wallet", "new", "carol").document["address"]
    told = shops.run("wallet", "enter", "bob", 2, 20, "--preview").document
    assert told == {"received": 2_200, "bonus": 200, "min_received": 2_200}
    assert told == shops.run("wallet", "enter", "bob", 2, 20, "--preview", "--direct").document
    assert balance(shops, "bob") == 10_000
    assert shops.run("wallet", "enter", "bob", 2, 20).document["received"] == 2_200
    shops.run("wallet", "send", "bob", "carol", "12.50")
    assert balance(shops, carol) == 1_250
    shops.run("wallet", "enter", "bob", 1, 30)
    shops.run("wallet", "leave", "bob", 1, 10)
    assert shops.run("wallet", "move", "bob", 1, 2, 20).document["received"] == 2_200
    shops.run("wallet", "cash-out", "bob", 5)
    assert (balance(shops, "bob"), balance(shops, "bob", 2)) == (10_000 - 2_000 - 1_250 - 2_000 - 500, 4_400)
    kinds = {entry["kind"] for entry in shops.run("wallet", "history", "bob").document}
    assert {"entered", "left", "moved", "cashed_out"} & kinds
    for words, code in (
        (("leave", "bob", 2, 10), "closed-loop"),
        (("move", "bob", 2, 1, 10, "--preview"), "closed-loop"),
    ):
        refused = shops.run("wallet", *words, fails=1)
        assert refused.document["error"]["code"] == code
    refused = shops.run("wallet", "leave", "bob", 2, 10, fails=1)
    assert refused.document["error"]["problem"]["code"]


def test_a_merchant_runs_its_campaigns_and_offers(shops: CommandLine, tmp_path: Path) -> None:
    hill, dale = ("--merchant", "hill"), ("--merchant", "dale")
    assert {m["name"] for m in shops.run("merchant", "list").document} >= {"hill", "dale"}
    assert shops.run("merchant", "key", "hill", "--scopes", "codes").document["key"].startswith("loy_")
    shops.run("merchant", "delegate", "hill", "--revoke")
    report = shops.run("doctor").document
    assert report["ok"], "hill sells no codes yet, so it needs no delegate"
    shops.run("merchant", "delegate", "hill")

    shops.run("campaign", "invite", 2, "hill", *dale, "--daily-quota", 5)
    shops.run("merchant", "accept", "hill", 2)
    until(
        lambda: all(member["accepted"] for member in shops.run("campaign", "show", 2).document["merchants"]),
        "all have accepted",
    )
    again = shops.run("campaign", "invite", 2, "hill", *dale, "--daily-quota", 6).document
    assert again["daily_quota"] == 6_00
    rules = tmp_path / "rules.json"
    rules.write_text('{"rules":[{"kind":"per_visit","points":500}]}')
    assert shops.run("campaign", "rules", 2, rules, *dale).document["version"] == 2
    assert shops.run("campaign", "pause", 2, *dale).document["paused"] is True
    visit = {"campaign": 2, "kind": "visit", "occurred_at": int(time.time()), "wallet": "0x" + "17" * 20}
    with shops.client("dale") as client, pytest.raises(ProblemAnswer) as caught:
        client.report(visit, "visit-1")
    assert caught.value.code == "campaign-paused"
    assert shops.run("campaign", "resume", 2, *dale).document["paused"] is False
    shops.run("campaign", "settle", 2, *dale)

    terms = ("--price", "5", "--campaign", 2, "--reward", "product=tea", "--codes", "TEA-****-****-****-%")
    made = ("offer", "create", *hill, "--title", "Tea", *terms)
    offer = shops.run(*made).document["id"]
    assert offer in [listed["id"] for listed in shops.run("offer", "list", "--campaign", 2).document]
    assert shops.run("offer", "show", offer).document["campaign"] == 2
    earn(shops, "fred", 3_000)
    shops.run("wallet", "enter", "fred", 2, 20)
    code = shops.run("wallet", "redeem", "fred", offer).document["code"]
    assert shops.run("codes", "use", code, *hill).document["state"] == "used"
    for verb, active in (("close", False), ("open", True), ("close", False)):
        assert shops.run("offer", verb, offer, *hill).document["active"] is active
    shops.run("wallet", "redeem", "fred", offer, fails=1)
    assert shops.run("wallet", "pending", "fred").document == []
    shops.run("wallet", "enter", "fred", 1, 5)
    assert shops.run("wallet", "stay", "fred", 1, "--off").document["state"] == "done"
    shops.run("faucet", "fred")
    assert shops.run("wallet", "cancel", "fred").document == {"cancelled": True}
    with shops.client() as client:
        assert client.wallet(dict(listed_wallets(shops.state))["fred"])["nonce"] == 65_538


def test_errors_say_what_to_do(shops: CommandLine) -> None:
    answer = shops.run("wallet", "balance", "nobody", fails=1)
    assert "loyalty wallet new nobody" in answer.err
    assert shops.run("merchant", "new", "hill").document["id"] == shops.state.merchant("hill").id
    shops.run("wallet", "send", "ann", "bob", "1.005", fails=2, as_json=False)
    shops.run("campaign", "fund", 99, "--merchant", "hill", "--budget", 1, fails=1)
    assert "claim-unknown" in shops.run("wallet", "claim", "0x" + "17" * 20, "A" * 26, fails=1).out


def test_a_second_house_on_the_same_port_is_refused(shops: CommandLine, house: House, tmp_path: Path) -> None:
    answer = shops.run("up", "--state", tmp_path / "other", "--port", house.port, fails=1)
    assert answer.document["error"]["code"] == "port-in-use"
    assert not (tmp_path / "other" / "deployment.json").exists()


def test_the_audit_agrees(shops: CommandLine) -> None:
    report = shops.run("audit").document
    assert report["ok"]
    assert report["solvent"]


def test_a_holder_leaves_when_the_gateway_is_gone(shops: CommandLine, house: House) -> None:
    earn(shops, "dora", 10_000)
    shops.run("wallet", "new", "emil")
    for child in house.children[1:]:
        child.stop()
    del house.children[1:]
    shops.run("wallet", "balance", "dora", fails=1)
    for words in (
        ("enter", "dora", 1, 50),
        ("move", "dora", 1, 2, 10),
        ("leave", "dora", 1, 20),
        ("send", "dora", "emil", 15),
        ("cash-out", "dora", 25),
    ):
        shops.run("wallet", *words, "--direct")
    answer = json.loads(shops.run("wallet", "balance", "dora", "--direct").out)
    assert answer["balance"] == 10_000 - 5_000 + 2_000 - 1_500 - 2_500
    assert {account["campaign"]: account["matured"] for account in answer["accounts"]} == {1: 2_000, 2: 1_100}
    emil = dict(listed_wallets(shops.state))["emil"]
    assert shops.run("wallet", "balance", emil, "--direct").document["balance"] == 1_500
    house.start_gateway()
    house.wait()
    until(lambda: balance(shops, "emil") == 1_500, "he has them")


def test_points_behind_a_link(shops: CommandLine) -> None:
    earn(shops, "ida", 1_000)
    shops.run("wallet", "new", "jon")
    assert shops.run("wallet", "gift", "ida", "0.50", fails=1).document["error"]["code"] == "below-relay-minimum"
    link = shops.run("wallet", "gift", "ida", "4").document["link"]
    until(lambda: shops.run("wallet", "gifts").document[0]["points"] == 400, "the gift is there")
    assert shops.run("wallet", "gifts", "--links").document[0]["link"] == link
    assert shops.run("wallet", "take", "jon", link[:-1], fails=1).document["error"]["code"] == "bad-gift"
    assert shops.run("wallet", "take", "jon", link).document == {"points": 400}
    until(lambda: balance(shops, "jon") == 400, "he has them")
    assert balance(shops, "ida") == 600
    assert shops.run("wallet", "take", "ida", link, fails=1).document["error"]["code"] == "gift-empty"


def test_a_merchant_changes_and_ends_its_keys(shops: CommandLine) -> None:
    before = shops.run("merchant", "keys", "hill").document
    own = next(key["id"] for key in before if key["current"])
    till = shops.run("merchant", "key", "hill", "--scopes", "actions").document
    newer = shops.run("merchant", "rotate", "hill", till["id"], "--grace", "0s").document
    assert newer["scopes"] == ["actions"]
    assert newer["key"] != till["key"]
    assert shops.run("merchant", "revoke", "hill", newer["id"]).document["revoked"]
    shops.run("merchant", "revoke", "hill", own, fails=1)  # it would lock this machine out

    rotated = shops.run("merchant", "rotate", "hill", "--grace", "0s").document
    assert "key" not in rotated
    after = {key["id"]: key for key in shops.run("merchant", "keys", "hill").document}
    assert after[rotated["id"]]["current"]
    assert not after[own]["current"]
    assert after[own]["expires_at"]
    assert after[newer["id"]]["revoked_at"]


def test_a_merchant_manages_its_webhooks(shops: CommandLine) -> None:
    url = "https://shop.example/hooks/loyalty"
    made = shops.run("webhook", "add", url, "--merchant", "hill").document
    assert made["secret"].startswith("whsec_")
    listed = shops.run("webhook", "list", "--merchant", "hill").document
    assert [(hook["id"], hook["url"], hook["active"]) for hook in listed] == [(made["id"], url, True)]
    earn(shops, "hooked", 1_00)
    until(lambda: shops.run("webhook", "messages", "--merchant", "hill").document, "it is told")
    message = shops.run("webhook", "messages", "--merchant", "hill").document[0]
    assert (message["webhook"], message["type"]) == (made["id"], "batch.landed")
    assert shops.run("webhook", "replay", message["id"], "--merchant", "hill").document["id"] == message["id"]
    shops.run("webhook", "remove", made["id"], "--merchant", "hill")
    assert shops.run("webhook", "list", "--merchant", "hill").document == []
    shops.run("webhook", "remove", made["id"], "--merchant", "hill", fails=1)


def test_money_for_somebody_elses_campaign_must_be_meant(shops: CommandLine) -> None:
    before = shops.run("campaign", "show", 2).document["budget"]
    answer = shops.run("campaign", "fund", 2, "--merchant", "hill", "--budget", 1, fails=1)
    assert "--gift" in answer.err
    assert shops.run("campaign", "show", 2).document["budget"] == before
    shops.run("campaign", "fund", 2, "--merchant", "hill", "--budget", 1, "--gift")
    assert shops.run("campaign", "show", 2).document["budget"] == before + 1_00
