"""docs/walks/earn.md: from the till's report to points in the customer's own wallet, and back for a refund."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

from gateway.chain.hexes import checksum
from gateway.client import Json, ProblemAnswer
from gateway.commands.console import CommandError
from gateway.core.durations import DAY
from tests.functional.house import House, done, refused
from tests.functional.people import Holder, Merchant
from tests.functional.till import RULES, line, refund
from tests.support.waiting import in_time

#: Awards mature one to two holds after they landed.
HOLD = 4


def landed(merchant: Merchant, action: Json) -> None:
    """Waits until the action's batch is on the chain, seen at depth."""

    def state() -> bool:
        return bool(done(merchant.call("GET", f"/actions/{action['id']}"))["state"] == "landed")

    merchant.house.until(state, "the action lands")


# --------------------------------------------------------------------- walks


def test_from_the_till_to_the_wallet(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(rules=RULES)
    holder = Holder.fresh(house)
    sold = merchant.purchase(campaign, 0, wallet=holder.name)
    sold["lines"] = [line(1_999), line(700, "tobacco"), line(500, product="P-2", quantity=5)]

    action = done(merchant.report(sold), 202)
    assert (action["points"], action["state"], action["claim"]) == (2_499, "accepted", None)
    assert action["rules"] == [{"rule": 0, "eligible": 2_499, "points": 2_499}]
    now = int(time.time())
    seen = {"campaign": campaign, "occurred_at": now, "wallet": holder.name}
    assert done(merchant.report(seen | {"kind": "visit"}), 202)["points"] == 500
    assert done(merchant.report(seen | {"kind": "custom", "action": "review"}), 202)["points"] == 200

    holder.until_points(2_499 + 500 + 200)
    landed(merchant, action)
    state = house.chain.reads.campaign(campaign)
    assert state.budget == 1_000_000 - 3_199
    assert done(house.call("GET", f"/campaigns/{campaign}"))["budget"] == state.budget
    assert house.client().chain()["solvent"]


def test_pending_points_are_shown_to_the_wallet_alone(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(settle_every=DAY, min_wallets=2)
    holder = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 1_000, wallet=holder.name)), 202)
    path = f"/wallets/{holder.name}/pending"
    refused(house.call("GET", path), 403, "proof-required", "Wallet-Proof")
    stranger = Holder.fresh(house).wallet.signer.proof()
    refused(house.call("GET", path, headers={"Wallet-Proof": stranger}), 422, "bad-signature", "Wallet-Proof")
    items = house.client().pending(holder.name, holder.wallet.signer.proof())
    assert [(item["campaign"], item["points"]) for item in items] == [(campaign, 1_000)]

    # One wallet is too small a crowd for this campaign; two are enough, and then the owner may settle at once.
    refused(merchant.call("POST", f"/campaigns/{campaign}/settle"), 409, "too-few-wallets", "campaign")
    other = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 300, wallet=other.name)), 202)
    assert holder.points == other.points == 0
    done(merchant.call("POST", f"/campaigns/{campaign}/settle"), 202)
    holder.until_points(1_000)
    other.until_points(300)

    # Who asks for what waits gets it alone; the others wait for their window.
    for each in (holder, other):
        done(merchant.report(merchant.purchase(campaign, 500, wallet=each.name)), 202)
    wish = holder.wallet.signer.points_now(campaign)
    refused(house.call("POST", f"/wallets/{other.name}/settlements", wish), 422, "bad-signature", "signature")
    asked = done(house.call("POST", f"/wallets/{holder.name}/settlements", wish), 202)
    assert (asked["campaign"], asked["points"]) == (campaign, 500)
    holder.until_points(1_500)
    assert other.points == 300


def test_amounts_are_rounded_and_the_rest_is_kept(house: House, merchant: Merchant) -> None:
    """A settlement pays multiples of the campaign's step; what is left over goes into the next."""
    campaign = merchant.campaign(step=500)
    holder = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 1_299, wallet=holder.name)), 202)
    holder.until_points(1_000)
    done(merchant.report(merchant.purchase(campaign, 201, wallet=holder.name)), 202)
    holder.until_points(1_500)


