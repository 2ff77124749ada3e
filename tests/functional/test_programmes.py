"""Three merchants' whole programmes, as their files say, from the till to the chain."""

from __future__ import annotations

import copy
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.chain import calls, signatures
from gateway.chain.badges import token_id
from gateway.chain.hexes import checksum, to_hex
from gateway.client import Json, ProblemAnswer
from gateway.commands import campaign_file
from gateway.commands.console import CommandError
from gateway.commands.offers_section import Publisher
from gateway.core.durations import DAY
from gateway.loyalty.earning.referrals.messages import message
from tests.functional.exercised import Exercised
from tests.functional.house import House, done, refused
from tests.functional.people import RULES, Holder, Merchant

#: The rules are the same on both databases, and the walks show that the pipeline is.
pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
EXAMPLES = Path(__file__).parents[2] / "docs/examples"
LONDON = ZoneInfo("Europe/London")
#: One for all of a test, which may run over midnight.
NOW = datetime.now(LONDON)


def last(weekday: int, hour: int, weeks: int = 1) -> int:
    """A moment of that weekday (Monday is 0) and hour in London, so many full weeks ago."""
    return on(NOW.toordinal() - NOW.weekday() + weekday - 7 * weeks, hour)


def on(day: int, hour: int = 12) -> int:
    """A moment of that day (its ordinal) in London."""
    return int(datetime.fromordinal(day).replace(hour=hour, tzinfo=LONDON).timestamp())


def ten_days_of_a_year() -> int:
    """The ordinal of the day after ten days in a row that are over and lie in one calendar year."""
    today = NOW.date()
    after = today.toordinal() - 1
    new_year = date(today.year, 1, 1).toordinal()
    return new_year if after - 10 < new_year < after else after


def run(merchant: Merchant, campaign: int, file: campaign_file.CampaignFile) -> None:
    """Makes the campaign as the file says; the same file again changes nothing."""
    publisher = Publisher(merchant.id, checksum(merchant.address), lambda: merchant.key)

    def apply() -> None:
        campaign_file.carry_out(campaign_file.plan(merchant.client, campaign, file, False, publisher))

    apply()
    logged = len(list(merchant.client.items("/v1/audit-log")))
    apply()
    assert len(list(merchant.client.items("/v1/audit-log"))) == logged


def opened(merchant: Merchant, file: campaign_file.CampaignFile, **more: Any) -> int:
    """A campaign that began weeks ago under the file's rules: what happened then is judged by them."""
    assert file.earning is not None
    rules = file.earning.model_dump(mode="json", exclude_none=True)
    return merchant.campaign(rules=rules, **{"starts_at": int(time.time()) - 60 * DAY} | more)


def report(merchant: Merchant, campaign: int, *actions: Json) -> list[Json]:
    """All at once, each under its place; what was answered."""
    told = [
        {"campaign": campaign, "key": f"{campaign}-{merchant.id}-{n}", **action} for n, action in enumerate(actions)
    ]
    results = merchant.client.report_bulk(told)
    assert all(result["status"] == 202 for result in results), results
    return [dict(result["action"] or {}) for result in results]


def sale(who: Holder, at: int, *lines: tuple[str, str, int, int]) -> Json:
    """A basket: of each line product, category, pieces, and what it cost in hundredths."""
    told = [{"product": p, "category": c, "quantity": q, "amount": a} for p, c, q, a in lines]
    return {"kind": "purchase", "wallet": who.name, "occurred_at": at, "lines": told}


