"""docs/walks/redeem.md: points for a code, from the signed order to the code's one use at the till."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.chain import calls
from gateway.chain.hexes import from_hex, keccak256, to_hex
from gateway.chain.signatures import sign
from gateway.chain.typed_data import Domains
from gateway.client import Json
from gateway.commands.orders import Signer
from gateway.core.durations import DAY
from tests.functional.house import House, done, refused
from tests.functional.people import Holder, Merchant

PRICE = 2_500
PATTERN = "CAFE-****-****-****-%"


@dataclass
class Doomed:
    """An order that can land no more, because its holder voided its nonce on the chain before it landed."""

    merchant: Merchant
    offer: Json
    holder: Holder
    order: Json


@pytest.fixture(scope="module")
def doomed(house: House) -> Doomed:
    """Made before the other tests: the gateway looks an order up half a minute after it should have landed."""
    merchant = Merchant.join(house)
    offer = merchant.offer(PRICE, codes=1)
    holder = Holder.rich(house, PRICE)
    with house.stillness():
        order = holder.wallet.order(offer["id"])
        voiding = holder.hurry(house.deployment.token, calls.cancel_wallet())
        house.until_pooled(2)
    voiding.join()
    return Doomed(merchant, offer, holder, order)


@pytest.fixture(autouse=True)
def _early(doomed: Doomed) -> None:
    """Makes `doomed` in time, whichever test comes first."""


# --------------------------------------------------------------------- walks


def test_from_a_wallet_to_the_till(house: House, merchant: Merchant) -> None:
    offer = merchant.offer(PRICE, codes=3)
    holder = Holder.rich(house, 6_000)

    order = holder.wallet.order(offer["id"])
    assert order["box"] is None, "no box before it is paid for"
    received = holder.wallet.delivered(order)
    assert received.on_chain is True, "the commitment is in the holder's own event"
    assert received.code.encode() in merchant.csv(offer, 3)
    assert (holder.points, house.chain.reads.balance(merchant.address)) == (6_000 - PRICE, PRICE)

    checked = done(merchant.call("POST", "/codes/check", {"code": received.code}))
    assert (checked["state"], checked["offer"], checked["expires_at"]) == (
        "delivered",
        offer["id"],
        received.expires_at,
    )
    used = done(merchant.call("POST", "/codes/use", {"code": received.code}, once="receipt-1"))
    assert used["state"] == "used"
    # The same till asks again because the line broke: the same answer. Anybody else: no.
    again = merchant.call("POST", "/codes/use", {"code": received.code}, once="receipt-1")
    assert done(again) == used
    refused(merchant.call("POST", "/codes/use", {"code": received.code}), 409, "code-used", "code")
    refused(merchant.call("POST", "/codes/use", {"code": "OTHER"}, once="receipt-1"), 409, "idempotency-conflict")
    counts = done(merchant.call("GET", f"/offers/{offer['id']}/codes"))
    assert counts == {"free": 2, "reserved": 0, "delivered": 0, "used": 1, "pattern": None, "low_stock": 20}


def test_from_an_account_at_another_merchant(house: House, merchant: Merchant) -> None:
    """Points of one merchant's closed campaign buy at another one, which is paid in them."""
    other = Merchant.join(house, "Bakery")
    campaign = merchant.campaign(closed=True)
    merchant.invite(other, campaign)
    offer = other.offer(PRICE, campaign=campaign, pattern=PATTERN)
    holder = Holder.rich(house, 4_000)
    holder.wallet.landed(holder.wallet.enter(campaign, 4_000))

    received = holder.wallet.delivered(holder.wallet.order(offer["id"]))
    assert received.on_chain is True
    assert house.chain.reads.balance(other.address) == PRICE
    house.until(lambda: holder.account(campaign)["matured"] == 4_000 - PRICE, "the account pays")
    # A code is its merchant's: to the first one it is unknown.
    refused(merchant.call("POST", "/codes/check", {"code": received.code}), 404, "code-unknown", "code")
    assert done(other.call("POST", "/codes/use", {"code": received.code.lower()}))["state"] == "used"


