"""The relayer's decisions, without a chain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chain.relayer import decisions as d
from gateway.chain.relayer.decisions import Fee, Receipt
from gateway.chain.relayer.models import Purpose, TxState

GWEI = 10**9
fees = st.integers(0, 10**14)


@given(base=fees, tip=fees, limit=fees)
def test_a_first_fee_pays_the_base_fee_and_keeps_to_the_limit(base: int, tip: int, limit: int) -> None:
    fee = d.first_fee(base, tip, limit)
    if fee is None:
        assert limit <= base or tip + base == 0
    else:
        assert base < fee.max_fee <= limit
        assert 0 <= fee.tip <= fee.max_fee


@given(old_tip=fees, over=fees, base=fees, tip=fees, limit=fees)
def test_a_replacement_pays_an_eighth_more_of_both_or_waits(
    old_tip: int, over: int, base: int, tip: int, limit: int
) -> None:
    old = Fee(old_tip + over, old_tip)
    new = d.replacement_fee(old, base, tip, limit)
    if new is not None:
        assert new.max_fee * 8 > old.max_fee * 9
        assert new.tip * 8 > old.tip * 9
        assert base < new.max_fee <= limit
        assert new.tip <= new.max_fee


def test_who_gets_a_higher_fee() -> None:
    fee = Fee(10 * GWEI, GWEI)
    usual = {"is_next": True, "waited": 30, "blocks_seen": 2, "stuck_after": 30}
    assert d.is_stuck(fee, 5 * GWEI, **usual)
    assert not d.is_stuck(fee, 5 * GWEI, **usual | {"waited": 29})
    assert not d.is_stuck(fee, 5 * GWEI, **usual | {"is_next": False})
    assert not d.is_stuck(fee, 5 * GWEI, **usual | {"blocks_seen": 1})  # the chain stands still
    assert d.is_stuck(fee, 10 * GWEI, is_next=False, waited=0, blocks_seen=0, stuck_after=30)


def test_a_refusal_counts_after_some_looks_and_when_nothing_earlier_is_under_way() -> None:
    assert [d.look_again(looks, False) for looks in (1, 2, 3)] == [1, 2, None]
    assert [d.look_again(looks, True) for looks in (1, 2, 3, 4, 19)] == [1, 2, 4, 8, 8]
    assert d.look_again(20, True) is None


@pytest.mark.parametrize(
    ("receipts", "state", "block"),
    [
        ([], TxState.REVERTED, None),
        ([Receipt(7, b"h", True, False)], TxState.DONE, 7),
        ([Receipt(7, b"h", False, False)], TxState.REVERTED, 7),
        ([Receipt(7, b"h", True, True)], TxState.REVERTED, 7),
    ],
)
def test_outcomes(receipts: list[Receipt], state: TxState, block: int | None) -> None:
    outcome = d.outcome(receipts)
    assert (outcome.state, outcome.block) == (state, block)


def test_gaps() -> None:
    assert d.missing_nonces(5, [], 16) == []
    assert d.missing_nonces(5, [5, 6], 16) == []
    assert d.missing_nonces(5, [7, 9], 16) == [5, 6, 8]
    assert d.missing_nonces(0, [10**6], 4) == [0, 1, 2, 3]


def test_gas_keeps_to_the_limit_of_a_transaction() -> None:
    assert d.gas_limit(d.MAX_GAS) == d.MAX_GAS
    assert d.gas_limit(d.MAX_GAS + 1) is None
    assert d.gas_limit(100_000) == 225_000
    assert d.gas_bound(Purpose.MOVE, bytes(4)) is None
    assert d.gas_bound(Purpose.AWARD, bytes(4 + 32 * 10_000)) == d.MAX_GAS