def test_coffee_shop(house: House, merchant: Merchant) -> None:
    file = campaign_file.load(EXAMPLES / "coffee-shop.yaml")
    campaign = opened(merchant, file)
    run(merchant, campaign, file)
    tried = Exercised(merchant, campaign, file)
    ann, ben = Holder.fresh(house), Holder.fresh(house)

    def came(at: int) -> Json:
        return {"kind": "visit", "wallet": ann.name, "occurred_at": at}

    weeks = [came(last(weekday, 12, week)) for week in (4, 3, 2) for weekday in (1, 3, 5)]
    early, again = came(last(0, 8)), came(last(0, 11))
    beans = sale(ann, last(2, 10), ("beans-1kg", "beans", 1, 1_900))
    review = {"kind": "custom", "action": "review", "wallet": ann.name, "occurred_at": last(2, 11)}
    this = [came(last(weekday, 12)) for weekday in (1, 3, 5)]
    answers = tried.report(*weeks, early, again, beans, review, *this)
    # From the ninth day on she is a regular, whose stamps count half as much again; before nine they count twice, and
    # the second of a day does not count.
    assert [answer["points"] for answer in answers] == [100] * 8 + [150] + [200, 0, 300, 200] + [150] * 3
    # Three days in each of four weeks, and four weeks in a row.
    ann.until_points(2_100 + 4 * 50 + 200)
    tried.used |= {"goal three_a_week"}  # in weeks that are over: the wallet's page shows this one

    def cup(place: int) -> Json:
        return {"key": f"cup-{campaign}-{place}"} | sale(ben, last(2, 9) + place, ("espresso", "coffee", 2, 600))

    tried.report(*(cup(place) for place in range(9)))
    ben.until_points(9 * 20)
    tried.report(cup(9))
    ben.until_points(10 * 20 + 300)  # the card is full
    assert tried.preview(review) == 0  # one a month

    offer = merchant.offer(1_000, codes=1)  # ten stamps: a coffee
    received = ann.wallet.delivered(ann.wallet.order(offer["id"]))
    assert received.on_chain
    assert merchant.client.code("use", received.code)["state"] == "used"
    ann.until_points(1_500)
    badges_for_those_who_ask(house, campaign, ann, ben)
    tried.used |= {"badge 1", "badge 2", "badge 3"}
    tried.goals(ann)
    tried.goals(ben)
    assert (tried.stands(ann, "regulars"), tried.stands(ben, "regulars")) == ("regular", "guest")
    tried.gives(ann, "regulars", "friend")
    assert tried.preview(sale(ann, int(time.time()), ("espresso", "coffee", 2, 600))) == 40
    tried.plays(ann)
    tried.close()


def badges_for_those_who_ask(house: House, campaign: int, ann: Holder, ben: Holder) -> None:
    """Ann came every week and is a regular, Ben's card is full; there is a badge on the chain for who asks for it."""
    path = f"/v1/campaigns/{campaign}/badges"

    def wish(who: Holder, badge: int) -> Json:
        return who.wallet.signer.badge(campaign, badge, int(time.time()) + 30 * DAY)

    def mine(who: Holder) -> dict[int, str]:
        proof = who.wallet.signer.proof()
        found = house.client().look(f"/v1/wallets/{who.name}/badges/earned", proof)["items"]
        return {item["badge"]: item["state"] for item in found}

    def shown(who: Holder) -> dict[int, bool]:
        return {
            each["badge"]: each["renounced"] for each in house.client().get(f"/v1/wallets/{who.name}/badges")["items"]
        }

    assert (mine(ann), mine(ben)) == (
        {1: "open", 2: "earned", 3: "earned"},
        {1: "earned", 2: "open", 3: "open"},
    )
    refused(house.call("POST", path.removeprefix("/v1"), wish(ben, 2)), 409, "badge-not-earned", "badge")
    for who, badge in ((ann, 2), (ann, 3), (ben, 1)):
        assert house.client().order(path, wish(who, badge))["state"] in ("asked", "sent")
    house.until(lambda: shown(ann).keys() == {2, 3} and shown(ben).keys() == {1}, "badges on the chain")
    held = {item["badge"]: item["held"] for item in house.client().get(path)["items"]}
    assert held == {1: 1, 2: 1, 3: 1}
    contract = house.deployment.badges
    assert contract is not None
    ann.own.do("renounced", contract, calls.renounce_badge(token_id(campaign, 3, ann.address)))
    house.until(lambda: shown(ann) == {2: False, 3: True}, "renounced at depth")
    refused(house.call("POST", path.removeprefix("/v1"), wish(ann, 3)), 409, "badge-renounced", "badge")
    assert mine(ann) == {1: "open", 2: "held", 3: "renounced"}