def test_many_at_once_get_different_codes(house: House, merchant: Merchant) -> None:
    offer = merchant.offer(PRICE, codes=6)
    holders = [Holder.fresh(house) for _ in range(6)]
    for holder in holders:
        house.mint_points(holder.address, PRICE)
    house.until(lambda: all(house.balance(h.address) == PRICE for h in holders), "the ledger sees six wallets")
    with ThreadPoolExecutor(6) as pool:
        orders = list(pool.map(lambda holder: holder.wallet.order(offer["id"]), holders))
    codes = {holder.wallet.delivered(order).code for holder, order in zip(holders, orders, strict=True)}
    assert len(codes) == 6
    assert house.chain.reads.balance(merchant.address) == 6 * PRICE
    late = Holder.rich(house, PRICE)
    refused(house.call("POST", "/redemptions", body_of(late, offer)), 409, "out-of-stock", "offer")


def test_a_use_can_be_taken_back_by_the_same_till(house: House, merchant: Merchant) -> None:
    offer = merchant.offer(PRICE, pattern=PATTERN)
    holder = Holder.rich(house, PRICE)
    code = {"code": holder.wallet.delivered(holder.wallet.order(offer["id"])).code}
    refused(merchant.call("POST", "/codes/undo", code), 409, "code-not-used", "code")
    done(merchant.call("POST", "/codes/use", code))
    other_till = merchant.client.create_key(["codes"])["key"]
    refused(house.call("POST", "/codes/undo", code, key=other_till), 409, "undo-refused", "code")
    assert done(merchant.call("POST", "/codes/undo", code))["state"] == "delivered"
    assert done(house.call("POST", "/codes/use", code, key=other_till))["state"] == "used"


def test_confirming_forgets_the_box(house: House, merchant: Merchant) -> None:
    offer = merchant.offer(PRICE, pattern=PATTERN)
    holder = Holder.rich(house, PRICE)
    received = holder.wallet.delivered(holder.wallet.order(offer["id"]))
    assert [box["id"] for box in holder.wallet.boxes()] == [received.redemption]
    path = f"/redemptions/{received.redemption}/confirm"
    stranger = Signer(secrets.token_bytes(32), house.domains).confirm(received.redemption)
    refused(house.call("POST", path, {"signature": stranger}), 422, "bad-signature", "signature")
    holder.wallet.confirm(received.redemption)
    holder.wallet.confirm(received.redemption)  # twice is once
    assert holder.wallet.boxes() == []
    state = done(house.call("GET", f"/redemptions/{received.redemption}"))
    assert (state["state"], state["box"]) == ("confirmed", None)
    assert done(merchant.call("POST", "/codes/use", {"code": received.code}))["state"] == "used"


def test_the_same_order_twice_is_one_redemption(house: House, merchant: Merchant) -> None:
    offer = merchant.offer(PRICE, codes=2)
    holder = Holder.rich(house, 2 * PRICE)
    body = body_of(holder, offer)
    first = done(house.call("POST", "/redemptions", body), 202)
    assert done(house.call("POST", "/redemptions", body), 202)["id"] == first["id"]
    house.until(
        lambda: done(house.call("GET", f"/redemptions/{first['id']}"))["state"] == "delivered", "it is delivered"
    )
    assert done(house.call("POST", "/redemptions", body), 202)["id"] == first["id"]
    holder.until_points(PRICE)


def test_salt_and_code_prove_what_was_promised(house: House, merchant: Merchant) -> None:
    """What a holder publishes when a till refuses: anybody can compare it with the event."""
    offer = merchant.offer(PRICE, pattern=PATTERN)
    holder = Holder.rich(house, PRICE)
    order = holder.wallet.order(offer["id"])
    received = holder.wallet.delivered(order)
    box = done(house.call("GET", f"/redemptions/{order['id']}"))["box"]
    content = holder.wallet.wallet.seals.open(from_hex(box))
    assert content is not None
    assert keccak256(content.salt + received.code.encode()) == from_hex(received.commitment)
    assert len(content.salt) == 32


# ------------------------------------------------------------------ refusals


@dataclass
class Counter:
    """A holder who can pay, and two offers: nothing ever comes of the orders made here."""

    house: House
    merchant: Merchant
    holder: Holder
    offer: Json
    dear: Json


