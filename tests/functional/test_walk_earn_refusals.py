"""docs/walks/earn.md: what is refused, with which code and field; and that it leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.chain.hexes import checksum
from gateway.client import Json
from gateway.core.durations import DAY
from tests.functional.house import House, done, refused
from tests.functional.people import Holder, Merchant
from tests.functional.till import RULES, line, refund


@dataclass
class Shop:
    """One merchant with a campaign, and what else reports may wrongly name. No report made here is ever accepted."""

    house: House
    merchant: Merchant
    wallet: str
    campaign: int
    small: int
    capped: int
    ended: int
    future: int
    foreign: int

    def sold(self, campaign: int | None = None, amount: int = 1_000, **more: Any) -> Json:
        return self.merchant.purchase(campaign or self.campaign, amount, wallet=self.wallet) | more


@pytest.fixture(scope="module")
def shop(house: House) -> Shop:
    merchant, stranger = Merchant.join(house), Merchant.join(house)
    ended = merchant.brief()
    shop = Shop(
        house,
        merchant,
        Holder.fresh(house).name,
        merchant.campaign(rules=RULES),
        small=merchant.campaign(budget=999),
        capped=merchant.campaign(daily_cap=999),
        ended=ended,
        future=merchant.campaign(starts_at=int(time.time()) + DAY),
        foreign=stranger.campaign(),
    )
    house.until(lambda: time.time() > house.chain.reads.campaign(ended).end + 1, "the end")
    return shop


def without(document: Json, *names: str) -> Json:
    return {name: value for name, value in document.items() if name not in names}


REFUSALS: dict[str, tuple[Callable[[Shop], Json], int, str, str | None]] = {
    "no such campaign": (lambda s: s.sold(9_999_999), 404, "unknown-campaign", "campaign"),
    "a foreign campaign": (lambda s: s.sold(s.foreign), 404, "unknown-campaign", "campaign"),
    "after the end": (lambda s: s.sold(s.ended), 409, "campaign-ended", "occurred_at"),
    "before the start": (lambda s: s.sold(s.future), 409, "campaign-not-started", "occurred_at"),
    "long before the start": (
        lambda s: s.sold(occurred_at=int(time.time()) - 40 * DAY),
        409,
        "campaign-not-started",
        "occurred_at",
    ),
    "in the future": (
        lambda s: s.sold(occurred_at=int(time.time()) + 3_600),
        422,
        "occurred-in-future",
        "occurred_at",
    ),
    "more than the budget": (lambda s: s.sold(s.small), 409, "budget-exhausted", "campaign"),
    "more than the cap": (lambda s: s.sold(s.capped), 409, "daily-cap-reached", "campaign"),
    "an action without a rule": (
        lambda s: without(s.sold(kind="custom", action="dance"), "lines"),
        422,
        "unknown-action",
        "action",
    ),
    "nobody's wallet": (lambda s: s.sold(wallet="0x" + "00" * 20), 422, "wallet-refused", "wallet"),
    "the hub as wallet": (
        lambda s: s.sold(wallet=checksum(s.house.deployment.hub)),
        422,
        "wallet-refused",
        "wallet",
    ),
    "a misspelt wallet": (lambda s: s.sold(wallet=s.wallet.swapcase()), 422, "invalid-request", "wallet"),
    "wallet and claim": (lambda s: s.sold(claim=True), 422, "invalid-request", "claim"),
    "neither wallet nor claim": (lambda s: without(s.sold(), "wallet"), 422, "invalid-request", "wallet"),
    "lines and amount": (lambda s: s.sold(amount=100) | {"amount": 100}, 422, "invalid-request", "amount"),
    "neither lines nor amount": (lambda s: without(s.sold(), "lines"), 422, "invalid-request", "lines"),
    "a negative amount": (lambda s: s.sold(lines=[line(-1)]), 422, "invalid-request", "lines[0].amount"),
    "a huge amount": (lambda s: s.sold(lines=[line(10**9)]), 422, "invalid-request", "lines[0].amount"),
    "a fraction": (lambda s: s.sold(lines=[line(1) | {"amount": 1.5}]), 422, "invalid-request", "lines[0].amount"),
    "text for a number": (
        lambda s: s.sold(lines=[line(1) | {"amount": "100"}]),
        422,
        "invalid-request",
        "lines[0].amount",
    ),
    "true for a number": (
        lambda s: s.sold(lines=[line(1) | {"amount": True}]),
        422,
        "invalid-request",
        "lines[0].amount",
    ),
    "no quantity": (lambda s: s.sold(lines=[line(1, quantity=0)]), 422, "invalid-request", "lines[0].quantity"),
    "a product in another script": (
        lambda s: s.sold(lines=[line(1, product="книга")]),
        422,
        "invalid-request",
        "lines[0].product",
    ),
    "an over-long product": (
        lambda s: s.sold(lines=[line(1, product="x" * 65)]),
        422,
        "invalid-request",
        "lines[0].product",
    ),
    "an unknown field": (lambda s: s.sold() | {"email": "jane@example.org"}, 422, "invalid-request", "body"),
    "a refund of nothing": (lambda s: refund(s.campaign), 404, "refund-without-purchase", None),
    "a refund of what never was": (
        lambda s: refund(s.campaign, refers_to_key="never"),
        404,
        "refund-without-purchase",
        "refers_to_key",
    ),
    "a refund of zero": (
        lambda s: refund(s.campaign, refers_to_key="never", amount=0),
        422,
        "invalid-request",
        "amount",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(shop: Shop, case: str) -> None:
    make, status, code, field = REFUSALS[case]
    refused(shop.merchant.report(make(shop)), status, code, field)
    inside = shop.merchant.client.report_bulk([make(shop) | {"key": f"bulk-{case}".replace(" ", "-")}])[0]
    assert (inside["status"], inside["problem"]["code"]) == (status, code)


def test_a_paused_campaign_takes_nothing(house: House, shop: Shop) -> None:
    done(shop.merchant.call("POST", f"/campaigns/{shop.campaign}/pause"))
    refused(shop.merchant.report(shop.sold()), 409, "campaign-paused", "campaign")
    done(shop.merchant.call("POST", f"/campaigns/{shop.campaign}/resume"))


def test_a_refund_of_another_merchants_purchase(house: House, shop: Shop, merchant: Merchant) -> None:
    campaign = merchant.campaign(settle_every=DAY)
    sold = done(merchant.report(merchant.purchase(campaign, 1_000, wallet=shop.wallet)), 202)
    refused(shop.merchant.report(refund(shop.campaign, sold)), 404, "refund-without-purchase", "refers_to")
    refused(shop.merchant.call("GET", f"/actions/{sold['id']}"), 404, "not-found")
    refused(merchant.report(refund(campaign, sold, amount=1_001)), 422, "refund-exceeds-purchase", "amount")
    done(merchant.report(refund(campaign, sold)), 202)
    refused(merchant.report(refund(campaign, sold)), 409, "refund-duplicate")


def test_a_guest_merchant_earns_within_its_quota(house: House, merchant: Merchant) -> None:
    guest = Merchant.join(house, "Bakery")
    campaign = merchant.campaign()
    merchant.invite(guest, campaign, daily_quota=1_500)
    holder = Holder.fresh(house)
    done(guest.report(guest.purchase(campaign, 1_000, wallet=holder.name)), 202)
    refused(guest.report(guest.purchase(campaign, 501, wallet=holder.name)), 409, "quota-reached", "campaign")
    done(guest.report(guest.purchase(campaign, 500, wallet=holder.name)), 202)
    holder.until_points(1_500)


def test_keys_do_only_what_they_are_for(house: House, shop: Shop) -> None:
    codes_only = shop.merchant.client.create_key(["codes"])["key"]
    refused(house.call("POST", "/actions", shop.sold(), key=codes_only), 403, "forbidden")
    refused(house.call("POST", "/actions", shop.sold(), key="loy_" + "0" * 16 + "_" + "x" * 43), 401, "unauthenticated")
    refused(house.call("POST", "/actions", shop.sold(), once="no-key"), 401, "unauthenticated", "Authorization")


def test_nothing_refused_has_left_a_trace(house: House, shop: Shop) -> None:
    """Runs after the refusals above: budgets and promises are what they were."""
    reads = house.chain.reads
    assert reads.campaign(shop.small).budget == 999
    assert reads.campaign(shop.campaign).budget == reads.campaign(shop.foreign).budget == 1_000_000
    done(shop.merchant.report(shop.sold(shop.small, 999)), 202)  # all of the budget is still there to be promised