def test_supermarket(house: House, merchant: Merchant) -> None:
    wanted = campaign_file.load(EXAMPLES / "supermarket.yaml").model_dump(mode="json", exclude_none=True)
    event, today = last(6, 12, weeks=4), NOW.date()
    wanted["earning"]["multipliers"][1]["dates"] = dict.fromkeys(
        ("first", "last"), f"{datetime.fromtimestamp(event, LONDON):%F}"
    )
    wanted["earning"]["caps"][3]["points"] = 100_000  # a month's, a thousandth of it
    for offer in wanted["offers"]:
        offer |= {"first": f"{today}", "last": f"{today + timedelta(days=365)}"}
    partner = Merchant.join(house, "Partner")
    wanted["shares"] = [{"merchant": partner.id, "daily_quota": 5_000}]
    file = campaign_file.CampaignFile.model_validate(wanted)
    campaign = opened(merchant, file, hold=DAY, starts_at=int(time.time()) - 500 * DAY)
    merchant.invite(partner, campaign)
    run(merchant, campaign, file)
    tried = Exercised(merchant, campaign, file)
    bob = Holder.fresh(house)
    thursday = last(3, 18)

    dinner = (("cheese", "dairy", 2, 900), ("rioja", "wine", 1, 750), ("cigars", "tobacco", 1, 2_000))
    party = (("bread", "bakery", 10, 9_000), ("ham", "meat", 2, 3_000))
    first, second, third = tried.report(
        sale(bob, thursday, *dinner),
        sale(bob, thursday + DAY, *dinner),
        sale(bob, thursday + 2 * DAY, *party),
    )
    # 16.50 without the cigars, twice on Thursday evening, and half a point for a pound of wine; 10 for the first one.
    assert (first["points"], second["points"]) == (2 * 1_650 + 375 + 1_000, 1_650 + 375)
    # 120 for the money and 5 for the large basket, but a day gives 50.
    assert third["points"] == 5_000
    # On the day of the event half as many points again; and for six bottles 3 more or
    # half a point a pound, the better of the two.
    assert tried.preview(sale(bob, event, ("plonk", "wine", 6, 540))) == 810 + 300
    assert tried.preview(sale(bob, event, ("rioja", "wine", 6, 1_800))) == 2_700 + 900
    house.until(lambda: bob.account(campaign)["pending"] == 4_675 + 2_025 + 5_000, "all awards under hold")

    back = {
        "kind": "refund",
        "refers_to": third["id"],
        "occurred_at": int(time.time()),
        "lines": [sale(bob, 0, *party)["lines"][0]],
        "receipt": sale(bob, 0, *party)["lines"],
    }
    told = merchant.client.report({"campaign": campaign, **back}, f"back-{campaign}")
    # Of 120.00 there are 30.00 left: 30 points, and no large basket any more.
    assert told["points"] == 5_000 - 3_000
    house.until(lambda: bob.account(campaign)["pending"] == 4_675 + 2_025 + 3_000, "clawed back under hold")
    whole = {"kind": "refund", "refers_to": first["id"], "occurred_at": int(time.time())}
    assert merchant.client.report({"campaign": campaign, **whole}, f"whole-{campaign}")["points"] == 4_675
    house.until(lambda: bob.account(campaign)["pending"] == 2_025 + 3_000, "the first purchase is undone")
    _bronze_overnight(house, merchant, campaign, tried)
    _the_rest_of_the_file(house, partner, tried, bob)
    tried.close()


