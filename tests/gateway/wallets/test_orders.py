"""The list of open orders: what the sweep may believe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.errors import Malformed
from gateway.chain.indexer.models import IndexedBlock, Subscription
from gateway.chain.reads import Reads
from gateway.identity.wallets.models import OpenOrder, OrderKind
from gateway.identity.wallets.orders import LOOK_EVERY, Claim, Horizon
from tests.gateway.chain.world import FaultyRpc
from tests.gateway.redemptions.market import OPEN, address_of
from tests.gateway.redemptions.world import World, refused
from tests.support.races import on_postgresql, overlap


def add(world: World, nonce: int, campaign: int = 0, seconds: int = 3_600, amount: int = 100) -> Claim:
    claim = Claim(address_of("ann"), campaign, nonce, amount, world.clock.now() + seconds)
    with world.db.begin() as session:
        world.orders.add(session, OrderKind.MOVE, 100 * campaign + nonce + 1, claim)
    return claim


def sweep(world: World) -> list[int]:
    buried: list[int] = []

    def bury(_session: Session, ref: int) -> None:
        buried.append(ref)

    world.orders.sweep(OrderKind.MOVE, "moves", bury)
    return sorted(buried)


def test_the_next_nonce_is_the_first_free_one(world: World) -> None:
    for nonce in (0, 1, 3):
        add(world, nonce)
    add(world, 2, campaign=OPEN)
    ann, bob = address_of("ann"), address_of("bob")
    with world.db.read() as session:
        assert [world.orders.next_nonce(session, ann, 0, chain) for chain in (0, 1, 2, 3, 4)] == [2, 2, 2, 4, 4]
        assert world.orders.next_nonce(session, ann, OPEN, 2) == 3
        assert world.orders.next_nonce(session, bob, 0, 0) == 0
        assert world.orders.promised(session, ann, 0) == 300


def test_two_orders_never_share_a_nonce(world: World) -> None:
    add(world, 0)
    claim = Claim(address_of("ann"), 0, 0, 5, world.clock.now() + 99)
    with pytest.raises(IntegrityError), world.db.begin() as session:
        world.orders.add(session, OrderKind.REDEMPTION, 7, claim)


def test_a_nonce_that_passed_at_depth_is_dead_and_no_sooner(world: World) -> None:
    add(world, 0)
    add(world, 1)
    add(world, 0, campaign=OPEN)
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    world.clock.offset += LOOK_EVERY + 1
    assert sweep(world) == []  # not at depth
    world.catch_up()
    assert sweep(world) == []  # looked at a moment ago
    world.clock.offset += LOOK_EVERY + 1
    assert sorted(sweep(world)) == [1, 2]
    with world.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(OpenOrder)) == 1


def test_an_account_that_cannot_be_asked_for_keeps_no_other_order_alive(world: World) -> None:
    """A reorganisation took its campaign away: its order dies by its deadline."""
    add(world, 0, campaign=999, seconds=200)
    add(world, 0)
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    world.catch_up()
    world.clock.offset += LOOK_EVERY + 1
    assert sweep(world) == [1]
    world.node.pass_time(300)
    world.catch_up()
    assert sweep(world) == [99_901]


def test_an_order_that_a_node_cannot_be_asked_of_is_not_buried(world: World) -> None:
    add(world, 0, seconds=100)
    world.node.pass_time(200)
    world.catch_up()
    rpc = FaultyRpc(world.node.url)

    def refuses(method: str, _params: Sequence[Any]) -> None:
        if method == "eth_call":
            raise Malformed

    rpc.before, world.orders.reads = refuses, Reads(rpc, world.deployment)
    assert sweep(world) == []
    rpc.close()
    world.orders.reads = world.reads
    assert sweep(world) == [1]


def test_a_used_nonce_that_a_node_explains_nothing_of_keeps_no_other_order_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(world, 0)
    add(world, 1)
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    explain = world.orders.explain

    def poor(order: OpenOrder, horizon: Horizon) -> bool | None:
        if order.nonce == 0:
            raise Malformed
        return explain(order, horizon)

    monkeypatch.setattr(world.orders, "explain", poor)
    world.catch_up()
    world.clock.offset += LOOK_EVERY + 1
    assert sweep(world) == [2]
    with world.db.read() as session:
        assert [(o.nonce, o.unexplained) for o in session.scalars(sa.select(OpenOrder))] == [(0, True)]


def test_a_deadline_that_passed_on_the_chain_is_dead(world: World) -> None:
    add(world, 0, seconds=100)
    world.clock.offset += 200
    world.catch_up()
    assert sweep(world) == []  # by our clock only
    world.node.pass_time(200)
    world.catch_up()
    assert sweep(world) == [1]


def test_a_reader_that_lags_behind_buries_nothing(world: World) -> None:
    """The event of the very order may be among those not yet applied."""
    add(world, 0)
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    world.catch_up()
    world.clock.offset += LOOK_EVERY + 1
    with world.db.begin() as session:
        cursor = session.get_one(Subscription, "moves")
        cursor.last_event -= 1
    assert sweep(world) == []
    with world.db.begin() as session:
        session.get_one(Subscription, "moves").last_event += 1
    assert sweep(world) == [1]


def test_a_chain_that_took_another_turn_buries_nothing(world: World) -> None:
    """The nonce would be read from a history whose events nobody has applied."""
    add(world, 0)
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    world.catch_up()
    world.clock.offset += LOOK_EVERY + 1
    with world.db.begin() as session:
        newest = session.scalars(sa.select(IndexedBlock).order_by(IndexedBlock.number.desc())).first()
        assert newest is not None
        newest.hash = b"\x01" * 32
    assert sweep(world) == []


def test_orders_of_all_kinds_count_for_24_hours(world: World) -> None:
    world.orders.a_day = 3
    offer, to = world.generated(price=1_000), address_of("bob")
    for nonce, seconds in ((0, 0), (1, 1_000)):
        world.clock.offset += seconds
        assert world.move("send", recipient=to, amount=100, nonce=nonce).status_code == 202
    assert world.redeem(offer, nonce=2).status_code == 202
    refused(world.move("leave", source=OPEN, amount=100), 429, "orders-used-up", "holder")
    refused(world.redeem(offer, nonce=3), 429, "orders-used-up", "holder")
    assert world.redeem(offer, "bob").status_code == 202
    world.clock.offset += 86_400 - 1_000
    assert world.move("leave", source=OPEN, amount=100).status_code == 202
    answer = world.move("send", recipient=to, amount=100, nonce=3)  # the second is not a day old
    refused(answer, 429, "orders-used-up", "holder")
    assert 900 < int(answer.headers["Retry-After"]) <= 1_000


@on_postgresql
def test_a_nonce_that_is_promised_anew_at_that_moment_is_not_opened_again(world: World) -> None:
    claim = Claim(address_of("ann"), 0, 0, 100, world.clock.now() + 3_600)

    def again() -> None:
        with world.db.begin() as session:
            world.orders.reopen(session, OrderKind.MOVE, 2, claim)

    overlap(world.db, lambda session: world.orders.add(session, OrderKind.MOVE, 1, claim), again)
    with world.db.read() as session:
        assert session.scalars(sa.select(OpenOrder.ref)).all() == [1]