def test_a_guest_claims_with_the_code_from_the_receipt(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    report = merchant.purchase(campaign, 2_000, claim=True)
    first = merchant.report(report, once="receipt-7")
    code = done(first, 202)["claim"]["code"]
    assert first.json()["state"] == "code-issued"
    # The till asks again: the very same answer, code included.
    assert done(merchant.report(report, once="receipt-7"), 202) == first.json()

    holder, thief = Holder.fresh(house), Holder.fresh(house)
    claim = {"code": code, "wallet": holder.name}
    assert done(house.call("POST", "/claims", claim)) == {
        "campaign": campaign,
        "points": 2_000,
        "wanted": 2_000,
        "state": "accepted",
    }
    assert done(house.call("POST", "/claims", claim))["points"] == 2_000
    refused(house.call("POST", "/claims", claim | {"wallet": thief.name}), 409, "claim-used", "code")
    holder.until_points(2_000)
    assert thief.points == 0
    # The till never learns whether, when or by which wallet.
    seen = done(merchant.call("GET", f"/actions/{first.json()['id']}"))
    assert seen["state"] == "code-issued"
    assert holder.name.lower() not in str(seen).lower()


def test_claims_are_anonymous_and_codes_not_guessed(house: House) -> None:
    wallet = Holder.fresh(house).name
    claim = {"code": "A" * 26, "wallet": wallet}
    refused(house.call("POST", "/claims", claim), 404, "claim-unknown", "code")
    for header in ("Authorization", "Cookie"):
        refused(house.call("POST", "/claims", claim, headers={header: "x"}), 400, "credentials-refused", header)
    refused(house.call("POST", "/claims", claim | {"code": "A" * 25}), 422, "invalid-request", "code")
    token = checksum(house.deployment.token)
    refused(house.call("POST", "/claims", claim | {"wallet": token}), 422, "wallet-refused", "wallet")


def test_two_claims_at_once_pay_once(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    code = done(merchant.report(merchant.purchase(campaign, 1_000, claim=True)), 202)["claim"]["code"]
    holders = [Holder.fresh(house) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda h: house.call("POST", "/claims", {"code": code, "wallet": h.name}), holders))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    house.until(lambda: sum(h.points for h in holders) == 1_000, "one of them has the points")
    assert house.chain.reads.campaign(campaign).budget == 1_000_000 - 1_000


# ------------------------------------------------------------------- refunds


def test_a_refund_before_the_settlement_is_netted(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(settle_every=DAY)
    holder = Holder.fresh(house)
    kept = done(merchant.report(merchant.purchase(campaign, 3_000, wallet=holder.name)), 202)
    gone = done(merchant.report(merchant.purchase(campaign, 5_000, wallet=holder.name)), 202)
    assert done(merchant.report(refund(campaign, gone)), 202)["points"] == 5_000
    part = done(merchant.report(refund(campaign, kept, amount=1_000)), 202)
    assert part["points"] == 1_000
    done(merchant.call("POST", f"/campaigns/{campaign}/settle"), 202)
    holder.until_points(2_000)
    assert house.chain.reads.campaign(campaign).budget == 1_000_000 - 2_000


def test_a_refund_after_the_settlement_claws_back_what_is_pending(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(hold=DAY)
    holder, before = Holder.fresh(house), house.chain.reads.head().time
    first = done(merchant.report(merchant.purchase(campaign, 3_000, wallet=holder.name)), 202)
    second = done(merchant.report(merchant.purchase(campaign, 1_000, wallet=holder.name)), 202)
    landed(merchant, first)
    landed(merchant, second)
    house.until(lambda: holder.account(campaign)["pending"] == 4_000, "both awards are pending")
    assert holder.account(campaign)["next_maturity"] >= before + DAY

    back = done(merchant.report(refund(campaign, first)), 202)
    assert back["points"] == 3_000
    house.until(lambda: holder.account(campaign)["pending"] == 1_000, "the refund takes them back")
    landed(merchant, back)
    assert house.chain.reads.account(campaign, holder.address).pending == 1_000
    assert house.chain.reads.campaign(campaign).budget == 1_000_000 - 1_000
    assert done(merchant.call("GET", f"/actions/{back['id']}"))["owed"] == 0


def test_matured_points_are_out_of_reach(house: House, merchant: Merchant) -> None:
    """They are released to the wallet, and a refund that comes then finds nothing and records what is owed."""
    campaign = merchant.campaign(hold=HOLD)
    holder = Holder.fresh(house)
    sold = done(merchant.report(merchant.purchase(campaign, 3_000, wallet=holder.name)), 202)
    holder.until_points(3_000)  # matured and sent home by the gateway
    happened = {
        item["kind"]: item["at"] for item in done(house.call("GET", f"/wallets/{holder.name}/history"))["items"]
    }
    assert happened["released"] >= happened["account_awarded"] + HOLD
    back = done(merchant.report(refund(campaign, sold)), 202)
    owed = house.until(
        lambda: (seen := done(merchant.call("GET", f"/actions/{back['id']}")))["owed"] == 3_000 and seen,
        "the shortfall is recorded",
    )
    assert owed["points"] == 3_000
    assert holder.points == 3_000


def test_a_holder_who_stays_keeps_matured_points_in_the_campaign(house: House, merchant: Merchant) -> None:
    def attempt(hold: float) -> None:
        """The hold is the time to decide: whoever takes longer finds the points at home."""
        campaign = merchant.campaign(hold=int(hold))
        stays, goes = Holder.fresh(house), Holder.fresh(house)
        for holder in (stays, goes):
            done(merchant.report(merchant.purchase(campaign, 1_000, wallet=holder.name)), 202)
        house.until(lambda: stays.points or stays.account(campaign)["pending"], "the award lands")
        assert stays.points == 0
        stays.wallet.landed(stays.wallet.stay(campaign, True))
        goes.until_points(1_000)
        assert stays.points == 0
        house.until(lambda: stays.account(campaign)["matured"] == 1_000, "it matures")
        assert (stays.points, stays.account(campaign)["stay"]) == (0, True)
        stays.wallet.landed(stays.wallet.leave(campaign, 400))
        stays.until_points(400)

    in_time(attempt, 2 * HOLD, 10 * HOLD, late=(CommandError, ProblemAnswer))


def test_a_refund_of_a_guests_unclaimed_purchase_comes_off_the_code(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    sold = done(merchant.report(merchant.purchase(campaign, 2_000, claim=True)), 202)
    done(merchant.report(refund(campaign, sold, amount=500)), 202)
    holder = Holder.fresh(house)
    claimed = done(house.call("POST", "/claims", {"code": sold["claim"]["code"], "wallet": holder.name}))
    assert claimed["points"] == 1_500
    holder.until_points(1_500)


def test_refund_by_lines_takes_back_what_those_lines_earned(merchant: Merchant) -> None:
    campaign = merchant.campaign(rules=RULES, settle_every=DAY)
    wallet = Holder.fresh(merchant.house).name
    sold = merchant.purchase(campaign, 0, wallet=wallet) | {"lines": [line(1_050), line(2_000, "tobacco")]}
    action = done(merchant.report(sold, once="receipt-9"), 202)
    assert action["points"] == 1_050
    refused(merchant.report(refund(campaign, action, amount=500)), 422, "refund-lines-required", "lines")
    by_key = refund(campaign, refers_to_key="receipt-9", lines=[line(2_000, "tobacco")])
    assert done(merchant.report(by_key), 202)["points"] == 0
    assert done(merchant.report(refund(campaign, action, lines=[line(50)])), 202)["points"] == 50
    too_much = refund(campaign, action, lines=[line(1_001)])
    refused(merchant.report(too_much), 422, "refund-exceeds-purchase")
    assert done(merchant.report(refund(campaign, action)), 202)["points"] == 1_000
    refused(merchant.report(refund(campaign, action)), 409, "refund-duplicate", "refers_to")


# --------------------------------------------------------------- repetitions


def test_sent_twice_is_once(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    holder = Holder.fresh(house)
    report = merchant.purchase(campaign, 1_234, wallet=holder.name)
    first = merchant.report(report, once="receipt-1")
    assert done(merchant.report(report, once="receipt-1"), 202) == done(first, 202)
    landed(merchant, first.json())
    assert done(merchant.report(report, once="receipt-1"), 202)["id"] == first.json()["id"]
    other = report | {"lines": [line(9_999)]}
    refused(merchant.report(other, once="receipt-1"), 409, "idempotency-conflict", "Idempotency-Key")
    holder.until_points(1_234)
    # Another merchant's key of the same name is another key.
    stranger = Merchant.join(house)
    theirs = stranger.campaign()
    done(stranger.report(stranger.purchase(theirs, 100, wallet=holder.name), once="receipt-1"), 202)
    holder.until_points(1_334)


def test_the_same_report_many_times_at_once_is_one_action(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    holder = Holder.fresh(house)
    report = merchant.purchase(campaign, 1_000, wallet=holder.name)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: merchant.report(report, once="receipt-1"), range(8)))
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert accepted
    assert len(set(accepted)) == 1
    for answer in answers:
        if answer.status_code != 202:
            refused(answer, 503, "busy")
    holder.until_points(1_000)


def test_a_write_needs_its_key(merchant: Merchant) -> None:
    report = merchant.purchase(1, 100, wallet=Holder.fresh(merchant.house).name)
    headers = {"Authorization": f"Bearer {merchant.token}"}
    answer = merchant.house.call("POST", "/actions", report, headers=headers)
    refused(answer, 400, "idempotency-key-required", "Idempotency-Key")


# ---------------------------------------------------------------------- bulk


def test_bulk_judges_every_item_by_itself(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(budget=10_000, rules=RULES)
    holder, guest = Holder.fresh(house), Holder.fresh(house)
    sold = merchant.purchase(campaign, 2_000, wallet=holder.name)
    items = [
        sold | {"key": "a"},
        sold | {"key": "b", "lines": [line(-1)]},
        sold | {"key": "c", "lines": [line(9_000)]},  # more than the budget has
        merchant.purchase(campaign, 500, claim=True) | {"key": "d"},
        sold | {"key": "a"},  # the same again
        sold | {"key": "a", "lines": [line(1)]},  # the same key, another body
        refund(campaign, refers_to_key="a", amount=300) | {"key": "e"},
        sold | {"key": "f", "campaign": 9_999_999},
        {"nonsense": True},
        refund(campaign, refers_to_key="a", amount=1_701) | {"key": "g"},
    ]
    results = merchant.client.report_bulk(items)
    codes = [(result["key"], result["status"], (result["problem"] or {}).get("code")) for result in results]
    assert codes == [
        ("a", 202, None),
        ("b", 422, "invalid-request"),
        ("c", 409, "budget-exhausted"),
        ("d", 202, None),
        ("a", 202, None),
        ("a", 409, "idempotency-conflict"),
        ("e", 202, None),
        ("f", 404, "unknown-campaign"),
        (None, 422, "invalid-request"),
        ("g", 422, "refund-exceeds-purchase"),
    ]
    assert results[1]["problem"]["field"] == "lines[0].amount"
    assert results[4]["repeated"]
    assert results[4]["action"] == results[0]["action"]
    claim = {"code": results[3]["action"]["claim"]["code"], "wallet": guest.name}
    done(house.call("POST", "/claims", claim))
    holder.until_points(1_700)
    guest.until_points(500)
    # All of it again: what was accepted is answered as before, nothing is added.
    again = merchant.client.report_bulk(items)
    assert [r["status"] for r in again] == [r["status"] for r in results]
    assert [r["action"] for r in again] == [r["action"] for r in results]
    assert [r["repeated"] for r in again] == [r["status"] == 202 for r in results]


def test_a_thousand_at_once_land_in_batches(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(hold=DAY, budget=100_000_000, daily_cap=100_000_000)
    wallets = [secrets.token_bytes(20) for _ in range(700)]
    sold = merchant.purchase(campaign, 0)
    items = [
        sold | {"key": f"k-{n}", "wallet": checksum(wallets[n % 700]), "lines": [line(100 + n)]} for n in range(1_000)
    ]
    results = merchant.client.report_bulk(items)
    assert {result["status"] for result in results} == {202}
    total = sum(100 + n for n in range(1_000))
    house.until(lambda: house.chain.reads.campaign(campaign).budget == 100_000_000 - total, "all of it lands")
    house.until(lambda: house.account(wallets[3], campaign)["pending"] == 103 + 803, "folded for each wallet")
    too_many = [*items, sold | {"key": "one-more", "wallet": checksum(wallets[0])}]
    refused(merchant.call("POST", "/actions/bulk", {"actions": too_many}), 422, "invalid-request", "actions")