def _the_rest_of_the_file(house: House, partner: Merchant, tried: Exercised, bob: Holder) -> None:
    """Reviews, another year, the shop's own cap, the partner's share, and what gold may buy."""
    now = int(time.time())
    review = {"kind": "custom", "action": "review", "wallet": bob.name, "occurred_at": now}
    assert [each["points"] for each in tried.report(*(review | {"key": f"review-{n}"} for n in range(3)))] == [
        200,
        200,
        0,
    ]
    gus, bread = Holder.rich(house, 400_000), ("bread", "bakery", 1, 1_000)
    tried.report({"key": "long-ago"} | sale(gus, now - 400 * DAY, bread))
    assert tried.preview(sale(gus, now, bread)) == 1_000 + 2_500
    guest = sale(gus, now - 300 * DAY, ("ham", "meat", 1, 5_000)) | {"wallet": None, "claim": True}
    month = report(tried.merchant, tried.campaign, *({"key": f"guest-{n}"} | guest for n in range(17)))
    assert [each["points"] for each in month] == [6_000] * 16 + [4_000]  # the shop's own cap
    assert tried.preview(guest) == 0
    share = {"kind": "purchase", "occurred_at": now, "claim": True}
    most = {"campaign": tried.campaign} | share | {"lines": [sale(gus, now, ("x", "y", 1, 1_000_000))["lines"][0]]}
    refused(partner.call("POST", "/actions/preview", most), 409, "quota-reached")
    assert tried.preview(share | {"lines": sale(gus, now, bread)["lines"]}, partner) == 2_000
    tried.used |= {f"share {partner.id}"}

    assert tried.stands(bob, "status") == "member"
    assert (tried.quoted(bob, "wine_discount"), tried.quoted(bob, "tasting")) == ([30_000], [])
    tried.gives(gus, "status", "silver")
    assert tried.preview(sale(gus, now, bread)) == 1_250 + 2_500
    assert tried.quoted(gus, "wine_discount") == [25_000, 30_000]
    tried.gives(gus, "status", "gold")
    assert tried.preview(sale(gus, now, bread)) == 1_500 + 2_500
    assert tried.quoted(gus, "wine_discount") == [20_000, 25_000, 30_000]
    # Else what comes in, matured, is sent home again.
    gus.own.hub("what comes in stays", calls.set_stay(tried.campaign, True))
    gus.wallet.landed(gus.wallet.enter(tried.campaign, 400_000))
    for ref in ("wine_discount", "tasting"):
        assert tried.redeems(gus, ref)
        with pytest.raises(ProblemAnswer, match="wallet-limit-reached"):
            gus.wallet.order(tried.offer(ref))
    assert gus.account(tried.campaign)["matured"] == 400_000 - 20_000 - 150_000


def _bronze_overnight(house: House, merchant: Merchant, campaign: int, tried: Exercised) -> None:
    eve = Holder.fresh(house)
    # Ten days at the day's most, and 10 points for the first purchase: bronze, overnight.
    after = ten_days_of_a_year()
    days = [sale(eve, on(day), ("ham", "meat", 1, 5_000)) for day in range(after - 10, after)]
    bread = ("bread", "bakery", 1, 1_000)
    earned = report(merchant, campaign, *({"key": f"day-{campaign}-{n}"} | each for n, each in enumerate(days)))
    assert [answer["points"] for answer in earned] == [6_000] + [5_000] * 9
    assert tried.preview(sale(eve, on(after - 1), bread)) == 0  # the day is full
    (climbed,) = tried.report({"key": f"bronze-{campaign}"} | sale(eve, on(after), bread))
    assert tried.stands(eve, "status") == "bronze"
    assert climbed["points"] == 1_100  # a tenth more
    house.until(lambda: eve.account(campaign)["pending"] == 51_000 + 1_100, "bronze's points as well")
    gone = {"kind": "refund", "refers_to": earned[5]["id"], "occurred_at": int(time.time())}
    merchant.client.report({"campaign": campaign, **gone}, f"gone-{campaign}")
    assert tried.preview(sale(eve, on(after), bread)) == 1_000  # not bronze any more


def test_what_an_offer_s_document_does_not_say(house: House, merchant: Merchant) -> None:
    wanted = {
        "ref": "cake",
        "title": "Cake",
        "reward": {"kind": "product", "product": "cake"},
        "price": 500,
        "first": "2026-01-01",
        "last": "2036-12-31",
        "codes": "CAKE-****-****-****-%",
    }
    campaign = merchant.campaign()
    publisher = Publisher(merchant.id, checksum(merchant.address), lambda: merchant.key)

    def apply(**changes: Any) -> list[str]:
        file = campaign_file.CampaignFile.model_validate({"offers": [wanted | changes]})
        plan = campaign_file.plan(merchant.client, campaign, file, False, publisher)
        campaign_file.carry_out(plan)
        return [change.what for change in plan]

    def offer() -> Json:
        return next(merchant.client.items("/v1/offers", merchant_id=merchant.id))

    assert apply() == ["publish offer cake"]
    number = offer()["id"]
    assert apply(low_stock=5) == [f"tell when 5 codes of offer number {number} (cake) are left"]
    assert apply(low_stock=5) == []
    assert apply() == [f"tell when 20 codes of offer number {number} (cake) are left"]
    for codes in ("PIE-****-****-****-%", "pool"):
        with pytest.raises(CommandError, match=r"offers\[0\]: codes: .* keeps its own \(CAKE"):
            apply(codes=codes)
    assert apply(closed=True) == [f"close offer number {number} (cake)"]
    assert apply(closed=True) == []
    again = [f"open offer number {number} again (cake)", f"tell when 9 codes of offer number {number} (cake) are left"]
    assert apply(low_stock=9) == again
    assert (offer()["id"], apply(low_stock=9)) == (number, [])
    assert apply(price=600, low_stock=9) == [
        f"publish offer cake instead of number {number}",
        f"close offer number {number} (cake)",
    ]
    assert offer()["price"] == 600


