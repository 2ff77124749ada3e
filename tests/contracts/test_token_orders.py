"""LoyaltyToken: orders that a holder signed and somebody else sends."""

import pytest

from tests.contracts.support import ENTER, FAR, NO_HASH, PAR, REDEMPTION, ZERO, digest_of, events, refused, sign

WITNESS = ("Redemption", REDEMPTION)
WITNESS_TYPE = "Redemption witness)Redemption(address merchant,bytes32 offer,bytes32 sealKey)"
SINGLES = {"Transfer": "transferBySig", "CashOut": "cashOutBySig"}


@pytest.fixture(autouse=True)
def points(token, people):
    token.mint(people.alice, 1000, sender=people.alice)
    token.mint(people.bob, 500, sender=people.bob)


@pytest.fixture
def payee(contracts, people):
    return contracts.Payee.deploy(sender=people.owner)


@pytest.fixture
def wallet(contracts, people, token):
    """A contract wallet with 100 points whose key is bob's."""
    wallet = contracts.ContractWallet.deploy(people.bob, sender=people.owner)
    token.mint(wallet, 100, sender=people.owner)
    return wallet


def order_of(people, **changed):
    return {"holder": people.alice, "to": people.carol, "amount": 300, "nonce": 0, "deadline": FAR} | changed


def send(token, kind, order, signature, sender):
    arguments = [order[key] for key in ("holder", "to", "amount", "nonce", "deadline")]
    return getattr(token, SINGLES[kind])(*arguments, signature, sender=sender)


# ------------------------------------------------------------------- singles


def test_transfer_by_sig(token, people):
    order = order_of(people)
    receipt = send(token, "Transfer", order, sign(people.alice, token, "Transfer", order).whole, people.stranger)
    assert events(receipt, token.OrderExecuted, token.Transfer) == [
        ("OrderExecuted", people.alice.address, 0),
        ("Transfer", people.alice.address, people.carol.address, 300),
    ]
    assert (token.balanceOf(people.alice), token.balanceOf(people.carol), token.nonces(people.alice)) == (700, 300, 1)


def test_cash_out_by_sig(token, asset, people):
    before = asset.balanceOf(people.carol)
    order = order_of(people)
    receipt = send(token, "CashOut", order, sign(people.alice, token, "CashOut", order).whole, people.stranger)
    assert events(receipt, token.OrderExecuted, token.Transfer, token.CashedOut) == [
        ("OrderExecuted", people.alice.address, 0),
        ("Transfer", people.alice.address, ZERO, 300),
        ("CashedOut", people.alice.address, people.carol.address, 300),
    ]
    assert asset.balanceOf(people.carol) - before == 300 * PAR
    assert (token.balanceOf(people.alice), token.nonces(people.alice)) == (700, 1)


@pytest.mark.parametrize("kind", SINGLES)
def test_singles_refuse(token, people, clock, kind):
    def refuse(error, *values, signed=None, **changed):
        order = order_of(people, **changed)
        signature = sign(people.alice, token, kind, order).whole if signed is None else signed
        with refused(error, *values):
            send(token, kind, order, signature, people.stranger)

    refuse("ZeroAmount", amount=0)
    refuse("RecipientRefused", ZERO, to=ZERO)
    refuse("RecipientRefused", token, to=token)
    refuse("InvalidAccountNonce", people.alice, 0, nonce=1)
    refuse("ERC20InsufficientBalance", people.alice, 1000, 1001, amount=1001)
    refuse("OrderExpired", clock.now - 1, deadline=clock.now - 1)
    refuse("BadSignature", people.alice, signed=b"")
    refuse("BadSignature", people.alice, signed=b"\x01" * 65)
    good = order_of(people)
    refuse("BadSignature", people.alice, signed=sign(people.bob, token, kind, good).whole)
    refuse("BadSignature", people.alice, signed=sign(people.alice, token, kind, good).mirrored.whole)
    assert (token.balanceOf(people.alice), token.nonces(people.alice)) == (1000, 0)


@pytest.mark.parametrize("kind", SINGLES)
def test_a_deadline_is_the_last_second(token, people, clock, kind):
    order = order_of(people, deadline=clock.now + 100)
    signature = sign(people.alice, token, kind, order).whole
    clock.next_at(order["deadline"])
    send(token, kind, order, signature, people.stranger)
    order = order_of(people, deadline=clock.now + 100, nonce=1)
    signature = sign(people.alice, token, kind, order).whole
    clock.next_at(order["deadline"] + 1)
    with refused("OrderExpired", order["deadline"]):
        send(token, kind, order, signature, people.stranger)