@pytest.fixture(scope="module")
def counter(house: House) -> Iterator[Counter]:
    merchant = Merchant.join(house)
    holder = Holder.rich(house, 4_000)
    # One order landed already, so that nonce 0 is a used one.
    holder.wallet.landed(holder.wallet.send(Holder.fresh(house).address, 1_000))
    holder.until_points(3_000)
    counter = Counter(house, merchant, holder, merchant.offer(PRICE, codes=1), merchant.offer(3_001, codes=1))
    yield counter
    assert holder.points == 3_000
    for offer in (counter.offer, counter.dear):
        assert done(merchant.call("GET", f"/offers/{offer['id']}/codes"))["free"] == 1


def body_of(holder: Holder, offer: Json, nonce: int = 0, seal: bytes | None = None, **pen: Any) -> Json:
    """A signed order; `pen` changes the signer."""
    signer = replace(holder.wallet.signer, **pen)
    return signer.redeem(offer, seal or holder.wallet.wallet.seals.fresh(), nonce)


def ordered(counter: Counter, **more: Any) -> Json:
    return body_of(counter.holder, counter.offer, **{"nonce": 1} | more)


def elsewhere(counter: Counter) -> Domains:
    deployment = counter.house.deployment
    return Domains(deployment.chain_id + 1, deployment.token, deployment.hub, deployment.token_name)


def shifted(seconds: int) -> Callable[[], int]:
    return lambda: int(time.time()) + seconds


