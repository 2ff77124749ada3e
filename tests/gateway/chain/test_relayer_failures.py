"""The pipeline when processes die, nodes forget, answers get lost and chains go back.

Known failures of other relayers, each with a test here: permanent nonce jams (OpenZeppelin Relayer #683, #818, #843),
a second send after "nonce too low" by taking a fresh nonce (Alto #747), one dropped transaction that stalls all later
ones (World ID gateway #916).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.chain import local
from gateway.chain.deployment import WrongDeployment
from gateway.chain.errors import ChainError, NodeDown, NodeTimeout, NonceTooLow
from gateway.chain.hexes import to_hex
from gateway.chain.reads import Reads
from gateway.chain.relayer.models import KeyState, Purpose, TxState
from gateway.chain.sender import Sender
from gateway.core.clock import Clock
from gateway.core.db import Database
from tests.gateway.chain.pipeline import Pipeline, mined, nonces
from tests.gateway.chain.world import Crash, FaultyRpc, World, build, connect, wallet
from tests.support.anvil import anvil
from tests.support.waiting import until

# --------------------------------------------------------------------- crashes


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["eth_call", "eth_sendRawTransaction", "eth_getTransactionReceipt"])
def test_the_process_dies_at_any_call(pipeline: Pipeline, method: str, when: str) -> None:
    """Before the call reaches the node, or after the node has acted; a new process goes on."""
    seen: set[int] = set()
    for victim in range(4):
        pipeline.award()
        count = 0

        def die(called: str, detail: Any, victim: int = victim) -> None:
            nonlocal count
            if called == method:
                count += 1
                if count == victim % 2 + 1:
                    seen.add(victim)
                    raise Crash

        setattr(pipeline.rpc, when, die)
        for _ in range(6):
            try:
                pipeline.relayer.step()
            except Crash:
                pipeline.restart()
                break
            pipeline.mine()
            pipeline.later()
    pipeline.restart()
    pipeline.run()
    assert seen
    pipeline.check_landed()
    assert nonces(pipeline) == list(range(4))  # no batch got a second nonce


def test_the_process_dies_between_commit_and_send(pipeline: Pipeline) -> None:
    pipeline.award(3)

    def die(method: str, params: Sequence[Any]) -> None:
        if method == "eth_sendRawTransaction":
            raise Crash

    pipeline.rpc.before = die
    with pytest.raises(Crash):
        pipeline.relayer.step()
    saved = [to_hex(form.raw) for form in pipeline.forms()]
    assert len(saved) == 3
    pipeline.restart()
    pipeline.relayer.step()
    assert pipeline.rpc.sent() == saved  # the very bytes that were saved
    pipeline.run()
    pipeline.check_landed()


def test_no_step_fails_for_good_while_the_node_is_down(pipeline: Pipeline) -> None:
    ids = pipeline.award(2)
    pipeline.relayer.step()

    def down(method: str, params: Sequence[Any]) -> None:
        raise NodeDown

    pipeline.rpc.before = down
    for _ in range(5):
        with pytest.raises(NodeDown):
            pipeline.relayer.step()
        pipeline.later(60)
    pipeline.rpc.before = lambda method, params: None
    pipeline.run()
    pipeline.check_landed()
    assert pipeline.told() == {("tx.done", tx_id): 1 for tx_id in ids}


# ------------------------------------------------------------ answers and pools


def test_nonce_too_low_never_leads_to_a_second_send(pipeline: Pipeline) -> None:
    """Alto #747: the transaction arrived and was mined, but the answer was lost; sending again says "nonce too low"."""
    pipeline.award()
    answers = []

    def lose(method: str, answer: Any) -> None:
        if method == "eth_sendRawTransaction":
            answers.append(type(answer))
            if len(answers) == 1:
                raise NodeTimeout

    pipeline.rpc.after = lose
    pipeline.relayer.step()
    raw = pipeline.rpc.sent()
    behind = FaultyRpc(pipeline.world.node.url)
    stale = mined(pipeline)
    pipeline.mine()

    pipeline.later()
    # The relayer still believes that the nonce is open, sends the same bytes, and is told that it is not.
    # Its node is one block behind the one that mined.
    real = behind.batch

    def batch(calls: Sequence[Any]) -> list[Any]:
        out = real(calls)
        return [
            hex(stale) if method == "eth_getTransactionCount" else answer
            for (method, _), answer in zip(calls, out, strict=True)
        ]

    behind.batch = batch  # type: ignore[method-assign]
    behind.after = lose
    pipeline.restart(behind)
    pipeline.relayer.step()
    assert answers[-1] is NonceTooLow
    assert behind.sent() == raw
    pipeline.restart()
    pipeline.run()
    pipeline.check_landed()
    assert nonces(pipeline) == [0]
    assert mined(pipeline) == 1


