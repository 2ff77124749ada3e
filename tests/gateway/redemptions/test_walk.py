"""The redeem walk on a real chain, from the wallet and from an account."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway.chain.hexes import keccak256, to_hex
from gateway.loyalty.redemptions.sealing import unseal
from tests.gateway.redemptions.market import CLOSED, IN_CLOSED, IN_WALLET, address_of
from tests.gateway.redemptions.world import SealKey, World


@pytest.mark.parametrize("campaign", [None, CLOSED])
def test_points_are_paid_and_the_code_is_delivered(world: World, campaign: int | None) -> None:
    offer = world.offer(codes=3, campaign=campaign, low_stock=0)
    seal = SealKey.fresh()
    answer = world.redeem(offer, seal_key=to_hex(seal.public))
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert (accepted["state"], accepted["box"]) == ("accepted", None)
    world.settle()
    delivered = world.call("GET", f"/redemptions/{accepted['id']}").json()
    assert delivered["state"] == "delivered"
    salt, code = unseal(seal.secret, bytes.fromhex(delivered["box"][2:]))
    assert to_hex(keccak256(salt + code)) == delivered["commitment"] == accepted["commitment"]
    assert code.decode().startswith(f"CODE-{offer['id']:02}-")
    assert world.reads.balance(address_of("corner")) == offer["price"]
    left = IN_CLOSED if campaign else IN_WALLET
    with world.db.read() as session:
        held = world.ledger.holding(session, address_of("ann"), campaign or 0, world.clock.now())
    assert held.matured == left - offer["price"]
    assert world.seen == [("redemption.delivered", accepted["id"])]
    used = world.call("POST", "/codes/use", {"code": code.decode()}, "corner")
    assert used.json()["state"] == "used"


def test_an_order_takes_few_statements(world: World) -> None:
    """They are most of what an order costs the gateway: docs/performance.md."""
    offer = world.offer(codes=2)
    assert world.redeem(offer).status_code == 202  # the chain's yes is believed from now on
    statements: list[str] = []
    sa.event.listen(world.db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert world.redeem(offer, "bob").status_code == 202
    assert len([each for each in statements if not each.startswith("BEGIN")]) <= 16, "\n".join(statements)
