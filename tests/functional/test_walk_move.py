"""docs/walks/move.md: points go where their holder wants, through the gateway and without it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.chain import calls
from gateway.chain.hexes import checksum
from gateway.chain.signatures import address_of
from gateway.chain.typed_data import Domains
from gateway.client import Json
from gateway.commands import direct
from gateway.commands.orders import Signer
from gateway.core.durations import DAY
from tests.functional.house import House, done, refused
from tests.functional.people import Holder, Merchant

BONUS = 1_000  # 10 %


def kinds(house: House, holder: Holder) -> list[str]:
    """What the gateway's history says happened to a wallet, oldest first."""
    items = done(house.call("GET", f"/wallets/{holder.name}/history"))["items"]
    return [item["kind"] for item in reversed(items)]


def test_enter_and_leave(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    holder = Holder.rich(house, 10_000)

    entered = holder.wallet.landed(holder.wallet.enter(campaign, 4_000))
    assert entered["received"] == 4_000
    holder.until_points(6_000)
    assert holder.account(campaign)["matured"] == 4_000

    left = holder.wallet.landed(holder.wallet.leave(campaign, 1_500))
    assert left["received"] == 1_500
    holder.until_points(7_500)
    assert house.chain.reads.account(campaign, holder.address).matured == 2_500
    assert kinds(house, holder).count("entered") >= 1
    assert kinds(house, holder).count("left") >= 1


def test_move_with_bonus_until_the_pot_is_empty(house: House, merchant: Merchant) -> None:
    source, target = merchant.campaign(), merchant.campaign(closed=True, bonus=BONUS, pot=500)
    holder = Holder.rich(house, 20_000)
    holder.wallet.landed(holder.wallet.enter(source, 20_000))

    quote = house.client().quote("move", 4_000, source, target)
    assert quote == {"received": 4_400, "bonus": 400, "min_received": 4_400}
    assert holder.wallet.landed(holder.wallet.move(source, target, 4_000))["received"] == 4_400

    # Ten per cent of 4,000 again, but only 100 are left in the pot.
    assert holder.wallet.landed(holder.wallet.move(source, target, 4_000))["received"] == 4_100
    assert holder.wallet.landed(holder.wallet.move(source, target, 4_000))["received"] == 4_000
    house.until(lambda: holder.account(target)["matured"] == 12_500, "the account shows both bonuses")
    assert holder.account(source)["matured"] == 8_000
    assert house.chain.reads.campaign(target).pot == 0


def test_the_minimum_holds_when_the_pot_shrinks_meanwhile(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(closed=True, bonus=BONUS, pot=300)
    holder, rival = Holder.rich(house, 3_000), Holder.rich(house, 3_000)
    hub = house.deployment.hub
    rival.own.token("points approved", calls.approve(hub, 3_000))
    with house.stillness():
        order = holder.wallet.enter(campaign, 3_000)
        assert order["min_received"] == 3_300
        rivals = rival.hurry(hub, calls.enter(campaign, 3_000, 3_300))  # takes the whole bonus
        house.until_pooled(2)
    rivals.join()

    state = house.until(lambda: ended(house, order), "the order ends")
    assert state["state"] == "refused"
    assert (holder.points, house.chain.reads.account(campaign, holder.address).matured) == (3_000, 0)
    # Nothing was used up: the same nonce enters for what there is now.
    entered = holder.wallet.landed(holder.wallet.enter(campaign, 3_000))
    assert (entered["nonce"], entered["received"]) == (order["nonce"], 3_000)


def test_a_minimum_above_the_quote_is_refused_at_once(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(closed=True, bonus=BONUS, pot=100)
    holder = Holder.rich(house, 5_000)
    order = holder.wallet.signer.enter(campaign, 5_000, 5_500, nonce=0)
    refused(house.call("POST", "/moves", order), 409, "below-minimum", "min_received")


def test_send(house: House) -> None:
    sender, recipient = Holder.rich(house, 5_000), Holder.fresh(house)
    first = sender.wallet.send(recipient.address, 1_200)
    second = sender.wallet.send(recipient.address, 300)  # queued behind the first, with the next nonce
    assert second["nonce"] == first["nonce"] + 1
    sender.wallet.landed(first)
    sender.wallet.landed(second)
    recipient.until_points(1_500)
    sender.until_points(3_500)


def test_the_same_order_twice_is_one_move(house: House) -> None:
    sender, recipient = Holder.rich(house, 5_000), Holder.fresh(house)
    order = sender.wallet.signer.send(recipient.address, 1_000, nonce=0)
    first = done(house.call("POST", "/moves", order), 202)
    assert done(house.call("POST", "/moves", order), 202) == first
    sender.wallet.landed(first)
    assert done(house.call("POST", "/moves", order), 202)["id"] == first["id"]
    recipient.until_points(1_000)


def test_a_holder_cashes_out(house: House) -> None:
    holder, friend = Holder.rich(house, 5_000), Holder.fresh(house)
    holder.wallet.landed(holder.wallet.cash_out(2_000))
    holder.wallet.landed(holder.wallet.cash_out(1_000, friend.address))
    holder.until_points(2_000)
    par, reads = house.deployment.par, house.chain.reads
    assert reads.asset_balance(holder.address) == 2_000 * par
    assert reads.asset_balance(friend.address) == 1_000 * par
    facts = house.client().chain()
    assert facts["solvent"]
    assert facts["reserve"] >= facts["par"] * facts["supply"]


def test_the_merchant_who_was_paid_in_points_cashes_out(house: House, merchant: Merchant) -> None:
    offer = merchant.offer(price=2_500, pattern="CAFE-****-****-****-%")
    holder = Holder.rich(house, 2_500)
    holder.wallet.delivered(holder.wallet.order(offer["id"]))
    assert house.chain.reads.balance(merchant.address) == 2_500
    before = house.chain.reads.asset_balance(merchant.address)
    merchant.own.token("cashed out", calls.cash_out(2_500, merchant.address))
    assert house.chain.reads.asset_balance(merchant.address) == before + 2_500 * house.deployment.par
    house.until(lambda: house.balance(merchant.address) == 0, "the ledger follows")


def test_without_the_gateway(house: House, merchant: Merchant) -> None:
    """Every verb with the holder's own transactions while gateway and worker are off; the ledger catches up."""
    source, target = merchant.campaign(), merchant.campaign(closed=True, bonus=BONUS, pot=1_000)
    holder, friend = Holder.rich(house, 20_000), Holder.fresh(house)
    house.stop()
    chain, key = house.chain, holder.key
    try:
        direct.enter(source, 10_000).on_chain(chain, key)
        direct.leave(source, 1_000).on_chain(chain, key)
        direct.move(source, target, 5_000).on_chain(chain, key)
        direct.stay(source, True).on_chain(chain, key)
        direct.send(friend.address, 2_000).on_chain(chain, key)
        direct.cash_out(3_000, None).on_chain(chain, key)
    finally:
        house.start()
    # 20,000 - 10,000 + 1,000 - 2,000 - 3,000
    house.until(lambda: house.balance(holder.address) == 6_000, "the ledger catches up")
    assert holder.points == 6_000
    assert (holder.account(source)["matured"], holder.account(source)["stay"]) == (4_000, True)
    assert holder.account(target)["matured"] == 5_500
    assert house.balance(friend.address) == 2_000
    assert house.chain.reads.asset_balance(holder.address) == 3_000 * house.deployment.par


def ended(house: House, order: Json) -> Json | None:
    """The move, once it is over."""
    move = house.client().move_state(order["id"])
    return move if move["state"] in {"done", "dead", "refused"} else None


# ------------------------------------------------------------------ refusals


class Bench:
    """One holder with points in a wallet and an open campaign, to whom nothing ever happens."""

    def __init__(self, house: House) -> None:
        merchant = Merchant.join(house)
        self.house = house
        self.ending = merchant.brief(registered=False)
        self.source, self.closed = merchant.campaign(), merchant.campaign(closed=True)
        self.holder, self.friend = Holder.rich(house, 10_000), Holder.fresh(house)
        self.holder.wallet.landed(self.holder.wallet.enter(self.source, 5_000))
        house.until(lambda: self.holder.account(self.source)["matured"] == 5_000, "the account")
        self.signer, self.nonce = self.holder.wallet.signer, 1

    def later(self, seconds: int) -> Signer:
        """Signs as if it were another time."""
        return Signer(self.holder.key, self.house.domains, lambda: int(time.time()) + seconds)

    def elsewhere(self) -> Signer:
        """Signs for another chain."""
        d = self.house.deployment
        return Signer(self.holder.key, Domains(d.chain_id + 1, d.token, d.hub, d.token_name))


@pytest.fixture(scope="module")
def bench(house: House) -> Iterator[Bench]:
    bench = Bench(house)
    yield bench
    assert (bench.holder.points, bench.house.account(bench.holder.address, bench.source)["matured"]) == (5_000, 5_000)


Make = Callable[[Bench], Json]


def sent(bench: Bench, amount: int = 1_000, nonce: int | None = None, signer: Signer | None = None) -> Json:
    signer = signer or bench.signer
    return signer.send(bench.friend.address, amount, bench.nonce if nonce is None else nonce)


REFUSALS: dict[str, tuple[Make, int, str, str | None]] = {
    "another's signature": (
        lambda b: sent(b, signer=Signer(secrets.token_bytes(32), b.house.domains)) | {"holder": b.holder.name},
        422,
        "bad-signature",
        "signature",
    ),
    "wrong chain id": (lambda b: sent(b, signer=b.elsewhere()), 422, "bad-signature", "signature"),
    "changed after signing": (lambda b: sent(b) | {"amount": 1_001}, 422, "bad-signature", "signature"),
    "used nonce": (lambda b: sent(b, nonce=0), 409, "stale-nonce", "nonce"),
    "nonce too high": (lambda b: sent(b, nonce=7), 409, "nonce-gap", "nonce"),
    "deadline passed": (lambda b: sent(b, signer=b.later(-4_000)), 422, "order-expired", "deadline"),
    "deadline too far": (lambda b: sent(b, signer=b.later(8 * DAY)), 422, "order-expired", "deadline"),
    "more than there is": (lambda b: sent(b, 5_001), 422, "insufficient-points", "amount"),
    "too little to relay": (lambda b: sent(b, 99), 422, "below-relay-minimum", "amount"),
    "to the token itself": (
        lambda b: b.signer.send(b.house.deployment.token, 1_000, b.nonce),
        422,
        "recipient-refused",
        "recipient",
    ),
    "to nobody": (lambda b: b.signer.send(bytes(20), 1_000, b.nonce), 422, "recipient-refused", "recipient"),
    "to oneself": (lambda b: b.signer.send(b.holder.address, 1_000, b.nonce), 422, "same-wallet", "recipient"),
    "out of a closed campaign": (lambda b: b.signer.leave(b.closed, 1_000, 0), 422, "closed-loop", "source"),
    "into no campaign": (lambda b: b.signer.enter(999_999, 1_000, 1_000, b.nonce), 404, "unknown-campaign", "target"),
    "into itself": (lambda b: b.signer.move(b.source, b.source, 1_000, 1_000, 0), 422, "same-campaign", "target"),
    "more than the account has": (lambda b: b.signer.leave(b.source, 5_001, 0), 422, "insufficient-points", "amount"),
    "staying where nothing is": (lambda b: b.signer.stay(b.closed, True, 0), 422, "insufficient-points", "source"),
    "staying as before": (lambda b: b.signer.stay(b.source, True, 0), 409, "stay-unchanged", "stay"),
    "a field of another kind": (lambda b: sent(b) | {"source": b.source}, 422, "invalid-request", "source"),
    "a field too little": (
        lambda b: {k: v for k, v in sent(b).items() if k != "recipient"},
        422,
        "invalid-request",
        "recipient",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(bench: Bench, case: str) -> None:
    make, status, code, field = REFUSALS[case]
    problem = refused(bench.house.call("POST", "/moves", make(bench)), status, code, field)
    if case == "wrong chain id":
        assert str(bench.house.deployment.chain_id) in problem["detail"]


def test_a_campaign_that_ended_takes_nothing_in(house: House, bench: Bench) -> None:
    reads = house.chain.reads
    house.until(lambda: reads.head().time >= reads.campaign(bench.ending).end, "the end")
    order = bench.signer.enter(bench.ending, 1_000, 1_000, bench.nonce)
    refused(house.call("POST", "/moves", order), 409, "entry-closed", "target")


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_orders_are_anonymous(bench: Bench, header: str) -> None:
    answer = bench.house.call("POST", "/moves", sent(bench), headers={header: "anything"})
    refused(answer, 400, "credentials-refused", header)


def test_no_such_move(house: House) -> None:
    refused(house.call("GET", "/moves/99999999"), 404, "not-found")


def test_orders_of_strangers_cannot_be_made_up(house: House) -> None:
    """A wallet without anything gets nothing relayed."""
    stranger: Any = Signer(secrets.token_bytes(32), house.domains)
    order = stranger.send(address_of(secrets.token_bytes(32)), 1_000, 0)
    assert order["holder"] == checksum(stranger.address)
    refused(house.call("POST", "/moves", order), 422, "insufficient-points", "amount")