REFUSALS: dict[str, tuple[Callable[[Counter], Json], int, str, str]] = {
    "bad signature": (
        lambda c: ordered(c, key=secrets.token_bytes(32)) | {"holder": c.holder.name},
        422,
        "bad-signature",
        "signature",
    ),
    "not a signature": (lambda c: ordered(c) | {"signature": "0x" + "00" * 65}, 422, "bad-signature", "signature"),
    "wrong chain id": (lambda c: ordered(c, domains=elsewhere(c)), 422, "bad-signature", "signature"),
    "another seal key": (lambda c: ordered(c) | {"seal_key": "0x" + "17" * 32}, 422, "bad-signature", "signature"),
    "stale nonce": (lambda c: ordered(c, nonce=0), 409, "stale-nonce", "nonce"),
    "nonce gap": (lambda c: ordered(c, nonce=2), 409, "nonce-gap", "nonce"),
    "expired": (lambda c: ordered(c, now=shifted(-3_700)), 422, "order-expired", "deadline"),
    "for too long": (lambda c: ordered(c, now=shifted(8 * DAY)), 422, "order-expired", "deadline"),
    "too few points": (lambda c: body_of(c.holder, c.dear, nonce=1), 422, "insufficient-points", "amount"),
    "cheaper": (
        lambda c: body_of(c.holder, c.offer | {"price": PRICE - 1}, nonce=1),
        422,
        "price-mismatch",
        "amount",
    ),
    "from an account": (
        lambda c: body_of(c.holder, c.offer | {"campaign": 1}, nonce=1),
        422,
        "wrong-source",
        "source",
    ),
    "no such offer": (lambda c: ordered(c) | {"offer": 99_999_999}, 404, "not-found", "offer"),
    "a seal key that is none": (lambda c: ordered(c, seal=bytes(32)), 422, "seal-key-refused", "seal_key"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(counter: Counter, case: str) -> None:
    make, status, code, field = REFUSALS[case]
    problem = refused(counter.house.call("POST", "/redemptions", make(counter)), status, code, field)
    if case == "wrong chain id":
        assert str(counter.house.deployment.chain_id) in problem["detail"]


def test_a_closed_offer_takes_no_orders(house: House, counter: Counter) -> None:
    offer = counter.merchant.offer(PRICE, codes=1)
    done(counter.merchant.call("POST", f"/offers/{offer['id']}/close"))
    body = body_of(counter.holder, offer, nonce=1)
    refused(house.call("POST", "/redemptions", body), 409, "offer-not-open", "offer")


def test_a_merchant_without_delegate_serves_nobody(house: House, counter: Counter) -> None:
    merchant = Merchant.join(house)
    offer = merchant.offer(PRICE, codes=1)
    merchant.own.hub("delegate dismissed", calls.set_delegate(house.relayer, False))
    body = body_of(counter.holder, offer, nonce=1)
    refused(house.call("POST", "/redemptions", body), 409, "merchant-has-no-delegate", "offer")


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_orders_are_anonymous(counter: Counter, header: str) -> None:
    answer = counter.house.call("POST", "/redemptions", ordered(counter), headers={header: "anything"})
    refused(answer, 400, "credentials-refused", header)


def test_tills_send_no_cookies(counter: Counter) -> None:
    answer = counter.merchant.call("POST", "/codes/check", {"code": "ANY"}, headers={"Cookie": "a=b"})
    refused(answer, 400, "credentials-refused", "Cookie")


# --------------------------------------------------------------------- codes

FILES: dict[str, tuple[bytes, str]] = {
    "no header": (b"AAA-1\nAAA-2\n", "rows[1].code"),
    "two columns": (b"code,price\nAAA-1,3\n", "rows[1].code"),
    "a column too many": (b"code\nAAA-1\nAAA-2,9\n", "rows[3]"),
    "empty": (b"", "rows[2].code"),
    "an empty code": (b'code\nAAA-1\n""\nAAA-3\n', "rows[3].code"),
    "not ASCII": ("code\nAAA-1\nCAFÉ\n".encode(), "rows[3].code"),
    "not UTF-8": (b"code\nAAA-1\n\xff\xfe\n", "rows[1]"),
    "over-long": (b"code\n" + b"A" * 128 + b"\n", "rows[2].code"),
    "twice, written differently": (b"code\nAAA-1\nBBB-1\naaa1\n", "rows[4].code"),
    "broken quotes": (b'code\nAAA-1\n"AAA-2\n', "rows[3].code"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_malformed_file_imports_nothing(counter: Counter, case: str) -> None:
    data, field = FILES[case]
    refused(upload(counter.merchant, counter.offer, data), 422, "csv-malformed", field)
    assert done(counter.merchant.call("GET", f"/offers/{counter.offer['id']}/codes"))["free"] == 1


def test_codes_already_uploaded(counter: Counter) -> None:
    data = b"code\nNEW-1\n" + counter.merchant.csv(counter.offer, 1).removeprefix(b"code\n")
    refused(upload(counter.merchant, counter.offer, data), 409, "codes-already-uploaded", "rows[3].code")
    assert done(counter.merchant.call("GET", f"/offers/{counter.offer['id']}/codes"))["free"] == 1


def test_the_same_upload_twice_is_one(merchant: Merchant) -> None:
    offer = merchant.offer(PRICE)
    data = merchant.csv(offer, 5)
    first = upload(merchant, offer, data, once="file-1")
    assert done(first, 201) == {"offer": offer["id"], "added": 5}
    assert done(upload(merchant, offer, data, once="file-1"), 201) == first.json()
    refused(upload(merchant, offer, data + b"X-1\n", once="file-1"), 409, "idempotency-conflict", "Idempotency-Key")
    assert done(merchant.call("GET", f"/offers/{offer['id']}/codes"))["free"] == 5


def upload(merchant: Merchant, offer: Json, data: bytes, **more: Any) -> Any:
    headers = {"Content-Type": "text/csv"}
    return merchant.call("POST", f"/offers/{offer['id']}/codes", content=data, headers=headers, **more)


def test_an_offer_of_another_merchants_wallet_is_refused(house: House, counter: Counter) -> None:
    other = Merchant.join(house)
    text = counter.offer["document"]
    signature = to_hex(sign(other.key, keccak256(b"no such digest")))
    body = {"document": text, "signature": signature, "source": "pool"}
    refused(other.call("POST", "/offers", body), 422, "offer-other-merchant", "document.merchant")
    refused(counter.merchant.call("POST", "/offers", body), 422, "bad-signature", "signature")


# ---------------------------------------------------------------- dead orders


def test_a_dead_order_frees_its_code(house: House, doomed: Doomed) -> None:
    """The one code of the offer was reserved for an order whose nonce passed without its event."""
    path = f"/redemptions/{doomed.order['id']}"
    dead = house.until(lambda: (s := done(house.call("GET", path)))["state"] == "dead" and s, "the order dies")
    assert dead["box"] is None
    assert doomed.holder.points == PRICE, "nothing was paid"
    # The code is there for the next one.
    received = doomed.holder.wallet.delivered(doomed.holder.wallet.order(doomed.offer["id"]))
    assert received.commitment != doomed.order["commitment"], "box and salt are never used again"
    assert done(doomed.merchant.call("POST", "/codes/use", {"code": received.code}))["state"] == "used"