def test_a_dropped_transaction_does_not_stall_the_later_ones(pipeline: Pipeline) -> None:
    """World ID gateway #916."""
    pipeline.award(4)
    pipeline.relayer.step()
    first = pipeline.forms()[0]
    pipeline.world.node.rpc("anvil_dropTransaction", to_hex(first.hash))
    pipeline.mine()
    assert mined(pipeline) == 0  # the others wait behind the gap
    pipeline.later()
    pipeline.run()
    pipeline.check_landed()
    assert pipeline.rpc.sent().count(to_hex(first.raw)) >= 2
    assert len(pipeline.forms()) == 4  # the same bytes, not new ones


def test_a_clock_that_is_put_right_keeps_nothing_waiting(pipeline: Pipeline) -> None:
    """It was an hour ahead when a transaction was sent that the node's pool has lost since."""
    pipeline.clock.offset += 3_600
    pipeline.award()
    pipeline.relayer.step()
    pipeline.world.node.rpc("anvil_dropAllTransactions")
    pipeline.clock.offset -= 3_600
    pipeline.run(turns=10)
    pipeline.check_landed()


def test_a_pool_that_forgot_everything(pipeline: Pipeline) -> None:
    pipeline.award(5)
    pipeline.relayer.step()
    pipeline.world.node.rpc("anvil_dropAllTransactions")
    pipeline.run()
    pipeline.check_landed()


def test_a_transaction_that_the_node_never_takes_jams_nothing(pipeline: Pipeline) -> None:
    """OpenZeppelin Relayer #683, #818, #843: signed, saved, and then refused for good, as blocks got smaller."""
    refused = pipeline.award()[0]
    pipeline.rpc.before = lambda method, params: (
        pipeline.world.node.rpc("evm_setBlockGasLimit", hex(100_000)) if method == "eth_sendRawTransaction" else None
    )
    pipeline.relayer.step()
    pipeline.rpc.before = lambda method, params: None
    assert pipeline.row(refused).nonce == 0
    pipeline.run()
    assert pipeline.states() == [TxState.REVERTED]  # its owner will ask the contract, and enqueue it anew
    assert pipeline.told() == {("tx.reverted", refused): 1}
    pipeline.world.node.rpc("evm_setBlockGasLimit", hex(30_000_000))
    pipeline.mine()
    pipeline.award()
    pipeline.run()
    assert pipeline.states() == [TxState.REVERTED, TxState.DONE]
    assert not pipeline.world.reads.landed(pipeline.campaign, 1)
    assert pipeline.world.reads.landed(pipeline.campaign, 2)
    assert nonces(pipeline) == [0, 1]


def test_a_gap_of_nonces_is_filled(pipeline: Pipeline) -> None:
    """A database that counts further than the chain and no longer has what was in between."""
    with pipeline.db.begin() as session:
        session.add(KeyState(sender=pipeline.world.relayer, next_nonce=3))
    pipeline.award(2)
    pipeline.run()
    pipeline.check_landed()
    fills = [row for row in pipeline.rows() if row.purpose is Purpose.FILL]
    assert sorted(row.nonce or 0 for row in fills) == [0, 1, 2]
    assert set(pipeline.told()) == {("tx.done", row.id) for row in pipeline.rows() if row.purpose is not Purpose.FILL}


def test_a_foreign_transaction_took_the_nonce(pipeline: Pipeline) -> None:
    """The key was used elsewhere. The award is not lost: its owner hears of it and asks the contract."""
    lost = pipeline.award()[0]
    pipeline.rpc.before = stop_sends
    with pytest.raises(Crash):
        pipeline.relayer.step()
    world = pipeline.world
    world.node.rpc("evm_setAutomine", True)
    Sender(world.rpc, world.relayer_key, world.deployment.chain_id).send(wallet(), b"")
    world.node.rpc("evm_setAutomine", False)
    pipeline.restart()
    pipeline.run()
    assert pipeline.told() == {("tx.reverted", lost): 1}
    assert pipeline.row(lost).block is None
    pipeline.award()
    pipeline.run()
    assert world.reads.landed(pipeline.campaign, 2)
    assert nonces(pipeline) == [0, 1]


def test_what_a_foreign_transaction_displaced_is_sent_when_the_chain_forgets_that_one(pipeline: Pipeline) -> None:
    lost = pipeline.award()[0]
    pipeline.rpc.before = stop_sends
    with pytest.raises(Crash):
        pipeline.relayer.step()
    world = pipeline.world
    back = world.node.snapshot()
    world.node.rpc("evm_setAutomine", True)
    Sender(world.rpc, world.relayer_key, world.deployment.chain_id).send(wallet(), b"")
    world.node.rpc("evm_setAutomine", False)
    pipeline.restart()
    pipeline.run()
    assert pipeline.row(lost).state is TxState.REVERTED
    world.node.revert(back)
    pipeline.later()
    pipeline.run()
    assert pipeline.row(lost).state is TxState.DONE
    pipeline.check_landed()