@pytest.mark.parametrize("kind", SINGLES)
def test_an_order_lands_once(token, people, kind):
    order = order_of(people)
    signature = sign(people.alice, token, kind, order).whole
    send(token, kind, order, signature, people.stranger)
    with refused("InvalidAccountNonce", people.alice, 1):
        send(token, kind, order, signature, people.stranger)


@pytest.mark.parametrize("kind", SINGLES)
def test_a_signature_holds_for_its_fields_only(token, people, kind):
    """Each field in turn is changed after signing."""
    order = order_of(people)
    signature = sign(people.alice, token, kind, order).whole
    for field, value in {"holder": people.bob, "to": people.bob, "amount": 301, "deadline": FAR - 1}.items():
        changed = order | {field: value}
        with refused("BadSignature", changed["holder"]):
            send(token, kind, changed, signature, people.stranger)


@pytest.mark.parametrize("kind", SINGLES)
def test_a_signature_holds_for_its_domain_and_type_only(token, hub, people, chain, kind):
    order = order_of(people)
    other = "CashOut" if kind == "Transfer" else "Transfer"
    for signature in (
        sign(people.alice, token, kind, order, chainId=chain.chain_id + 1),
        sign(people.alice, token, kind, order, verifyingContract=hub.address),
        sign(people.alice, token, kind, order, name="Other Points"),
        sign(people.alice, token, kind, order, version="2"),
        sign(people.alice, token, other, order),
    ):
        with refused("BadSignature", people.alice):
            send(token, kind, order, signature.whole, people.stranger)


@pytest.mark.parametrize("kind", SINGLES)
def test_contract_wallets_sign_too(token, people, wallet, kind):
    order = order_of(people, holder=wallet, amount=40)
    with refused("BadSignature", wallet):
        send(token, kind, order, sign(people.carol, token, kind, order).whole, people.stranger)
    receipt = send(token, kind, order, sign(people.bob, token, kind, order).whole, people.stranger)
    assert events(receipt, token.OrderExecuted) == [("OrderExecuted", wallet.address, 0)]
    assert (token.balanceOf(wallet), token.nonces(wallet)) == (60, 1)


def test_cancel(token, people):
    order = order_of(people)
    signature = sign(people.alice, token, "Transfer", order).whole
    receipt = token.cancel(sender=people.alice)
    assert events(receipt, token.OrdersCancelled) == [("OrdersCancelled", people.alice.address, 65_536)]
    with refused("InvalidAccountNonce", people.alice, 65_536):
        send(token, "Transfer", order, signature, people.stranger)
    assert (token.nonces(people.alice), token.balanceOf(people.alice)) == (65_536, 1000)


def test_cancel_voids_orders_signed_ahead(token, people):
    ahead = order_of(people, nonce=1)
    signature = sign(people.alice, token, "Transfer", ahead).whole
    token.cancel(sender=people.alice)
    with refused("InvalidAccountNonce", people.alice, 65_536):
        send(token, "Transfer", ahead, signature, people.stranger)


# ------------------------------------------------------- payments to contracts


def witness_of(people, **changed):
    return {"merchant": people.merchant, "offer": digest_of("offer"), "sealKey": digest_of("key")} | changed


def witness_hash(harness, witness):
    return harness.redemptionHash(witness["merchant"], witness["offer"], witness["sealKey"])


@pytest.fixture
def harness(contracts, people):
    return contracts.OrdersHarness.deploy(sender=people.owner)


def payment_of(people, named, **changed):
    return {"holder": people.alice, "payee": named, "amount": 300, "nonce": 0, "deadline": FAR} | changed


def signed_payment(token, signer, payment, witness, mirrored=False, **domain):
    """The Payment of a batch, with the signature in r and vs."""
    signature = sign(signer, token, "Payment", payment | {"witness": witness}, WITNESS, **domain)
    signature = signature.mirrored if mirrored else signature
    keys = ("holder", "amount", "nonce", "deadline")
    return (*(payment[key] for key in keys), signature.r_bytes, signature.vs)


