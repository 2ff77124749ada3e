"""An order is given up, and a reorganisation deeper than the confirmations brings its payment after all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.hexes import to_hex
from gateway.commands import audit_logs, audit_rooms
from gateway.commands.audit_books import Books
from gateway.core.limits import MAX_SUM
from gateway.loyalty.offers.models import Code, Offer
from gateway.loyalty.redemptions import sealing
from gateway.loyalty.redemptions.models import RedemptionState
from tests.gateway.redemptions.market import address_of
from tests.gateway.redemptions.test_settlement import as_data, open_orders, row
from tests.gateway.redemptions.world import SealKey, World, look
from tests.support.races import on_postgresql, overlap


def give_up(world: World, name: str, number: int) -> None:
    """The holder voids the order, at depth."""
    world.market.send(name, world.deployment.token, calls.cancel_wallet())
    look(world)
    assert (row(world, number).state, row(world, number).box) == (RedemptionState.DEAD, None)


def ordered_in_vain(world: World, offer: dict[str, Any], **order: Any) -> str:
    """Ann's order is given up; the chain as it was before that."""
    assert world.redeem(offer, **order).status_code == 202
    before = world.node.snapshot()
    give_up(world, "ann", 1)
    return before


def pay(world: World, offer: dict[str, Any], number: int = 1) -> None:
    """The order's transaction lands: it was on its way."""
    order = row(world, number)
    data = calls.redeem_batch(address_of("corner"), [as_data(order, offer["hash"], order.commitment)])
    world.market.send("corner", world.deployment.hub, data)


def land_instead(world: World, before: str, offer: dict[str, Any]) -> None:
    """The chain goes back to `before`, and the first order has landed; the sweep has seen it."""
    world.node.revert(before)
    pay(world, offer)
    world.node.mine(40)
    world.catch_up()
    world.settlement.sweep_dead()


def dead_then_paid(
    world: World, offer: dict[str, Any], other: str = "", dead: bool = False, seal: SealKey | None = None
) -> None:
    """Ann's order is given up; `other` orders in her place, and may be given up, too; then the chain goes back before
    all that, and ann's has landed."""
    before = ordered_in_vain(world, offer, seal_key=to_hex((seal or SealKey.fresh()).public))
    if other:
        assert world.redeem(offer, other).status_code == 202
    if dead:
        give_up(world, other, 2)
    land_instead(world, before, offer)


def opened(world: World, seal: SealKey) -> str:
    """The code in the box of ann's order: the one that she was promised."""
    mine = row(world)
    assert mine.box is not None
    salt, code = sealing.unseal(seal.secret, mine.box)
    assert sealing.commitment(salt, code) == mine.commitment
    return code.decode()


def differences(world: World) -> set[tuple[str, str]]:
    """What the audit finds in redemptions, codes and stock."""
    books = Books(world.deployment.hub)
    books.feed(audit_logs.fetch(world.rpc, world.deployment, world.reads.head()).decoded)
    with world.db.read() as session:
        return {(found.code, found.where) for found in audit_rooms.redemptions(session, books)}


@pytest.mark.parametrize("source", ["pool", "generated", "signed"])
def test_what_was_paid_after_all_gets_its_code_while_nobody_else_has_it(world: World, source: str) -> None:
    seal = SealKey.fresh()
    offer = an_offer(world, source)
    dead_then_paid(world, offer, seal=seal)
    mine = row(world)
    assert (mine.state, open_orders(world)) == (RedemptionState.DELIVERED, 0)
    assert world.call("POST", "/codes/use", {"code": opened(world, seal)}, "corner").status_code == 200
    world.settle()
    assert world.seen.count(("redemption.delivered", 1)) == 1
    assert differences(world) == set()


@pytest.mark.parametrize("source", ["pool", "generated"])
def test_what_was_paid_after_all_is_for_a_human_when_another_has_its_code(world: World, source: str) -> None:
    dead_then_paid(world, an_offer(world, source), "bob")
    assert (row(world).state, row(world).box) == (RedemptionState.FLAGGED, None)
    look(world)
    assert (row(world).state, row(world, 2).state) == (RedemptionState.FLAGGED, RedemptionState.DELIVERED)
    assert row(world).code_id == row(world, 2).code_id
    assert differences(world) == {("redemption-flagged", "redemption 1")}


@pytest.mark.parametrize("source", ["pool", "generated"])
def test_it_gets_its_code_when_the_order_that_has_it_is_given_up(world: World, source: str) -> None:
    """Bob's order is still open when ann's payment comes, and dies after."""
    seal = SealKey.fresh()
    dead_then_paid(world, an_offer(world, source), "bob", seal=seal)
    assert row(world).state == RedemptionState.FLAGGED
    give_up(world, "bob", 2)
    assert row(world).state == RedemptionState.DELIVERED
    opened(world, seal)
    look(world)
    assert world.seen.count(("redemption.delivered", 1)) == 1
    assert differences(world) == set()


@pytest.mark.parametrize("dead", [False, True])
def test_a_signed_code_is_made_again_when_its_row_has_another_text(world: World, dead: bool) -> None:
    """A signed code that was put back is made anew for the next order; the text that ann's order is committed to
    follows from her order."""
    seal = SealKey.fresh()
    dead_then_paid(world, an_offer(world, "signed"), "bob", dead=dead, seal=seal)
    look(world)
    mine = row(world)
    assert (mine.state, row(world, 2).state) == (
        RedemptionState.DELIVERED,
        RedemptionState.DEAD if dead else RedemptionState.DELIVERED,
    )
    assert world.call("POST", "/codes/use", {"code": opened(world, seal)}, "corner").status_code == 200
    assert differences(world) == set()


