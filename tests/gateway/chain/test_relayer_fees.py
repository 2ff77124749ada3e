"""What a transaction pays: raised at the same nonce when it fell behind, and by nobody on a chain that stands."""

from __future__ import annotations

from gateway.chain import local
from gateway.chain.hexes import to_hex
from gateway.chain.relayer.decisions import GWEI
from gateway.chain.relayer.models import TxState
from tests.gateway.chain.pipeline import Pipeline, mined, nonces


def base_fee(pipeline: Pipeline, wei: int) -> None:
    pipeline.world.node.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))
    pipeline.mine()


def test_a_fee_that_fell_behind_is_raised_at_the_same_nonce(pipeline: Pipeline) -> None:
    pipeline.award(3)
    pipeline.relayer.step()
    base_fee(pipeline, 50 * GWEI)
    assert mined(pipeline) == 0
    pipeline.relayer.step()
    forms = pipeline.forms()
    assert len(forms) == 6
    for old, new in zip(forms[::2], forms[1::2], strict=True):
        assert old.tx_id == new.tx_id
        assert new.max_fee * 8 >= old.max_fee * 9
        assert new.tip * 8 >= old.tip * 9
    assert nonces(pipeline) == [0, 1, 2]
    pipeline.run()
    pipeline.check_landed()
    assert mined(pipeline) == 3


def test_a_stuck_transaction_gets_a_higher_fee_in_time(pipeline: Pipeline) -> None:
    """Nobody mines it although it pays the base fee: here because the pool loses it each time."""
    pipeline.award(2)
    pipeline.rpc.after = lambda method, answer: (
        pipeline.world.node.rpc("anvil_dropAllTransactions") if method == "eth_sendRawTransaction" else None
    )
    pipeline.relayer.step()
    for _ in range(5):
        pipeline.mine()
        pipeline.later(5)
        pipeline.relayer.step()
    assert len(pipeline.forms()) == 2  # not yet
    pipeline.later(10)
    pipeline.relayer.step()
    assert len(pipeline.forms()) == 3  # only the one that the chain waits for
    pipeline.rpc.after = lambda method, answer: None
    pipeline.later()
    pipeline.run()
    pipeline.check_landed()


def test_a_chain_that_stands_still_costs_nobody_more(pipeline: Pipeline) -> None:
    pipeline.award()
    for _ in range(20):
        pipeline.relayer.step()
        pipeline.later(60)
    assert len(pipeline.forms()) == 1


def test_want_of_gas_raises_no_fee(pipeline: Pipeline) -> None:
    """Raised while the key cannot pay, it would ask for ever more than the key is given, and cost as much later."""
    world = pipeline.world
    pipeline.award()
    pipeline.rpc.before = lambda method, params: (
        local.fund_gas(world.rpc, world.relayer, 1) if method == "eth_sendRawTransaction" else None
    )
    pipeline.relayer.step()
    pipeline.rpc.before = lambda method, params: None
    for _ in range(5):
        pipeline.mine(2)
        pipeline.later(30)
        pipeline.relayer.step()
    (form,) = pipeline.forms()
    local.fund_gas(world.rpc, world.relayer, 2 * pipeline.rows()[0].gas * form.max_fee)
    pipeline.later()
    pipeline.run()
    pipeline.check_landed()


def test_an_older_form_may_be_the_one_that_is_mined(pipeline: Pipeline) -> None:
    pipeline.award()
    pipeline.relayer.step()
    base_fee(pipeline, 50 * GWEI)
    pipeline.relayer.step()
    old, new = pipeline.forms()
    pipeline.world.node.rpc("anvil_dropTransaction", to_hex(new.hash))
    base_fee(pipeline, GWEI)
    pipeline.world.rpc.call("eth_sendRawTransaction", to_hex(old.raw))
    pipeline.mine(2)
    pipeline.later()
    pipeline.run()
    assert pipeline.states() == [TxState.DONE]
    assert pipeline.world.rpc.call("eth_getTransactionReceipt", to_hex(new.hash)) is None
    pipeline.check_landed()