def receive_one(payee, token, payment, witness, signature, sender, kind=WITNESS_TYPE):
    arguments = [payment[key] for key in ("holder", "amount", "nonce", "deadline")]
    return payee.receiveOne(token, *arguments, witness, kind, signature, sender=sender)


def test_receive_one(token, people, payee, harness):
    payment, witness = payment_of(people, payee), witness_of(people)
    signature = sign(people.alice, token, "Payment", payment | {"witness": witness}, WITNESS).whole
    receipt = receive_one(payee, token, payment, witness_hash(harness, witness), signature, people.stranger)
    assert events(receipt, token.OrderExecuted, token.Transfer) == [
        ("OrderExecuted", people.alice.address, 0),
        ("Transfer", people.alice.address, payee.address, 300),
    ]
    assert (token.balanceOf(payee), token.balanceOf(people.alice), token.nonces(people.alice)) == (300, 700, 1)


def test_receive_one_refuses(token, people, payee, harness, clock):
    witness = witness_of(people)
    hashed = witness_hash(harness, witness)

    def refuse(error, *values, signer=people.alice, witness_hash=hashed, kind=WITNESS_TYPE, **changed):
        payment = payment_of(people, payee)
        signature = sign(signer, token, "Payment", payment | changed | {"witness": witness}, WITNESS)
        with refused(error, *values):
            receive_one(payee, token, payment | changed, witness_hash, signature.whole, people.stranger, kind)

    refuse("ZeroAmount", amount=0)
    refuse("InvalidAccountNonce", people.alice, 0, nonce=7)
    refuse("OrderExpired", clock.now - 1, deadline=clock.now - 1)
    refuse("ERC20InsufficientBalance", people.alice, 1000, 1001, amount=1001)
    refuse("BadSignature", people.alice, signer=people.bob)
    refuse("BadSignature", people.alice, witness_hash=NO_HASH)
    refuse("BadSignature", people.alice, kind=WITNESS_TYPE.replace("offer", "other"))
    # The payee that signs for everything, itself included, cannot pay itself.
    refuse("RecipientRefused", payee, holder=payee)


def test_only_the_named_payee_is_paid(token, contracts, people, payee, harness):
    other = contracts.Payee.deploy(sender=people.owner)
    payment, witness = payment_of(people, payee), witness_of(people)
    hashed = witness_hash(harness, witness)
    signature = sign(people.alice, token, "Payment", payment | {"witness": witness}, WITNESS).whole
    with refused("BadSignature", people.alice):
        receive_one(other, token, payment, hashed, signature, people.stranger)
    batch = [signed_payment(token, people.alice, payment, witness)]
    other.receiveBatch(token, batch, [hashed], WITNESS_TYPE, sender=people.stranger)
    assert (other.lastPaid(), other.lastTotal(), token.balanceOf(people.alice)) == (0, 0, 1000)


def test_contract_wallets_pay_one_at_a_time(token, people, payee, harness, wallet):
    payment, witness = payment_of(people, payee, holder=wallet, amount=40), witness_of(people)
    hashed = witness_hash(harness, witness)
    payee.receiveBatch(
        token, [signed_payment(token, people.bob, payment, witness)], [hashed], WITNESS_TYPE, sender=people.stranger
    )
    assert (payee.lastPaid(), token.balanceOf(wallet)) == (0, 100)
    signature = sign(people.bob, token, "Payment", payment | {"witness": witness}, WITNESS).whole
    receive_one(payee, token, payment, hashed, signature, people.stranger)
    assert (token.balanceOf(payee), token.balanceOf(wallet), token.nonces(wallet)) == (40, 60, 1)


