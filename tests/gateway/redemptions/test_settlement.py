"""Deaths, reorganisations and second thoughts of orders, on a real chain."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.chain import calls, signatures
from gateway.chain.calls import OrderData
from gateway.chain.hexes import to_hex
from gateway.chain.relayer.models import ChainTx
from gateway.identity.wallets.models import OpenOrder
from gateway.loyalty.offers.models import Code, CodeState
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from tests.gateway.redemptions.market import CLOSED, DAY, address_of, key_of
from tests.gateway.redemptions.world import SealKey, World, refused


def row(world: World, number: int = 1) -> Redemption:
    with world.db.read() as session:
        return session.get_one(Redemption, number)


def code_states(world: World) -> list[CodeState]:
    with world.db.read() as session:
        return list(session.scalars(sa.select(Code.state).order_by(Code.state)))


def open_orders(world: World) -> int:
    with world.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(OpenOrder)) or 0


def as_data(order: Redemption, offer_hash: str, commitment: bytes) -> OrderData:
    r, vs = signatures.compact(order.signature)
    return OrderData(
        order.holder,
        order.amount,
        bytes.fromhex(offer_hash[2:]),
        order.seal_key,
        order.nonce,
        order.deadline,
        commitment,
        r,
        vs,
    )


def test_a_queue_of_orders_lands_in_one_transaction_a_source(world: World) -> None:
    wallet, account = world.offer(codes=5), world.offer(codes=5, campaign=CLOSED)
    for nonce in range(3):
        assert world.redeem(wallet, nonce=nonce).status_code == 202
        assert world.redeem(account, "bob", nonce=nonce).status_code == 202
    world.settle()
    with world.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChainTx)) == 2
        assert set(session.scalars(sa.select(Redemption.state))) == {RedemptionState.DELIVERED}
    assert world.reads.balance(address_of("corner")) == 6 * 2_500
    assert open_orders(world) == 0


def test_an_order_somebody_else_executed_dies_and_its_code_is_free_again(world: World) -> None:
    offer = world.offer(codes=1)
    assert world.redeem(offer).status_code == 202
    mine = row(world)
    foreign = as_data(mine, offer["hash"], commitment=b"\x07" * 32)
    hub = world.deployment.hub
    world.market.send("corner", hub, calls.redeem_batch(address_of("corner"), [foreign]))
    world.settle()
    assert row(world).state == RedemptionState.ACCEPTED  # not yet looked at
    world.clock.offset += 60
    world.settle()
    dead = row(world)
    assert (dead.state, dead.box) == (RedemptionState.DEAD, None)
    assert code_states(world) == [CodeState.FREE]
    assert open_orders(world) == 0
    assert world.call("GET", "/redemptions/1").json()["state"] == "dead"
    # The code goes to the next order, under another salt.
    seal = SealKey.fresh()
    answer = world.redeem(offer, seal_key=to_hex(seal.public))
    assert answer.status_code == 202
    assert row(world, 2).commitment != mine.commitment
    world.settle()
    assert row(world, 2).state == RedemptionState.DELIVERED


def test_a_merchant_that_copies_the_commitment_into_another_order_gets_no_code_out(world: World) -> None:
    offer = world.offer(codes=1)
    assert world.redeem(offer).status_code == 202
    mine = row(world)
    cheap = world.order(offer, amount=1)  # signed by the holder for the same nonce, but for another price
    theirs = as_data(mine, offer["hash"], mine.commitment)
    r, vs = signatures.compact(bytes.fromhex(cheap["signature"][2:]))
    theirs = OrderData(
        theirs.holder,
        1,
        theirs.offer,
        bytes.fromhex(cheap["seal_key"][2:]),
        theirs.nonce,
        cheap["deadline"],
        theirs.commitment,
        r,
        vs,
    )
    world.market.send("corner", world.deployment.hub, calls.redeem_batch(address_of("corner"), [theirs]))
    world.settle()
    world.clock.offset += 60
    world.settle()
    assert row(world).state == RedemptionState.DEAD


def test_the_merchant_itself_may_execute_our_order(world: World) -> None:
    offer = world.offer(codes=1)
    assert world.redeem(offer).status_code == 202
    mine = row(world)
    data = calls.redeem_batch(address_of("corner"), [as_data(mine, offer["hash"], mine.commitment)])
    world.market.send("corner", world.deployment.hub, data)
    world.settle()
    assert row(world).state == RedemptionState.DELIVERED
    assert world.reads.balance(address_of("corner")) == 2_500


def test_an_order_without_points_is_not_sent_and_dies_at_its_deadline(world: World) -> None:
    offer = world.offer(codes=2)
    assert world.redeem(offer, deadline=world.clock.now() + 600).status_code == 202
    assert world.redeem(offer, "bob").status_code == 202
    balance = world.reads.balance(address_of("ann"))
    world.market.send("ann", world.deployment.token, calls.transfer(address_of("stranger"), balance))
    world.settle()
    # Bob's order in the same batch is not held up, and ann's costs no gas.
    assert row(world, 2).state == RedemptionState.DELIVERED
    assert (row(world).state, row(world).tx_id) == (RedemptionState.ACCEPTED, None)
    world.clock.offset += 700
    world.settle()
    assert row(world).state == RedemptionState.ACCEPTED  # our clock alone kills nothing
    world.node.pass_time(700)
    world.settle()
    assert row(world).state == RedemptionState.DEAD
    assert code_states(world) == [CodeState.FREE, CodeState.DELIVERED]


def test_a_skipped_order_is_tried_again_when_the_points_are_back(world: World) -> None:
    offer = world.offer(codes=1)
    assert world.redeem(offer).status_code == 202
    balance, token = world.reads.balance(address_of("ann")), world.deployment.token
    world.market.send("ann", token, calls.transfer(address_of("stranger"), balance))
    world.settle()
    assert row(world).state == RedemptionState.ACCEPTED
    world.market.send("stranger", token, calls.transfer(address_of("ann"), balance))
    world.clock.offset += 10
    world.settle()
    assert row(world).state == RedemptionState.DELIVERED


def test_a_transaction_the_chain_refuses_is_taken_apart_and_sent_again(world: World) -> None:
    offer = world.offer(codes=2)
    for name in ("ann", "bob"):
        assert world.redeem(offer, name).status_code == 202
    hub = world.deployment.hub
    assert world.submission.submit_due() == 2  # the relayer has it, but has not sent it
    world.market.send("corner", hub, calls.set_delegate(address_of("relayer"), False))
    for _ in range(8):
        world.clock.offset += 10
        world.settle()
    assert {row(world, n).state for n in (1, 2)} == {RedemptionState.ACCEPTED}
    assert row(world).attempts > 0
    world.market.send("corner", hub, calls.set_delegate(address_of("relayer"), True))
    for _ in range(3):
        world.clock.offset += 600
        world.settle()
    assert {row(world, n).state for n in (1, 2)} == {RedemptionState.DELIVERED}
    assert row(world, 1).tx_id != row(world, 2).tx_id  # each alone
    assert world.reads.balance(address_of("corner")) == 2 * 2_500


def test_a_deep_reorganisation_flags_what_was_delivered_and_has_it_paid_again(world: World) -> None:
    offer, seal = world.offer(codes=2), SealKey.fresh()
    before = world.node.snapshot()
    assert world.redeem(offer, seal_key=to_hex(seal.public)).status_code == 202
    world.settle()
    paid = row(world)
    assert paid.state == RedemptionState.DELIVERED
    world.node.revert(before)
    world.node.mine(30)
    world.catch_up()
    flagged = row(world)
    assert (flagged.state, flagged.commitment) == (RedemptionState.FLAGGED, paid.commitment)
    assert world.call("GET", "/redemptions/1").json()["box"] is None
    assert open_orders(world) == 1
    refused(world.redeem(offer, nonce=0), 409, "stale-nonce", "nonce")
    for _ in range(3):
        world.clock.offset += 60
        world.settle()
    assert row(world).state == RedemptionState.DELIVERED
    assert world.reads.balance(address_of("corner")) == 2_500
    assert world.seen.count(("redemption.delivered", 1)) == 1
    assert open_orders(world) == 0


def test_a_payment_whose_nonce_was_promised_anew_is_not_sent_for_ever(world: World) -> None:
    """A deep reorganisation frees the nonce of a delivered code; before that is noticed, another order uses it."""
    before = world.node.snapshot()
    assert world.redeem(world.offer(codes=1)).status_code == 202
    world.settle()
    world.node.revert(before)
    bob, other = address_of("bob"), world.move_body("send", recipient=address_of("bob"), amount=500)
    assert world.call("POST", "/moves", other).status_code == 202
    end = (other["nonce"], other["deadline"], bytes.fromhex(other["signature"][2:]))
    world.market.send("bob", world.deployment.token, calls.transfer_by_sig(address_of("ann"), bob, 500, *end))
    world.node.mine(30)
    world.catch_up()
    for _ in range(4):
        world.clock.offset += 70
        world.settle()
        world.settlement.sweep_dead()
    assert (row(world).state, row(world).retry_at) == (RedemptionState.FLAGGED, None)
    assert open_orders(world) == 0


def test_the_holder_confirms_and_the_box_is_gone(world: World) -> None:
    offer = world.offer(codes=1)
    number = world.redeem(offer).json()["id"]

    def confirm(name: str = "ann", text: str = f"confirm redemption {number}") -> dict[str, str]:
        return {"signature": to_hex(signatures.sign(key_of(name), signatures.personal(text.encode())))}

    path = f"/redemptions/{number}/confirm"
    refused(world.call("POST", path, confirm()), 409, "not-delivered", "id")
    world.settle()
    refused(world.call("POST", path, confirm("bob")), 422, "bad-signature", "signature")
    refused(world.call("POST", path, confirm(text="confirm redemption 2")), 422, "bad-signature", "signature")
    refused(world.call("POST", "/redemptions/77/confirm", confirm()), 404, "not-found", "redemption")
    for _ in range(2):
        answer = world.call("POST", path, confirm())
        assert (answer.status_code, answer.json()["state"], answer.json()["box"]) == (200, "confirmed", None)
    assert row(world).box is None


def test_a_box_is_wiped_when_its_code_has_expired(world: World) -> None:
    offer = world.offer(codes=1, code_valid=3_600)
    assert world.redeem(offer).status_code == 202
    world.settle()
    assert row(world).box is not None
    world.clock.offset += 2 * DAY
    assert world.settlement.wipe_due() == 1
    assert row(world).box is None
    assert world.settlement.wipe_due() == 0


def reorganised(world: World, **offer: int) -> None:
    """A code delivered to ann, whose payment a deep reorganisation took back and nobody sends again."""
    before = world.node.snapshot()
    assert world.redeem(world.offer(codes=1, **offer)).status_code == 202
    world.settle()
    world.node.revert(before)
    world.node.mine(30)
    world.catch_up()
    assert row(world).state == RedemptionState.FLAGGED
    assert row(world).box is not None


def test_a_flagged_box_is_wiped_like_any_other_when_its_code_has_expired(world: World) -> None:
    reorganised(world, code_valid=3_600)
    assert world.settlement.wipe_due() == 0
    world.clock.offset += 2 * DAY
    assert world.settlement.wipe_due() == 1
    assert row(world).box is None
    for _ in range(3):  # paid once more: nobody has confirmed anything
        world.clock.offset += 60
        world.settle()
    assert row(world).state == RedemptionState.DELIVERED


def test_the_holder_confirms_a_flagged_box_and_it_is_gone_but_still_flagged(world: World) -> None:
    reorganised(world)
    text = signatures.personal(b"confirm redemption 1")
    for _ in range(2):
        answer = world.call(
            "POST", "/redemptions/1/confirm", {"signature": to_hex(signatures.sign(key_of("ann"), text))}
        )
        assert (answer.status_code, answer.json()["state"]) == (200, "flagged")
        assert row(world).box is None
    for _ in range(3):
        world.clock.offset += 60
        world.settle()
    assert row(world).state == RedemptionState.CONFIRMED
