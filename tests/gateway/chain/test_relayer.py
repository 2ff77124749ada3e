"""The pipeline on a healthy chain: order, limits, refusals, gas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls, local
from gateway.chain.calls import OrderData
from gateway.chain.errors import RateLimited
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.relayer.decisions import GWEI
from gateway.chain.relayer.models import ChainTx, KeyState, Purpose, SignedTx, TxState
from gateway.chain.relayer.signing import Signer
from gateway.chain.relayer.store import Store
from gateway.chain.signatures import compact
from tests.gateway.chain.pipeline import Pipeline
from tests.gateway.chain.world import DAY, LATER, holder, wallet
from tests.support.anvil import CHAIN_ID
from tests.support.races import on_postgresql, overlap

NOTHING = calls.withdraw_change(999)  # refused: no such campaign


def test_awards_land_once_and_are_reported_at_depth(pipeline: Pipeline) -> None:
    ids = pipeline.award(3)
    pipeline.relayer.step()
    assert pipeline.states() == [TxState.SIGNED] * 3
    pipeline.mine()
    pipeline.relayer.step()
    assert pipeline.states() == [TxState.SIGNED] * 3  # mined, but not deep enough
    assert not pipeline.told()
    pipeline.mine()
    pipeline.relayer.step()
    assert pipeline.states() == [TxState.DONE] * 3
    assert pipeline.told() == {("tx.done", tx_id): 1 for tx_id in ids}
    pipeline.check_landed()
    row = pipeline.row(ids[0])
    assert row.block_hash == pipeline.world.reads.head(row.block or 0).hash


def test_everything_is_saved_before_anything_is_sent(pipeline: Pipeline) -> None:
    pipeline.award(2)
    checked = []

    def look(method: str, params: Sequence[Any]) -> None:
        if method == "eth_sendRawTransaction":
            with pipeline.db.read() as session:  # another connection: it sees what is committed
                saved = session.scalars(sa.select(SignedTx.raw)).all()
                rows = session.scalars(sa.select(ChainTx)).all()
            assert from_hex(params[0]) in saved
            assert all(row.state is TxState.SIGNED and row.gas and row.nonce is not None for row in rows)
            checked.append(params[0])

    pipeline.rpc.before = look
    pipeline.relayer.step()
    assert len(checked) == 2


def test_sixteen_in_flight_awards_first_and_a_quarter_for_others(pipeline: Pipeline) -> None:
    release = calls.release(pipeline.campaign, [wallet()])
    others = [pipeline.enqueue(Purpose.RELEASE, release) for _ in range(6)]
    ids = pipeline.award(20)
    pipeline.relayer.step()
    pipeline.relayer.step()
    signed = [row.id for row in pipeline.rows() if row.state is TxState.SIGNED]
    assert sorted(signed) == sorted(ids[:12] + others[:4])
    assert [pipeline.row(id).nonce for id in ids[:12]] == list(range(12))
    pipeline.mine()
    pipeline.relayer.step()
    assert [row.id for row in pipeline.rows() if row.state is TxState.QUEUED] == []
    assert [pipeline.row(id).nonce for id in ids[12:] + others[4:]] == list(range(16, 26))
    pipeline.run()
    pipeline.check_landed()


def test_what_cannot_succeed_is_refused_and_nothing_is_sent(pipeline: Pipeline) -> None:
    refused = pipeline.enqueue(Purpose.MOVE, NOTHING)
    over = pipeline.award(points=10**10)[0]
    pipeline.run()
    assert pipeline.states() == [TxState.REFUSED] * 2
    assert pipeline.told() == {("tx.refused", refused): 1, ("tx.refused", over): 1}
    assert not pipeline.rpc.sent()
    assert pipeline.row(refused).nonce is None


def test_one_refusal_does_not_hold_the_others_up(pipeline: Pipeline) -> None:
    pipeline.enqueue(Purpose.MOVE, NOTHING)
    ids = pipeline.award(2)
    pipeline.run()
    assert pipeline.states() == [TxState.REFUSED, TxState.DONE, TxState.DONE]
    assert [pipeline.row(tx_id).nonce for tx_id in ids] == [0, 1]


def test_an_order_may_depend_on_one_that_is_under_way(pipeline: Pipeline) -> None:
    """Leaving with points that an earlier order, not yet mined, brings."""
    world, ann, hub = pipeline.world, holder(), pipeline.world.deployment.domains
    with_points = calls.award_batch(pipeline.campaign, 77, [(ann.address, 500)])
    pipeline.enqueue(Purpose.AWARD, with_points)
    sig = ann.sign(hub.enter(ann.address, pipeline.campaign, 500, 500, 0, LATER))
    pipeline.enqueue(Purpose.MOVE, calls.enter_by_sig(pipeline.campaign, ann.address, 500, 500, 0, LATER, sig))
    sig = ann.sign(hub.leave(ann.address, pipeline.campaign, 200, 0, LATER))
    pipeline.enqueue(Purpose.MOVE, calls.leave_by_sig(pipeline.campaign, ann.address, 200, 0, LATER, sig))
    for _ in range(4):
        pipeline.relayer.step()
        pipeline.later(2)
    assert pipeline.states() == [TxState.SIGNED] * 3  # nothing is mined yet, but the pool has them in order
    pipeline.mine()
    pipeline.run()
    assert pipeline.states() == [TxState.DONE] * 3
    assert world.balance_of(ann.address) == 200
    assert world.reads.account(pipeline.campaign, ann.address).matured == 300


def test_a_node_that_is_busy_is_no_refusal(pipeline: Pipeline) -> None:
    def busy(method: str, params: Sequence[Any]) -> None:
        if method in ("eth_call", "eth_estimateGas"):
            raise RateLimited

    pipeline.rpc.before = busy
    pipeline.award(2)
    for _ in range(30):
        pipeline.relayer.step()
        pipeline.later(10)
    assert pipeline.states() == [TxState.QUEUED] * 2
    pipeline.rpc.before = lambda method, params: None
    pipeline.run()
    pipeline.check_landed()


def test_a_failure_on_chain_is_reported_and_costs_no_nonce(pipeline: Pipeline) -> None:
    """Two batches with one number, both fine when looked at alone: the second one fails when it is mined."""
    person = wallet()
    data = calls.award_batch(pipeline.campaign, 5, [(person, 100)])
    ids = [pipeline.enqueue(Purpose.AWARD, data) for _ in range(2)]
    pipeline.award()
    pipeline.run()
    assert pipeline.states() == [TxState.DONE, TxState.REVERTED, TxState.DONE]
    assert pipeline.told()[("tx.reverted", ids[1])] == 1
    assert pipeline.world.balance_of(person) == 100


def test_a_key_without_gas_waits_and_heals(pipeline: Pipeline) -> None:
    world = pipeline.world

    def flagged() -> bool:
        with pipeline.db.read() as session:
            return session.get_one(KeyState, world.relayer).out_of_gas

    local.fund_gas(world.rpc, world.relayer, 10**9)
    pipeline.award(2)
    for _ in range(20):
        pipeline.relayer.step()
        pipeline.mine()
        pipeline.later()
    assert flagged()
    assert pipeline.states() == [TxState.QUEUED] * 2  # neither refused nor forgotten
    assert not pipeline.rpc.sent()
    local.fund_gas(world.rpc, world.relayer, 10**20)
    pipeline.run()
    assert not flagged()
    pipeline.check_landed()


def test_gas_that_ends_after_signing_is_flagged_too(pipeline: Pipeline) -> None:
    world = pipeline.world
    pipeline.award(2)
    pipeline.rpc.before = lambda method, params: (
        local.fund_gas(world.rpc, world.relayer, 1) if method == "eth_sendRawTransaction" else None
    )
    pipeline.relayer.step()
    pipeline.rpc.before = lambda method, params: None
    with pipeline.db.read() as session:
        assert session.get_one(KeyState, world.relayer).out_of_gas
    local.fund_gas(world.rpc, world.relayer, 10**20)
    pipeline.later()
    pipeline.run()
    pipeline.check_landed()
    with pipeline.db.read() as session:
        assert not session.get_one(KeyState, world.relayer).out_of_gas


def test_nothing_is_signed_while_gas_costs_more_than_the_limit(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, fee_limit=3 * GWEI)
    pipeline.restart()
    pipeline.world.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(4 * GWEI))
    pipeline.mine()
    pipeline.award()
    pipeline.relayer.step()
    assert pipeline.states() == [TxState.QUEUED]
    pipeline.world.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    pipeline.mine()
    pipeline.run()
    pipeline.check_landed()


def gas_used(pipeline: Pipeline, tx_id: int) -> tuple[int, int]:
    """(gas limit, gas used)."""
    (form,) = (form for form in pipeline.forms() if form.tx_id == tx_id)
    receipt = pipeline.world.rpc.call("eth_getTransactionReceipt", to_hex(form.hash))
    return pipeline.row(tx_id).gas or 0, int(receipt["gasUsed"], 16)


def test_bounds_of_batches_hold_for_the_dearest_ones(pipeline: Pipeline) -> None:
    """500 new holders in a campaign with hold; clawing all back; a first redemption of 50; the first release of 50; 200
    first badges."""
    world = pipeline.world
    world.node.rpc("evm_setAutomine", True)
    held = world.campaign(hold=DAY)
    world.node.rpc("evm_setAutomine", False)
    people = [holder() for _ in range(50)]
    everybody = [(person.address, 700) for person in people] + [(wallet(), 700) for _ in range(450)]
    ids = [pipeline.enqueue(Purpose.AWARD, calls.award_batch(held, 1, everybody))]
    ids.append(pipeline.enqueue(Purpose.AWARD, calls.award_batch(pipeline.campaign, 1, everybody)))
    pipeline.run()
    ids.append(pipeline.enqueue(Purpose.CLAWBACK, calls.clawback_batch(held, 2, everybody[50:])))
    orders = []
    for person in people:
        offer, key = b"\x01" * 32, b"\x02" * 32
        merchant = world.owner.address
        digest = world.deployment.domains.redemption(person.address, merchant, 700, offer, key, 0, LATER)
        r, vs = compact(person.sign(digest))
        orders.append(OrderData(person.address, 700, offer, key, 0, LATER, b"\x03" * 32, r, vs))
    ids.append(pipeline.enqueue(Purpose.REDEEM, calls.redeem_batch(world.owner.address, orders[:1])))
    ids.append(pipeline.enqueue(Purpose.REDEEM, calls.redeem_batch(world.owner.address, orders[1:])))
    pipeline.run()
    world.node.pass_time(3 * DAY)
    holders = [person.address for person in people]
    ids.append(pipeline.enqueue(Purpose.RELEASE, calls.release(held, holders)))
    wishes = []
    for person in [*people, *(holder() for _ in range(150))]:
        r, vs = compact(person.sign(world.deployment.domains.badge(person.address, held, 2**32 - 1, LATER)))
        wishes.append(calls.WishData(person.address, LATER, r, vs))
    ids.append(pipeline.enqueue(Purpose.BADGE, calls.award_badges(held, 2**32 - 1, wishes)))
    pipeline.run()
    assert pipeline.states() == [TxState.DONE] * 7
    assert world.balance_of(world.owner.address) == 50 * 700
    assert [world.balance_of(person) for person in holders] == [700] * 50
    for tx_id in ids:
        limit, used = gas_used(pipeline, tx_id)
        assert used * 21 // 20 < limit <= 2**24, (tx_id, used, limit)


@on_postgresql
def test_what_a_reorganisation_gives_back_is_given_back_once(pipeline: Pipeline) -> None:
    pipeline.award()
    pipeline.run()
    address = pipeline.world.relayer
    store = Store(pipeline.db, pipeline.clock, pipeline.jobs, Signer(pipeline.world.relayer_key, CHAIN_ID))
    with pipeline.db.read() as session:
        assert session.get_one(KeyState, address).spent > 0

    def reopen(session: Session) -> None:
        session.get_one(KeyState, address, with_for_update=True).spent = 0
        session.execute(sa.update(ChainTx).values(state=TxState.SIGNED, block=None, block_hash=None, fee=None))

    overlap(pipeline.db, reopen, lambda: store.reopen(from_nonce=0))
    with pipeline.db.read() as session:
        assert session.get_one(KeyState, address).spent == 0
