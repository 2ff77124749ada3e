"""docs/walks/statistics.md: a week of purchases becomes five published figures, or "too few", and stays that."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import pytest

from gateway.chain.hexes import checksum, to_hex
from gateway.client import Json
from gateway.core.durations import DAY
from tests.functional.house import House, done, refused
from tests.functional.people import Holder, Merchant

RULES = {
    "rules": [
        {"kind": "per_currency", "points": 1, "per": 100},
        {"kind": "per_visit", "points": 1},
    ]
}
METRICS = {"wallets": 400, "purchases": 150, "revenue": 150, "visits": 150, "claims": 150}
#: The third week of January 2026, long over.
MONDAY = 1_768_176_000
#: So many more than the gate's 54 that noise of 0.4 never hides them (chance below 1e-11).
CROWD, FEW, NEARLY = 120, 5, 25
#: ± so many margins (each 19 of 20 draws): e^-15 a figure.
WIDE = 5


@dataclass
class Shop:
    merchant: Merchant
    campaign: int

    @classmethod
    def open(cls, house: House) -> Shop:
        merchant = Merchant.join(house)
        return cls(merchant, merchant.campaign(rules=RULES, starts_at=MONDAY - 30 * DAY, settle_every=DAY))

    def crowd(self, size: int, week: int = MONDAY) -> list[str]:
        """So many wallets buy twice for 30.00 and visit once; one of ten is a guest who claims."""
        wallets = [secrets.token_bytes(20) for _ in range(size)]
        items: list[Json] = []
        for number, wallet in enumerate(wallets):
            who: Json = {"claim": True} if number % 10 == 0 else {"wallet": checksum(wallet)}
            base: Json = {"campaign": self.campaign, "occurred_at": week + number * 3_600, **who}
            items += [base | {"kind": "purchase", "amount": 3_000} for _ in range(2)]
            items.append(base | {"kind": "visit"})
        items = [item | {"key": secrets.token_hex(8)} for item in items]
        results = self.merchant.client.report_bulk(items)
        assert {result["status"] for result in results} == {202}
        for place, result in enumerate(results):
            if claim := result["action"]["claim"]:
                body = {"code": claim["code"], "wallet": to_hex(wallets[place // 3])}
                done(self.merchant.house.call("POST", "/claims", body))
        return [checksum(wallet) for wallet in wallets]

    def figures(self) -> list[Json]:
        found: list[Json] = done(self.merchant.call("GET", "/statistics"))["items"]
        return found

    def closed(self) -> list[Json]:
        """The figures of the first week, once it is closed."""
        return list(self.merchant.house.until(self.figures, "the week closes"))


@pytest.fixture(scope="module")
def busy(house: House) -> Shop:
    shop = Shop.open(house)
    shop.crowd(CROWD)
    return shop


def test_five_cells_with_noise_and_margins(busy: Shop) -> None:
    figures = {figure["metric"]: figure for figure in busy.closed()}
    assert {name: figure["epsilon_thousandths"] for name, figure in figures.items()} == METRICS
    assert sum(METRICS.values()) == 1_000, "the whole budget of a week and no more"
    truth = {
        "wallets": CROWD,
        "purchases": 2 * CROWD,
        "revenue": CROWD * 6_000,
        "visits": CROWD,
        # Each guest claimed three codes.
        "claims": 3 * CROWD // 10,
    }
    for name, figure in figures.items():
        assert (figure["week"], figure["week_starts_at"], figure["too_few"]) == ("2026-W03", MONDAY, False)
        assert figure["margin"] > 0
        assert abs(figure["value"] - truth[name]) <= WIDE * figure["margin"], name
    assert any(figures[name]["value"] != value for name, value in truth.items()), "there is noise"


def test_the_same_numbers_for_ever(busy: Shop) -> None:
    first = busy.closed()
    assert busy.figures() == first
    # What is told about the week afterwards changes nothing, and neither does a refund.
    busy.crowd(NEARLY)
    time.sleep(4)  # twice the silence after which a week closes
    assert busy.figures() == first


@pytest.mark.parametrize("size", [FEW, NEARLY])
def test_too_few_is_said_and_not_zero(house: House, size: int) -> None:
    """Five wallets are below the floor; twenty-five are above it, and yet too few once the noise is added."""
    shop = Shop.open(house)
    shop.crowd(size)
    figures = shop.closed()
    assert {figure["metric"] for figure in figures} == set(METRICS)
    assert all(figure["too_few"] and figure["value"] is None for figure in figures)


def test_a_week_that_runs_shows_nothing(house: House) -> None:
    shop = Shop.open(house)
    now = int(time.time())
    sold = shop.merchant.purchase(shop.campaign, 1_000, wallet=Holder.fresh(house).name)
    done(shop.merchant.report(sold | {"occurred_at": now}), 202)
    time.sleep(4)
    assert shop.figures() == []


def test_figures_are_their_merchants_own(house: House, busy: Shop, merchant: Merchant) -> None:
    busy.closed()
    assert done(merchant.call("GET", "/statistics"))["items"] == []
    till = merchant.client.create_key(["actions"])["key"]
    refused(house.call("GET", "/statistics", key=till), 403, "forbidden")
    refused(house.call("GET", "/statistics"), 401, "unauthenticated", "Authorization")
    refused(house.call("GET", "/statistics", key=house.token), 403, "forbidden")


def test_no_filter_is_offered(busy: Shop) -> None:
    """Whatever is asked beside, the answer is the same fixed cells."""
    plain = busy.closed()
    for question in ("since=2026-01-14", "wallet=0x" + "ab" * 20, "metric=wallets", "week=2026-W03"):
        assert done(busy.merchant.call("GET", f"/statistics?{question}"))["items"] == plain


def test_what_the_chain_shows_is_shown_exactly(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(closed=True)
    holder = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 7_000, wallet=holder.name)), 202)
    house.until(lambda: holder.account(campaign)["matured"] == 7_000, "the award lands")
    offer = merchant.offer(2_000, campaign=campaign, pattern="CAFE-****-****-****-%")
    holder.wallet.delivered(holder.wallet.order(offer["id"]))

    def totals() -> Json | None:
        page = done(house.call("GET", f"/statistics/public?cursor={campaign - 1}&limit=1"))
        assert page["privacy"] == "public"
        found: Json = page["items"][0]
        return found if found["redeemed"] else None

    shown = house.until(totals, "the public totals")
    assert (shown["campaign"], shown["privacy"], shown["awarded"], shown["clawed_back"]) == (
        campaign,
        "public",
        7_000,
        0,
    )
    assert shown["redeemed"] == [{"merchant": checksum(merchant.address), "redemptions": 1, "points": 2_000}]