def test_coalition(house: House, merchant: Merchant) -> None:
    others = [Merchant.join(house, name) for name in ("Bookshop", "Bakery", "Bikes")]
    document = campaign_file.load(EXAMPLES / "coalition.yaml").model_dump(mode="json", exclude_none=True)
    wanted = copy.deepcopy(document)
    wanted["earning"]["multipliers"][0]["merchants"] = [others[0].id]
    for share, other in zip(wanted["shares"], others, strict=True):
        share["merchant"] = other.id
    file = campaign_file.CampaignFile.model_validate(wanted)
    campaign = opened(merchant, file, budget=2_000_000)
    for other in others:
        merchant.invite(other, campaign)
    run(merchant, campaign, file)

    tried = Exercised(merchant, campaign, file)
    cleo, dan, fay = (Holder.fresh(house) for _ in range(3))
    sunday, monday = last(6, 12), last(0, 12)

    def spent(who: Holder, amount: int, at: int) -> Json:
        return {"kind": "purchase", "wallet": who.name, "occurred_at": at, "amount": amount}

    shops = (merchant, *others)
    earned = [report(shop, campaign, spent(cleo, 1_000, sunday), spent(cleo, 500, monday)) for shop in shops]
    assert [[answer["points"] for answer in answers] for answers in earned] == [
        [1_000, 500],
        [1_500, 500],
        [1_000, 500],
        [1_000, 500],
    ]
    cleo.until_points(6_500)
    assert tried.preview(spent(cleo, 100, sunday), others[0]) == 150
    assert tried.preview(spent(cleo, 5_000_001, monday)) == 5_000_000 - 500  # of one merchant in a day
    for share, other in zip(file.shares or (), others, strict=True):
        much = {"campaign": campaign} | spent(cleo, share.daily_quota, monday)
        refused(other.call("POST", "/actions/preview", much), 409, "quota-reached")
        assert tried.preview(spent(cleo, share.daily_quota - 3_000, monday), other) == share.daily_quota - 3_000
        tried.used |= {f"share {share.merchant}"}

    def brought(newcomer: Holder, by: Holder) -> None:
        text = message(newcomer.address, by.address, campaign, house.deployment.chain_id)
        signature = to_hex(signatures.sign(newcomer.key, signatures.personal(text.encode())))
        body = {"wallet": newcomer.name, "referrer": by.name, "signature": signature}
        done(house.call("POST", f"/campaigns/{campaign}/referrals", body))

    brought(dan, cleo)
    report(others[2], campaign, {"key": "dan"} | spent(dan, 2_000, monday))
    dan.until_points(2_000 + 300)
    cleo.until_points(6_500 + 500)
    brought(fay, dan)
    report(others[0], campaign, {"key": "fay"} | spent(fay, 1_000, monday))
    fay.until_points(1_000 + 300)
    dan.until_points(2_300 + 500)
    cleo.until_points(7_000 + 100)
    tried.used |= {"referral 0", "referral 1", "referral 2"}
    tried.close()

    lane = others[1].campaign(closed=True, bonus=1_000, pot=1_000, rules=RULES)  # 10 % for points that come in
    landed = cleo.wallet.landed(cleo.wallet.enter(lane, 5_000))
    assert landed["received"] == 5_500
    assert cleo.account(lane)["matured"] == 5_500
    cleo.until_points(2_100)
