"""The points must reach the merchant whose code it is: everything else about a payment can be copied by its payer."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.chain import calls, signatures
from gateway.chain.calls import OrderData
from gateway.chain.hexes import checksum, from_hex
from gateway.loyalty.offers.models import Code, CodeState
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from tests.gateway.redemptions.market import address_of
from tests.gateway.redemptions.world import World


def test_a_holder_who_pays_a_second_wallet_with_the_same_commitment_gets_no_code(world: World) -> None:
    offer = world.offer(codes=1)
    answer = world.redeem(offer)
    assert answer.status_code == 202
    # Same holder, price, nonce, offer and commitment; the payee is a wallet of the holder's own.
    signed = world.order({**offer, "merchant": checksum(address_of("stranger"))})
    r, vs = signatures.compact(from_hex(signed["signature"]))
    copied = OrderData(
        holder=address_of("ann"),
        amount=signed["amount"],
        offer=from_hex(offer["hash"]),
        seal_key=from_hex(signed["seal_key"]),
        nonce=signed["nonce"],
        deadline=signed["deadline"],
        commitment=from_hex(answer.json()["commitment"]),
        r=r,
        vs=vs,
    )
    hub = world.deployment.hub
    world.market.send("stranger", hub, calls.redeem_batch(address_of("stranger"), [copied]))
    assert world.reads.balance(address_of("stranger")) == signed["amount"]
    world.settle()
    world.clock.offset += 60
    world.settle()
    with world.db.read() as session:
        assert list(session.scalars(sa.select(Redemption.state))) == [RedemptionState.DEAD]
        assert list(session.scalars(sa.select(Code.state))) == [CodeState.FREE]
