"""Three merchants' whole programmes, as their files say, from the till to the chain."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.chain import signatures
from gateway.chain.hexes import checksum, to_hex
from gateway.client import Json
from gateway.commands import campaign_file
from gateway.commands.campaign import DAY
from gateway.commands.offers_section import Publisher
from gateway.loyalty.earning.referrals.service import message
from tests.functional.house import House, done
from tests.functional.people import RULES, Holder, Merchant

#: The rules are the same on both databases, and the walks show that the pipeline is.
pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
EXAMPLES = Path(__file__).parents[2] / "docs/examples"
LONDON = ZoneInfo("Europe/London")


def last(weekday: int, hour: int, weeks: int = 0) -> int:
    """A moment of that weekday (Monday is 0) and hour in London, in one of the last weeks."""
    now = datetime.now(LONDON)
    day = now.toordinal() - (now.weekday() - weekday) % 7 - 7 * (weeks + 1)
    moment = datetime.fromordinal(day).replace(hour=hour, tzinfo=LONDON)
    return int(moment.astimezone(UTC).timestamp())


def run(merchant: Merchant, campaign: int, file: campaign_file.CampaignFile) -> None:
    """Makes the campaign as the file says; the same file again changes nothing."""
    publisher = Publisher(merchant.id, checksum(merchant.address), lambda: merchant.key)

    def apply() -> None:
        for change in campaign_file.plan(merchant.client, campaign, file, False, publisher):
            change.do()

    apply()
    logged = len(list(merchant.client.items("/v1/audit-log")))
    apply()
    assert len(list(merchant.client.items("/v1/audit-log"))) == logged


def opened(merchant: Merchant, name: str, **more: Any) -> tuple[int, campaign_file.CampaignFile]:
    """A campaign that began weeks ago under the file's rules: what happened then is judged by them."""
    file = campaign_file.load(EXAMPLES / name)
    assert file.earning is not None
    rules = file.earning.model_dump(mode="json", exclude_none=True)
    return merchant.campaign(rules=rules, starts_at=int(time.time()) - 60 * DAY, **more), file


def report(merchant: Merchant, campaign: int, *actions: Json) -> list[Json]:
    """All at once, each under its place; what was answered."""
    told = [
        {"campaign": campaign, "key": f"{campaign}-{merchant.id}-{n}", **action} for n, action in enumerate(actions)
    ]
    results = merchant.client.report_bulk(told)
    assert all(result["status"] == 202 for result in results), results
    return [dict(result["action"] or {}) for result in results]


def test_coffee_shop(house: House, merchant: Merchant) -> None:
    campaign, file = opened(merchant, "coffee-shop.yaml")
    run(merchant, campaign, file)
    ann = Holder.fresh(house)
    visit = {"kind": "visit", "wallet": ann.name}
    days = [{**visit, "occurred_at": last(weekday, 12, weeks)} for weeks in range(2) for weekday in (1, 3, 5)]
    early = {**visit, "occurred_at": last(0, 8)}
    again = {**visit, "occurred_at": early["occurred_at"] + 3 * 3_600}
    beans = {
        "kind": "purchase",
        "wallet": ann.name,
        "occurred_at": last(2, 10),
        "lines": [{"product": "beans-1kg", "quantity": 1, "amount": 1_900}],
    }
    review = {"kind": "custom", "action": "review", "wallet": ann.name, "occurred_at": last(2, 11)}
    answers = report(merchant, campaign, *days, early, again, beans, review)
    assert [answer["points"] for answer in answers] == [100] * 6 + [200, 0, 300, 200]
    ann.until_points(1_300)

    offer = merchant.offer(1_000, codes=1)  # ten stamps: a coffee
    received = ann.wallet.delivered(ann.wallet.order(offer["id"]))
    assert received.on_chain
    assert merchant.client.code("use", received.code)["state"] == "used"
    ann.until_points(300)