def stop_sends(method: str, params: Sequence[Any]) -> None:
    if method == "eth_sendRawTransaction":
        raise Crash


# ------------------------------------------------------------ chains that go back


def test_a_reorganisation_within_depth(pipeline: Pipeline) -> None:
    ids = pipeline.award(2)
    pipeline.relayer.step()
    pipeline.mine()
    pipeline.relayer.step()
    pipeline.world.node.rpc("anvil_reorg", 1, [])  # anvil does not put them back into the pool
    pipeline.later()
    pipeline.run()
    pipeline.check_landed()
    assert pipeline.told() == {("tx.done", tx_id): 1 for tx_id in ids}
    assert len(pipeline.forms()) == 2


def test_a_reorganisation_deeper_than_depth(pipeline: Pipeline) -> None:
    pipeline.award(2)
    pipeline.run()
    pipeline.mine(2)
    pipeline.world.node.rpc("anvil_reorg", 5, [])
    assert mined(pipeline) == 0
    pipeline.later()
    pipeline.relayer.step()
    assert pipeline.states() == [TxState.SIGNED] * 2
    pipeline.run()
    pipeline.check_landed()
    assert len(pipeline.forms()) == 2


def test_a_deep_reorganisation_that_mined_it_again_elsewhere(pipeline: Pipeline) -> None:
    """The nonce looks passed all the time; only the block's hash tells that the outcome must be looked up again."""
    tx_id = pipeline.award()[0]
    pipeline.run()
    before = pipeline.row(tx_id)
    raw = to_hex(pipeline.forms()[0].raw)
    pipeline.mine(2)
    depth = pipeline.world.reads.head().number - (before.block or 0) + 1
    pipeline.world.node.rpc("anvil_reorg", depth, [[raw, 0]])
    pipeline.mine(2)
    assert mined(pipeline) == 1
    pipeline.later()
    pipeline.run()
    after = pipeline.row(tx_id)
    assert after.state is TxState.DONE
    assert after.block_hash != before.block_hash
    assert after.block_hash == pipeline.world.reads.head(after.block or 0).hash
    pipeline.check_landed()


def test_a_node_restored_to_before_everything(pipeline: Pipeline) -> None:
    """Its nonce is lower than ours: the same bytes go out again, and later ones after them."""
    back = pipeline.world.node.snapshot()
    pipeline.award(20)
    pipeline.run()
    pipeline.world.node.revert(back)
    pipeline.world.node.rpc("evm_setAutomine", False)
    assert mined(pipeline) == 0
    pipeline.award(2)
    pipeline.later()
    pipeline.run(60)
    pipeline.check_landed()
    assert nonces(pipeline) == list(range(22))
    assert len(pipeline.forms()) == 22


def test_another_chain_gets_nothing(pipeline: Pipeline) -> None:
    pipeline.award(2)
    pipeline.run()
    with anvil("--timestamp", "1700000000") as other:
        build(other)
        local.fund_gas(connect(other.url), pipeline.world.relayer)
        rpc = FaultyRpc(other.url)
        pipeline.restart(rpc)
        with pytest.raises(WrongDeployment):
            pipeline.relayer.step()
        assert not rpc.sent()
    assert pipeline.states() == [TxState.DONE] * 2


def test_anvil_killed_and_started_again(db: Database, clock: Clock, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with anvil(block_time=0.2, state=state) as node:
        world = build(node)
        pipeline = Pipeline(db, world, clock, world.campaign(), FaultyRpc(node.url))
        wait_until_saved(state)
        pipeline.award(10)
        for _ in range(3):
            pipeline.relayer.step()
            threading.Event().wait(0.2)
        node.kill()
    pipeline.award(5)
    with anvil(block_time=0.2, state=state, port=node.port) as again:
        rpc = connect(again.url)
        owner = Sender(rpc, world.relayer_key, world.deployment.chain_id)
        pipeline.world = World(again, rpc, world.deployment, Reads(rpc, world.deployment), owner, world.relayer_key)
        pipeline.restart()

        def landed() -> bool:
            pipeline.later(1)
            try:
                pipeline.relayer.step()
            except ChainError:
                pipeline.later()
            return not pipeline.open()

        until(landed, "nothing waits any more", 0.1)
        # Receipts of before may be gone; what counts is that the contract has every batch, once.
        pipeline.check_landed()


def wait_until_saved(state: Path) -> None:
    """Until the state file was written after now."""
    before = state.stat().st_mtime_ns if state.exists() else 0
    until(lambda: state.exists() and state.stat().st_mtime_ns > before + 2_000_000_000, "anvil saves its state", 0.1)