def test_the_merchant_is_told_when_a_late_payment_takes_the_last_code(world: World) -> None:
    offer = world.offer(codes=1, low_stock=0)
    before = ordered_in_vain(world, offer)
    assert world.upload(offer["id"], "code\nLATE-0001\nLATE-0002\n").status_code == 201
    told = world.seen.count(("codes.low", offer["id"]))
    for nonce in (0, 1):
        with world.db.begin() as session:
            session.get_one(Code, 1).draw = MAX_SUM
        assert world.redeem(offer, "bob", nonce=nonce).status_code == 202
    assert {row(world, number).code_id for number in (2, 3)} == {2, 3}
    land_instead(world, before, offer)
    world.settle()
    assert row(world).state == RedemptionState.DELIVERED
    assert world.seen.count(("codes.low", offer["id"])) == told + 1


def test_what_was_paid_is_delivered_beyond_the_stock(world: World) -> None:
    """The merchant has been paid for both."""
    offer = world.offer(codes=2, stock_limit=1)
    before = ordered_in_vain(world, offer)
    with world.db.begin() as session:
        session.get_one(Code, row(world).code_id).draw = MAX_SUM
    assert world.redeem(offer, "bob").status_code == 202
    assert row(world).code_id != row(world, 2).code_id
    land_instead(world, before, offer)
    look(world)
    assert {row(world, number).state for number in (1, 2)} == {RedemptionState.DELIVERED}
    assert differences(world) == set()
    assert world.redeem(offer, "bob").json()["code"] == "out-of-stock"


def test_after_a_restore_the_code_waits_until_all_that_was_sent_is_known(world: World) -> None:
    """It may have been sold to somebody whom the database forgot."""
    offer = world.offer(codes=1)
    world.whole = False
    dead_then_paid(world, offer)
    assert row(world).state == RedemptionState.FLAGGED
    world.whole = True
    look(world)
    assert row(world).state == RedemptionState.DELIVERED


def test_two_workers_and_a_buyer_want_the_code_at_once(world: World) -> None:
    offer = world.offer(codes=1)
    before = ordered_in_vain(world, offer)
    world.whole = False
    land_instead(world, before, offer)
    world.whole, order, start = True, world.order(offer, "bob"), threading.Barrier(3)

    def at_once(act: Callable[[], Any]) -> Any:
        start.wait()
        return act()

    with ThreadPoolExecutor(3) as pool:
        sweeps = [pool.submit(at_once, world.settlement.sweep_dead) for _ in range(2)]
        answer = pool.submit(at_once, lambda: world.call("POST", "/redemptions", order)).result()
        assert [sweep.result() for sweep in sweeps] == [0, 0]
    world.settlement.sweep_dead()
    is_bobs = answer.status_code == 202
    assert is_bobs or answer.json()["code"] == "out-of-stock"
    assert row(world).state == (RedemptionState.FLAGGED if is_bobs else RedemptionState.DELIVERED)
    look(world)
    assert world.seen.count(("redemption.delivered", 1)) == int(not is_bobs)
    assert differences(world) == ({("redemption-flagged", "redemption 1")} if is_bobs else set())


@on_postgresql
def test_the_sweep_waits_for_an_order_that_is_drawing_the_code(world: World) -> None:
    offer = world.offer(codes=1)
    world.whole = False
    dead_then_paid(world, offer)
    world.whole = True

    def draw(session: Session) -> None:
        assert world.codes.draw(session, world.codes.lock(session, offer["id"]), bytes(32)).id == row(world).code_id

    overlap(world.db, draw, world.settlement.sweep_dead)
    assert (row(world).state, row(world).box) == (RedemptionState.FLAGGED, None)


def test_an_offer_that_was_closed_serves_what_was_paid(world: World) -> None:
    offer = world.offer(codes=1)
    before = ordered_in_vain(world, offer)
    with world.db.begin() as session:
        session.get_one(Offer, offer["id"]).active = False
    land_instead(world, before, offer)
    assert row(world).state == RedemptionState.DELIVERED


def test_what_was_taken_back_and_given_up_is_sent_again_when_the_chain_goes_back_once_more(world: World) -> None:
    """Ann has her code; then her payment is gone, and what used its nonce is gone, too, after it was given up."""
    offer, before = world.offer(codes=1), world.node.snapshot()
    assert world.redeem(offer).status_code == 202
    world.settle()
    assert row(world).state == RedemptionState.DELIVERED
    world.node.revert(before)
    before = world.node.snapshot()
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    world.node.mine(40)
    world.catch_up()
    look(world)
    assert (row(world).state, row(world).retry_at) == (RedemptionState.FLAGGED, None)
    world.node.revert(before)
    world.node.mine(90)
    world.catch_up()
    for _ in range(3):
        look(world)
    assert (row(world).state, open_orders(world)) == (RedemptionState.DELIVERED, 0)
    assert world.reads.balance(address_of("corner")) == offer["price"]
    assert world.seen.count(("redemption.delivered", 1)) == 1


def test_a_payment_that_is_taken_back_once_more_is_dead_again(world: World) -> None:
    offer = an_offer(world, "pool")
    before = world.node.snapshot()
    dead_then_paid(world, offer, "bob")
    assert row(world).state == RedemptionState.FLAGGED
    world.node.revert(before)
    world.node.mine(90)
    world.catch_up()
    assert row(world).state == RedemptionState.DEAD


def an_offer(world: World, source: str) -> dict[str, Any]:
    if source == "pool":
        return world.offer(codes=1)
    if source == "generated":
        return world.generated(stock_limit=1)
    key = world.call("GET", "/code-keys/1").json()["key"]
    return world.offer(document=world.full(code_key=key), source="signed")