def test_supermarket(house: House, merchant: Merchant) -> None:
    campaign, file = opened(merchant, "supermarket.yaml", hold=DAY)
    run(merchant, campaign, file.model_copy(update={"shares": None}))  # its partner is at another gateway
    bob = Holder.fresh(house)
    thursday = last(3, 18)

    def basket(at: int, *lines: tuple[str, str, int, int]) -> Json:
        told = [{"product": p, "category": c, "quantity": q, "amount": a} for p, c, q, a in lines]
        return {"kind": "purchase", "wallet": bob.name, "occurred_at": at, "lines": told}

    dinner = basket(thursday, ("cheese", "dairy", 2, 900), ("rioja", "wine", 6, 4_500), ("cigars", "tobacco", 1, 2_000))
    large = basket(thursday + DAY, ("bread", "bakery", 10, 9_000), ("ham", "meat", 2, 3_000))
    first, second = report(merchant, campaign, dinner, large)
    # 54.00 without the cigars, doubled on Thursday evening; but a day gives 50, and nothing is left for the wine. The
    # first purchase's 10 points are not counted by that cap.
    assert (first["points"], second["points"]) == (5_000 + 1_000, 5_000)
    assert (
        sum(
            v["points"]
            for v in done(merchant.call("POST", "/actions/preview", {"campaign": campaign, **large}))["verdicts"]
        )
        == 0
    )
    house.until(lambda: bob.account(campaign)["pending"] == 11_000, "both awards under hold")

    back = {
        "kind": "refund",
        "refers_to": second["id"],
        "occurred_at": int(time.time()),
        "lines": [large["lines"][0]],
        "receipt": large["lines"],
    }
    told = merchant.client.report({"campaign": campaign, **back}, f"back-{campaign}")
    # Of 120.00 there are 30.00 left: 30 points, and no large basket any more.
    assert told["points"] == 5_000 - 3_000
    house.until(lambda: bob.account(campaign)["pending"] == 9_000, "clawed back under hold")
    whole = {"kind": "refund", "refers_to": first["id"], "occurred_at": int(time.time())}
    assert merchant.client.report({"campaign": campaign, **whole}, f"whole-{campaign}")["points"] == 6_000
    house.until(lambda: bob.account(campaign)["pending"] == 3_000, "the first purchase is undone")


def test_coalition(house: House, merchant: Merchant) -> None:
    others = [Merchant.join(house, name) for name in ("Bookshop", "Bakery", "Bikes")]
    document = campaign_file.load(EXAMPLES / "coalition.yaml").model_dump(mode="json", exclude_none=True)
    wanted = copy.deepcopy(document)
    wanted["earning"]["multipliers"][0]["merchants"] = [others[0].id]
    for share, other in zip(wanted["shares"], others, strict=True):
        share["merchant"] = other.id
    file = campaign_file.CampaignFile.model_validate(wanted)
    campaign = merchant.campaign(rules=wanted["earning"], starts_at=int(time.time()) - 60 * DAY)
    for other in others:
        merchant.invite(other, campaign)
    run(merchant, campaign, file)

    cleo, dan = Holder.fresh(house), Holder.fresh(house)
    sunday, monday = last(6, 12), last(0, 12)

    def sale(who: Holder, amount: int, at: int) -> Json:
        return {"kind": "purchase", "wallet": who.name, "occurred_at": at, "amount": amount}

    shops = (merchant, *others)
    earned = [report(shop, campaign, sale(cleo, 1_000, sunday), sale(cleo, 500, monday)) for shop in shops]
    assert [[answer["points"] for answer in answers] for answers in earned] == [
        [1_000, 500],
        [1_500, 500],
        [1_000, 500],
        [1_000, 500],
    ]
    cleo.until_points(6_500)

    text = message(dan.address, cleo.address, campaign, house.deployment.chain_id)
    signature = to_hex(signatures.sign(dan.key, signatures.personal(text.encode())))
    body = {"wallet": dan.name, "referrer": cleo.name, "signature": signature}
    done(house.call("POST", f"/campaigns/{campaign}/referrals", body))
    report(others[2], campaign, {"key": "dan", **sale(dan, 2_000, monday)})
    dan.until_points(2_000 + 300)
    cleo.until_points(6_500 + 500)

    lane = others[1].campaign(closed=True, bonus=1_000, pot=1_000, rules=RULES)  # 10 % for points that come in
    landed = cleo.wallet.landed(cleo.wallet.enter(lane, 5_000))
    assert landed["received"] == 5_500
    assert cleo.account(lane)["matured"] == 5_500
    cleo.until_points(2_000)