def test_receive_batch_skips_the_bad_and_takes_the_good(token, people, payee, harness, chain, clock):
    witness = witness_of(people)
    hashed = witness_hash(harness, witness)

    def payment(signer=people.alice, mirrored=False, domain=None, **changed):
        named = payment_of(people, payee, **changed)
        return signed_payment(token, signer, named, witness, mirrored, **(domain or {}))

    good = payment()
    bad = [
        payment(deadline=clock.now - 1),
        payment(nonce=1),
        payment(amount=0),
        payment(amount=1001),
        payment(signer=people.bob),
        payment(mirrored=True),
        payment(domain={"chainId": chain.chain_id + 1}),
        payment(domain={"verifyingContract": payee.address}),
        payment(payee=people.bob),
        payment(holder=payee),
        (people.alice, 300, 0, FAR, NO_HASH, NO_HASH),
        (ZERO, 0, 0, FAR, NO_HASH, NO_HASH),
        (ZERO, 1, 0, FAR, NO_HASH, NO_HASH),
    ]
    token.mint(payee, 300, sender=people.owner)
    receipt = payee.receiveBatch(token, bad, [hashed] * len(bad), WITNESS_TYPE, sender=people.stranger)
    assert (payee.lastPaid(), payee.lastTotal(), events(receipt, token.Transfer)) == (0, 0, [])
    assert (token.balanceOf(people.alice), token.nonces(people.alice)) == (1000, 0)

    from_bob = payment(signer=people.bob, holder=people.bob, amount=500)
    again = payment(nonce=1, amount=700)
    too_late = payment(nonce=2, amount=1)
    batch = [bad[0], good, bad[3], from_bob, good, again, too_late]
    receipt = payee.receiveBatch(token, batch, [hashed] * len(batch), WITNESS_TYPE, sender=people.stranger)
    assert (payee.lastPaid(), payee.lastTotal()) == (0b0101010, 1500)
    assert events(receipt, token.Transfer) == [
        ("Transfer", people.alice.address, payee.address, 300),
        ("Transfer", people.bob.address, payee.address, 500),
        ("Transfer", people.alice.address, payee.address, 700),
    ]
    assert events(receipt, token.OrderExecuted) == []
    assert (token.balanceOf(payee), token.balanceOf(people.alice), token.balanceOf(people.bob)) == (1800, 0, 0)
    assert (token.nonces(people.alice), token.nonces(people.bob)) == (2, 1)

    payee.receiveBatch(token, batch, [hashed] * len(batch), WITNESS_TYPE, sender=people.stranger)
    assert payee.lastPaid() == 0


def test_each_payment_has_its_own_witness(token, people, payee, harness):
    one, two = witness_of(people), witness_of(people, offer=digest_of("another offer"))
    batch = [
        signed_payment(token, people.alice, payment_of(people, payee), one),
        signed_payment(token, people.bob, payment_of(people, payee, holder=people.bob), two),
    ]
    hashes = [witness_hash(harness, one), witness_hash(harness, two)]
    payee.receiveBatch(token, batch, hashes[::-1], WITNESS_TYPE, sender=people.stranger)
    assert payee.lastPaid() == 0
    payee.receiveBatch(token, batch, hashes, WITNESS_TYPE, sender=people.stranger)
    assert payee.lastPaid() == 0b11


def test_batches_have_limits(token, people):
    empty = (people.alice, 1, 0, FAR, NO_HASH, NO_HASH)
    for witnesses in (0, 2):
        with refused("LengthMismatch", 1, witnesses):
            token.receiveBatch([empty], [NO_HASH] * witnesses, WITNESS_TYPE, sender=people.stranger)
    with refused("BatchTooLong", 257):
        token.receiveBatch([empty] * 257, [NO_HASH] * 257, WITNESS_TYPE, sender=people.stranger)
    for length in (0, 256):
        payments = [empty] * length, [NO_HASH] * length
        assert token.receiveBatch.call(*payments, WITNESS_TYPE, sender=people.stranger) == (0, 0)


def test_256_payments_fit_and_set_every_bit(token, people, payee, harness):
    witness = witness_of(people)
    hashed = witness_hash(harness, witness)
    batch = [
        signed_payment(token, people.alice, payment_of(people, payee, nonce=nonce, amount=1), witness)
        for nonce in range(256)
    ]
    payee.receiveBatch(token, batch, [hashed] * 256, WITNESS_TYPE, sender=people.stranger)
    assert (payee.lastPaid(), payee.lastTotal()) == (2**256 - 1, 256)
    assert (token.balanceOf(people.alice), token.nonces(people.alice)) == (744, 256)


def test_a_payment_for_one_purpose_is_none_for_another(token, people, payee, harness):
    """An Enter witness and a Redemption witness never share a signature."""
    payment = payment_of(people, payee)
    enter = {"campaign": 1, "minReceived": 0}
    signature = sign(people.alice, token, "Payment", payment | {"witness": enter}, ("Enter", ENTER)).whole
    with refused("BadSignature", people.alice):
        receive_one(payee, token, payment, witness_hash(harness, witness_of(people)), signature, people.stranger)
