"""An order is given up, and a reorganisation deeper than the confirmations brings its payment after all."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain import calls
from gateway.chain.hexes import to_hex
from gateway.commands import audit_logs, audit_rooms
from gateway.commands.audit_books import Books
from gateway.identity.wallets.orders import LOOK_EVERY
from gateway.loyalty.offers.models import Code, CodeState
from gateway.loyalty.redemptions import sealing
from gateway.loyalty.redemptions.models import RedemptionState
from tests.gateway.redemptions.market import address_of
from tests.gateway.redemptions.test_settlement import as_data, open_orders, row
from tests.gateway.redemptions.world import SealKey, World


def look(world: World) -> None:
    """Orders are looked up."""
    for _ in range(2):
        world.clock.offset += LOOK_EVERY + 1
        world.settle()


def give_up(world: World, name: str, number: int) -> None:
    """The holder voids the order, at depth."""
    world.market.send(name, world.deployment.token, calls.cancel_wallet())
    look(world)
    assert (row(world, number).state, row(world, number).box) == (RedemptionState.DEAD, None)


def pay(world: World, offer: dict[str, Any], number: int = 1) -> None:
    """The order's transaction lands: it was on its way."""
    order = row(world, number)
    data = calls.redeem_batch(address_of("corner"), [as_data(order, offer["hash"], order.commitment)])
    world.market.send("corner", world.deployment.hub, data)


def dead_then_paid(
    world: World, offer: dict[str, Any], other: str = "", dead: bool = False, seal: SealKey | None = None
) -> None:
    """Ann's order is given up; `other` orders in her place, and may be given up, too; then the chain goes back before
    all that, and ann's has landed."""
    order = world.order(offer, seal_key=to_hex((seal or SealKey.fresh()).public))
    assert world.call("POST", "/redemptions", order).status_code == 202
    before = world.node.snapshot()
    give_up(world, "ann", 1)
    if other:
        assert world.redeem(offer, other).status_code == 202
    if dead:
        give_up(world, other, 2)
    world.node.revert(before)
    pay(world, offer)
    world.node.mine(40)
    world.catch_up()


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
    assert mine.box is not None
    salt, code = sealing.unseal(seal.secret, mine.box)
    assert sealing.commitment(salt, code) == mine.commitment
    assert world.call("POST", "/codes/use", {"code": code.decode()}, "corner").status_code == 200
    world.settle()
    assert world.seen.count(("redemption.delivered", 1)) == 1
    assert differences(world) == set()


@pytest.mark.parametrize("source", ["pool", "signed"])
def test_what_was_paid_after_all_is_for_a_human_when_another_has_its_code(world: World, source: str) -> None:
    offer = an_offer(world, source)
    dead_then_paid(world, offer, "bob")
    assert (row(world).state, row(world).box) == (RedemptionState.FLAGGED, None)
    look(world)
    assert (row(world).state, row(world, 2).state) == (RedemptionState.FLAGGED, RedemptionState.DELIVERED)
    assert row(world).code_id == row(world, 2).code_id
    assert differences(world) == {("redemption-flagged", "redemption 1")}


def test_a_signed_code_that_was_made_anew_is_not_what_was_sold(world: World) -> None:
    """The code is free, and has another text than the one that ann's order is committed to."""
    dead_then_paid(world, an_offer(world, "signed"), "bob", dead=True)
    with world.db.read() as session:
        assert session.scalar(sa.select(Code.state)) == CodeState.FREE
    assert row(world).state == RedemptionState.FLAGGED
    assert differences(world) == {("redemption-flagged", "redemption 1")}


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
