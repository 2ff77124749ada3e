"""Several keys in one relayer: even work, what one key may not send another does, and nobody waits for a poor one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import structlog

from gateway.chain import calls, local
from gateway.chain.hexes import checksum
from gateway.chain.relayer import decisions
from gateway.chain.relayer.models import Purpose, TxState
from gateway.chain.relayer.store import View
from gateway.chain.signatures import address_of
from gateway.web.health import Finding
from tests.gateway.chain.pipeline import Pipeline, drive, nonces
from tests.gateway.chain.world import FaultyRpc, wallet
from tests.support.checks import checks

SECOND = b"\x42" * 32
CAP = 10**9


@pytest.fixture
def keys(pipeline: Pipeline) -> tuple[bytes, bytes]:
    """The pipeline with two keys, both with gas; only the first is an operator. Their addresses."""
    local.fund_gas(pipeline.world.rpc, address_of(SECOND), 10**21)
    pipeline.keys = [pipeline.world.relayer_key, SECOND]
    pipeline.restart()
    return pipeline.world.relayer, address_of(SECOND)


def let(pipeline: Pipeline, key: bytes, cap: int = CAP) -> None:
    """The owner lets `key` award so much a day."""
    node = pipeline.world.node
    node.rpc("evm_setAutomine", True)
    pipeline.world.hub(calls.set_operator(pipeline.campaign, key, cap))
    node.rpc("evm_setAutomine", False)


def sent_by(pipeline: Pipeline) -> Counter[bytes | None]:
    return Counter(row.sender for row in pipeline.rows() if row.state is not TxState.QUEUED)


def test_no_key_is_idle_while_something_waits(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    let(pipeline, keys[1])
    pipeline.award(3)
    pipeline.relayer.step()
    assert sorted(sent_by(pipeline).values()) == [1, 2]
    pipeline.award(50)
    pipeline.relayer.step()
    pipeline.relayer.step()
    assert sent_by(pipeline) == dict.fromkeys(keys, 16)
    pipeline.run()
    pipeline.check_landed()
    for key in keys:
        nonces = sorted(row.nonce or 0 for row in pipeline.rows() if row.sender == key)
        assert nonces == list(range(len(nonces)))


def test_what_is_queued_while_the_keys_are_looked_at_goes_to_the_idle_one(
    pipeline: Pipeline, keys: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    let(pipeline, keys[1])
    pipeline.award(1)
    pipeline.relayer.step()
    first = pipeline.relayer._lanes[0]
    assert first.address not in sent_by(pipeline)
    look = first.view

    def view() -> View:
        seen = look()
        pipeline.award(1)  # another worker's, a moment after
        return seen

    monkeypatch.setattr(first, "view", view)
    pipeline.relayer.step()
    assert sent_by(pipeline) == dict.fromkeys(keys, 1)


def test_what_one_key_may_not_send_the_other_does(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    ids = pipeline.award(20)
    pipeline.run()
    assert sent_by(pipeline) == {keys[0]: 20}
    assert {pipeline.row(id).attempts for id in ids} == {0}
    pipeline.check_landed()


def test_a_key_that_has_spent_its_day_leaves_the_rest_to_the_other(
    pipeline: Pipeline, keys: tuple[bytes, bytes]
) -> None:
    let(pipeline, keys[0], 500)
    let(pipeline, keys[1], 500)
    pipeline.award(10)  # a hundred points each
    pipeline.run()
    assert sent_by(pipeline) == dict.fromkeys(keys, 5)
    pipeline.check_landed()


def test_what_no_key_may_send_is_refused_after_its_looks(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    let(pipeline, keys[0], 0)
    (tx,) = pipeline.award(1)
    for look in range(1, decisions.MIN_LOOKS + 1):
        pipeline.relayer.step()
        assert pipeline.row(tx).attempts == look
        pipeline.later(8)
    assert pipeline.row(tx).state is TxState.REFUSED
    assert not pipeline.rpc.sent()


def test_a_merchant_may_have_delegated_to_any_of_them(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    world = pipeline.world
    world.node.rpc("evm_setAutomine", True)
    world.hub(calls.set_delegate(keys[0], False))
    world.hub(calls.set_delegate(keys[1], True))
    world.node.rpc("evm_setAutomine", False)
    pipeline.enqueue(Purpose.REDEEM, calls.redeem_batch(world.owner.address, []))
    pipeline.run()
    assert sent_by(pipeline) == {keys[1]: 1}


def test_a_poor_key_is_reported_and_the_rich_one_goes_on(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    world = pipeline.world
    let(pipeline, keys[1])
    base_fee = world.reads.head().base_fee
    nearly = decisions.FULL_BATCH * base_fee * (decisions.LOW - 1)
    check = checks(pipeline.db, pipeline.clock, rpc=world.rpc, reads=world.reads, senders=keys)
    assert check.gas().ok
    local.fund_gas(world.rpc, keys[0], nearly)
    low = check.gas()
    assert not low.ok
    assert low.value is not None
    assert 0 < low.value < decisions.LOW
    with structlog.testing.capture_logs() as logs:
        pipeline.award(1)
        pipeline.relayer.step()
        pipeline.relayer.step()
    assert keys_told(logs, "relayer.low_on_gas") == [checksum(keys[0])]
    local.fund_gas(world.rpc, keys[0], 0)
    with structlog.testing.capture_logs() as logs:
        pipeline.run()
        pipeline.award(10)
        pipeline.run()
    assert keys_told(logs, "relayer.out_of_gas") == [checksum(keys[0])]
    pipeline.check_landed()


def keys_told(logs: Sequence[Mapping[str, object]], event: str) -> list[object]:
    """Of which keys an event was told; a line that does not say so is no help to who has several."""
    return [entry.get("key") for entry in logs if entry["event"] == event]


def test_what_waits_for_a_poor_key_keeps_nothing_else_waiting(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    """More than a key may have in the air, all for the one that cannot pay, before what the other may send."""
    node, world = pipeline.world.node, pipeline.world
    node.rpc("evm_setAutomine", True)
    other, person = world.campaign(), wallet()
    world.hub(calls.set_operator(other, keys[1], CAP))
    node.rpc("evm_setAutomine", False)
    local.fund_gas(world.rpc, keys[0], 0)
    pipeline.award(20)
    pipeline.enqueue(Purpose.AWARD, calls.award_batch(other, 1, [(person, 100)]))
    for _ in range(4):
        pipeline.relayer.step()
        pipeline.mine()
        pipeline.later(1)
    assert world.balance_of(person) == 100
    local.fund_gas(world.rpc, keys[0], 10**20)
    pipeline.later(15)
    pipeline.run()
    pipeline.check_landed()


def test_several_workers_with_several_keys(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    let(pipeline, keys[1])
    pipeline.settings = replace(pipeline.settings, in_flight=4)
    pipeline.award(60)
    drive(pipeline, [pipeline.another(FaultyRpc(pipeline.world.node.url)) for _ in range(3)])
    pipeline.check_landed()
    assert set(sent_by(pipeline)) == set(keys)
    assert len(pipeline.told()) == 60
    assert set(pipeline.told().values()) == {1}


def test_holders_orders_do_not_wait_for_all_awards(pipeline: Pipeline, keys: tuple[bytes, bytes]) -> None:
    pipeline.settings = replace(pipeline.settings, in_flight=2)
    pipeline.restart()
    pipeline.award(30)
    order = pipeline.enqueue(Purpose.RELEASE, calls.release(pipeline.campaign, [wallet()]))
    pipeline.relayer.step()
    assert pipeline.row(order).state is TxState.SIGNED


def test_several_workers_with_one_key(pipeline: Pipeline) -> None:
    pipeline.award(40)
    drive(pipeline, [pipeline.another(FaultyRpc(pipeline.world.node.url)) for _ in range(3)])
    pipeline.check_landed()
    assert sorted(nonces(pipeline)) == list(range(40))
    assert len(pipeline.told()) == 40
    assert set(pipeline.told().values()) == {1}


def test_a_worker_that_looked_before_another_signed(pipeline: Pipeline) -> None:
    """One wants 16 and the other, with awards that came meanwhile, 16 others; together they sign 16, each once."""
    release = calls.release(pipeline.campaign, [wallet()])
    for _ in range(20):
        pipeline.enqueue(Purpose.RELEASE, release)
    slow = FaultyRpc(pipeline.world.node.url)
    fast = pipeline.another()

    def be_overtaken(method: str, params: Sequence[Any]) -> None:
        if method == "eth_call":
            slow.before = lambda method, params: None
            pipeline.award(12)
            fast.step()

    slow.before = be_overtaken
    pipeline.another(slow).step()
    assert sorted(nonces(pipeline)) == list(range(16))
    pipeline.run()
    pipeline.check_landed()
    assert sorted(nonces(pipeline)) == list(range(32))


def test_several_keys_share_the_queue(pipeline: Pipeline) -> None:
    world = pipeline.world
    world.node.rpc("evm_setAutomine", True)
    other = replace(world, relayer_key=b"\x42" * 32)
    local.fund_gas(world.rpc, other.relayer)
    world.hub(local.calls.set_operator(pipeline.campaign, other.relayer, 10**9))
    world.node.rpc("evm_setAutomine", False)
    pipeline.settings = replace(pipeline.settings, in_flight=4)
    pipeline.award(40)
    first = pipeline.restart()
    pipeline.world = other
    second = pipeline.another(FaultyRpc(world.node.url))
    drive(pipeline, [first, second])
    pipeline.check_landed()
    senders = {row.sender for row in pipeline.rows()}
    assert senders == {world.relayer, other.relayer}


def test_what_a_key_signed_that_was_taken_out_is_told_and_lands_once_it_is_back(pipeline: Pipeline) -> None:
    world, other = pipeline.world, address_of(SECOND)
    local.fund_gas(world.rpc, other)
    let(pipeline, other)

    def queue(*senders: bytes) -> Finding:
        return checks(pipeline.db, pipeline.clock, rpc=world.rpc, reads=world.reads, senders=senders).queue()

    pipeline.award(3)
    pipeline.relayer.step()
    world.node.rpc("anvil_dropAllTransactions")
    assert queue(world.relayer, other).ok
    told = queue(other)
    assert (told.ok, "3 were signed by keys whose keystores are not here" in told.detail) == (False, True)

    pipeline.keys = [SECOND]
    pipeline.restart()
    pipeline.award(2)
    for _ in range(5):
        pipeline.relayer.step()
        pipeline.mine()
    assert sum(row.state is TxState.SIGNED for row in pipeline.rows()) == 3, "nobody else sends them"
    pipeline.keys = [world.relayer_key, SECOND]
    pipeline.restart()
    pipeline.run()
    pipeline.check_landed()
    assert queue(other).ok
