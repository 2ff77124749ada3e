"""CampaignHub: no code, no points. Wallet points by `redeem`, account points by `spend`, singly and in batches."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.contracts.support import (
    DAY,
    FAR,
    GRACE,
    NO_HASH,
    REDEMPTION,
    ZERO,
    Signature,
    digest_of,
    events,
    refused,
    sign,
)

OFFER, KEY, COMMITMENT = digest_of("offer"), digest_of("sealing key"), digest_of("salt and code")
HOLD = 14 * DAY


@pytest.fixture(autouse=True)
def points(token, people):
    token.mint(people.alice, 1_000, sender=people.alice)
    token.mint(people.bob, 1_000, sender=people.bob)


@dataclass(frozen=True)
class Order:
    """An order as the hub takes it, and what else was signed."""

    holder: Any
    merchant: Any
    campaign: int = 0  # 0: wallet points
    amount: int = 300
    offer: bytes = OFFER
    key: bytes = KEY
    nonce: int = 0
    deadline: int = FAR
    commitment: bytes = COMMITMENT

    def signed(self, hub, token, signer=None, **domain) -> Signature:
        message = {"holder": self.holder, "amount": self.amount, "nonce": self.nonce, "deadline": self.deadline}
        purpose = {"merchant": self.merchant, "offer": self.offer, "sealKey": self.key}
        signer = signer or self.holder
        if self.campaign:
            return sign(signer, hub, "Spend", message | purpose | {"campaign": self.campaign}, **domain)
        payment = message | {"payee": hub, "witness": purpose}
        return sign(signer, token, "Payment", payment, ("Redemption", REDEMPTION), **domain)

    def packed(self, signature: Signature | None = None):
        halves = (signature.r_bytes, signature.vs) if signature else (NO_HASH, NO_HASH)
        fields = (self.holder, self.amount, self.offer, self.key, self.nonce, self.deadline, self.commitment)
        return (*fields, *halves)


@pytest.fixture(params=["wallet", "account"])
def way(request, hub, token, people, make):
    """The two ways to pay, behind one face."""
    if request.param == "wallet":
        return Way(hub, token, people, 0)
    campaign = make.campaign(closed=True)
    for who in (people.alice, people.bob):
        hub.enter(campaign, 1_000, 0, sender=who)
    return Way(hub, token, people, campaign)


class Way:
    def __init__(self, hub, token, people, campaign):
        self.hub, self.token, self.people, self.campaign = hub, token, people, campaign

    def order(self, **fields):
        return Order(
            **{"holder": self.people.alice, "merchant": self.people.merchant, "campaign": self.campaign} | fields
        )

    def entry(self, order, signer=None, mirrored=False, **domain):
        signature = order.signed(self.hub, self.token, signer, **domain)
        return order.packed(signature.mirrored if mirrored else signature)

    def batch(self, entries, merchant=None, sender=None):
        merchant = merchant or self.people.merchant
        arguments = [self.campaign, merchant, entries] if self.campaign else [merchant, entries]
        send = self.hub.spendBatch if self.campaign else self.hub.redeemBatch
        return send(*arguments, sender=sender or merchant)

    def done(self, entries, merchant=None):
        merchant = merchant or self.people.merchant
        if self.campaign:
            return self.hub.spendBatch.call(self.campaign, merchant, entries, sender=merchant)
        return self.hub.redeemBatch.call(merchant, entries, sender=merchant)

    def single(self, order, signature, merchant=None, sender=None):
        merchant = merchant or self.people.merchant
        arguments = [merchant, order.packed(), signature]
        if self.campaign:
            return self.hub.spend(self.campaign, *arguments, sender=sender or merchant)
        return self.hub.redeem(*arguments, sender=sender or merchant)

    def event(self, order):
        tail = (order.amount, order.nonce, order.offer, order.commitment)
        parties = (order.holder.address, order.merchant.address)
        return ("Spent", self.campaign, *parties, *tail) if self.campaign else ("Redeemed", *parties, *tail)

    def left(self, who):
        return self.hub.account(self.campaign, who).matured if self.campaign else self.token.balanceOf(who)

    def nonce(self, who):
        return self.hub.account(self.campaign, who).nonce if self.campaign else self.token.nonces(who)

    def wrong_nonce(self, holder, given, expected):
        return ("NonceMismatch", given, expected) if self.campaign else ("InvalidAccountNonce", holder, expected)


# ------------------------------------------------------------------- batches


def test_a_batch_pays_the_merchant_once(way, hub, token, people):
    orders = [way.order(), way.order(holder=people.bob, amount=500), way.order(nonce=1, amount=700)]
    receipt = way.batch([way.entry(order) for order in orders])
    told = events(receipt, hub.Redeemed, hub.Spent)
    assert told == [way.event(order) for order in orders]
    paid = [event for event in events(receipt, token.Transfer) if event[2] == people.merchant.address]
    assert paid == [("Transfer", hub.address, people.merchant.address, 1_500)]
    assert (way.left(people.alice), way.left(people.bob)) == (0, 500)
    assert (way.nonce(people.alice), way.nonce(people.bob)) == (2, 1)
    assert token.balanceOf(people.merchant) == 1_500


def test_an_order_is_good_in_its_last_second(way, hub, token, people, clock):
    batched, alone = way.order(deadline=clock.now + 100), way.order(deadline=clock.now + 200, nonce=1)
    entry, signature = way.entry(batched), alone.signed(hub, token).whole
    clock.next_at(batched.deadline)
    way.batch([entry])
    clock.next_at(alone.deadline)
    way.single(alone, signature)
    assert way.left(people.alice) == 400


def test_a_holder_may_bring_its_own_order(way, hub, token, people):
    hub.setDelegate(people.alice, True, sender=people.merchant)
    way.batch([way.entry(way.order())], sender=people.alice)
    order = way.order(nonce=1)
    way.single(order, order.signed(hub, token).whole, sender=people.alice)
    assert way.left(people.alice) == 400


def test_bad_orders_are_skipped_and_change_nothing(way, hub, token, people, chain, clock):
    good = way.order(holder=people.bob, amount=500)
    after_good = way.order(holder=people.bob, nonce=1, amount=500)
    bad = [
        way.entry(way.order(commitment=NO_HASH)),
        way.entry(way.order(deadline=clock.now - 1)),
        way.entry(way.order(nonce=1)),
        way.entry(way.order(amount=0)),
        way.entry(way.order(amount=1_001)),
        way.entry(way.order(amount=2**256 - 1)),
        way.entry(way.order(), signer=people.bob),
        way.entry(way.order(), mirrored=True),
        way.entry(way.order(), chainId=chain.chain_id + 1),
        way.entry(way.order(), verifyingContract=people.owner.address),
        way.entry(way.order(merchant=people.bob)),
        way.order().packed(),
        (ZERO, 1, OFFER, KEY, 0, FAR, COMMITMENT, NO_HASH, NO_HASH),
        way.entry(after_good),  # too early
    ]
    assert way.done(bad) == 0
    entries = [*bad, way.entry(good), way.entry(good), way.entry(after_good), way.entry(replace(after_good, nonce=2))]
    assert way.done(entries) == 0b0101 << len(bad)
    receipt = way.batch(entries)
    assert events(receipt, hub.Redeemed, hub.Spent) == [way.event(good), way.event(after_good)]
    assert (way.left(people.alice), way.nonce(people.alice)) == (1_000, 0)
    assert (way.left(people.bob), way.nonce(people.bob)) == (0, 2)
    assert token.balanceOf(people.merchant) == 1_000
    assert way.done(entries) == 0


def test_a_batch_of_nothing_but_bad_orders_passes(way, token, people):
    receipt = way.batch([way.order().packed(), way.order(nonce=5).packed()])
    assert events(receipt, token.Transfer) == []
    way.batch([])


def test_each_signed_field_counts(way, people):
    """Each field in turn is changed after signing."""
    order = way.order()
    signature = order.signed(way.hub, way.token)
    for changed in (
        replace(order, holder=people.bob),
        replace(order, amount=299),
        replace(order, offer=digest_of("dearer")),
        replace(order, key=digest_of("somebody else's key")),
        replace(order, deadline=FAR - 1),
    ):
        assert way.done([changed.packed(signature)]) == 0
    if not way.campaign:  # of an account's, bob is no merchant at all
        assert way.done([order.packed(signature)], merchant=people.bob) == 0
    # The commitment is the executor's, who knows the code.
    assert way.done([replace(order, commitment=digest_of("another code")).packed(signature)]) == 1


def test_only_the_merchant_and_its_delegates_execute(way, hub, people):
    entries = [way.entry(way.order())]
    with refused("NotDelegate", people.delegate):
        way.batch(entries, sender=people.delegate)
    with refused("NotDelegate", people.owner):
        way.single(way.order(), b"", sender=people.owner)
    hub.setDelegate(people.delegate, True, sender=people.merchant)
    way.batch(entries, sender=people.delegate)
    assert way.left(people.alice) == 700
    hub.setDelegate(people.delegate, False, sender=people.merchant)
    with refused("NotDelegate", people.delegate):
        way.single(way.order(), b"", sender=people.delegate)


def test_batches_have_a_limit(way):
    with refused("BatchTooLong", 257):
        way.batch([way.order().packed()] * 257)
    assert way.done([way.order().packed()] * 256) == 0  # nobody signed them


# ------------------------------------------------------------------- singles


def test_single(way, hub, token, people):
    order = way.order()
    receipt = way.single(order, order.signed(hub, token).whole)
    assert events(receipt, hub.Redeemed, hub.Spent) == [way.event(order)]
    assert (way.left(people.alice), way.nonce(people.alice), token.balanceOf(people.merchant)) == (700, 1, 300)
    with refused(*way.wrong_nonce(people.alice, 0, 1)):
        way.single(order, order.signed(hub, token).whole)


def test_singles_refuse_by_name(way, hub, token, people, clock):
    def refuse(error, *values, signer=None, signature=None, **fields):
        order = way.order(**fields)
        with refused(error, *values):
            way.single(order, order.signed(hub, token, signer).whole if signature is None else signature)

    refuse("ZeroCommitment", commitment=NO_HASH)
    refuse("ZeroAmount", amount=0)
    refuse("OrderExpired", clock.now - 1, deadline=clock.now - 1)
    refuse(*way.wrong_nonce(people.alice, 1, 0), nonce=1)
    refuse("BadSignature", people.alice, signer=people.bob)
    refuse("BadSignature", people.alice, signature=b"")
    refuse("BadSignature", people.alice, signature=way.order().signed(hub, token).mirrored.whole)
    refuse("BadSignature", people.alice, merchant=people.bob)
    if way.campaign:
        refuse("InsufficientPoints", 1_001, 1_000, amount=1_001)
    else:
        refuse("ERC20InsufficientBalance", people.alice, 1_000, 1_001, amount=1_001)
    assert (way.left(people.alice), way.nonce(people.alice)) == (1_000, 0)


def test_contract_wallets_redeem_one_at_a_time(way, hub, token, contracts, people):
    wallet = contracts.ContractWallet.deploy(people.carol, sender=people.owner)
    token.mint(wallet, 400, sender=people.owner)
    if way.campaign:
        for target, call in (
            (token, token.approve.encode_input(hub, 400)),
            (hub, hub.enter.encode_input(way.campaign, 400, 0)),
        ):
            wallet.execute(target, call, sender=people.carol)
    order = way.order(holder=wallet)
    assert way.done([way.entry(order, signer=people.carol)]) == 0
    with refused("BadSignature", wallet):
        way.single(order, order.signed(hub, token, people.bob).whole)
    way.single(order, order.signed(hub, token, people.carol).whole)
    assert (way.left(wallet), way.nonce(wallet)) == (100, 1)


# -------------------------------------------------------------- only accounts


def spend_order(people, campaign, **fields):
    return Order(**{"holder": people.alice, "merchant": people.merchant, "campaign": campaign} | fields)


@pytest.mark.parametrize("closed", [False, True])
def test_spending_needs_an_accepted_merchant(hub, token, people, make, closed):
    campaign = make.campaign(closed=closed)
    hub.enter(campaign, 500, 0, sender=people.alice)
    order = spend_order(people, campaign, merchant=people.bob)
    signature = order.signed(hub, token)
    for step in (lambda: None, lambda: hub.inviteMerchant(campaign, people.bob, sender=people.owner)):
        step()
        with refused("NotMerchant", people.bob):
            hub.spendBatch(campaign, people.bob, [order.packed(signature)], sender=people.bob)
        with refused("NotMerchant", people.bob):
            hub.spend(campaign, people.bob, order.packed(), signature.whole, sender=people.bob)
    hub.acceptMerchant(campaign, sender=people.bob)
    hub.spendBatch(campaign, people.bob, [order.packed(signature)], sender=people.bob)
    assert hub.account(campaign, people.alice).matured == 200


def test_an_order_is_for_one_campaign(hub, token, people, make):
    one, two = make.campaign(), make.campaign()
    for campaign in (one, two):
        hub.enter(campaign, 500, 0, sender=people.alice)
    entry = spend_order(people, one).packed(spend_order(people, one).signed(hub, token))
    assert hub.spendBatch.call(two, people.merchant, [entry], sender=people.merchant) == 0
    assert hub.spendBatch.call(one, people.merchant, [entry], sender=people.merchant) == 1


def test_held_points_are_not_spent(hub, token, people, make, clock):
    start = make.period_start(HOLD)
    campaign = make.campaign(closed=True, hold=HOLD)
    make.award(campaign, 1, (people.alice, 300))
    order = spend_order(people, campaign)
    signature = order.signed(hub, token)
    entry = order.packed(signature)
    assert hub.spendBatch.call(campaign, people.merchant, [entry], sender=people.merchant) == 0
    with refused("InsufficientPoints", 300, 0):
        hub.spend(campaign, people.merchant, order.packed(), signature.whole, sender=people.merchant)
    clock.next_at(start + 2 * HOLD)
    hub.spendBatch(campaign, people.merchant, [entry], sender=people.merchant)
    assert token.balanceOf(people.merchant) == 300


def test_closed_points_are_spent_until_grace_after_expiry(hub, token, people, make, clock):
    campaign = make.campaign(closed=True)
    hub.enter(campaign, 500, 0, sender=people.alice)
    until = hub.campaign(campaign).expiry + GRACE
    order = spend_order(people, campaign)
    clock.next_at(until - 1)
    hub.spendBatch(campaign, people.merchant, [order.packed(order.signed(hub, token))], sender=people.merchant)
    order = spend_order(people, campaign, nonce=1, amount=1)
    signature = order.signed(hub, token)
    clock.next_at(until)
    with refused("CampaignEnded", until):
        hub.spendBatch(campaign, people.merchant, [order.packed(signature)], sender=people.merchant)
    with refused("CampaignEnded", until):
        hub.spend(campaign, people.merchant, order.packed(), signature.whole, sender=people.merchant)


def test_open_points_are_spent_without_end(hub, token, people, make, clock):
    campaign = make.campaign()
    hub.enter(campaign, 500, 0, sender=people.alice)
    order = spend_order(people, campaign)
    clock.next_at(hub.campaign(campaign).end + 1_000 * DAY)
    hub.spendBatch(campaign, people.merchant, [order.packed(order.signed(hub, token))], sender=people.merchant)
    assert token.balanceOf(people.merchant) == 300


def test_cancel_voids_orders(way, hub, token, people):
    entry = way.entry(way.order())
    if way.campaign:
        hub.cancel(way.campaign, sender=people.alice)
    else:
        token.cancel(sender=people.alice)
    assert way.done([entry]) == 0


def test_a_wallet_order_does_not_spend_an_account_nor_the_reverse(hub, token, people, make):
    campaign = make.campaign()
    hub.enter(campaign, 500, 0, sender=people.alice)
    wallet_order = Order(people.alice, people.merchant)
    account_order = spend_order(people, campaign)
    for_wallet, for_account = wallet_order.signed(hub, token), account_order.signed(hub, token)
    merchant = {"sender": people.merchant}
    assert hub.spendBatch.call(campaign, people.merchant, [account_order.packed(for_wallet)], **merchant) == 0
    assert hub.redeemBatch.call(people.merchant, [wallet_order.packed(for_account)], **merchant) == 0
