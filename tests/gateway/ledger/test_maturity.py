"""The account's buckets against lots that each know their own date, and against the contract's examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.loyalty.ledger import maturity
from gateway.loyalty.ledger.maturity import Short, Slot
from tests.gateway.ledger.model import Lots

T0 = 1_800_000_000


def test_an_award_matures_at_the_start_of_the_second_period_after_its_own() -> None:
    hold = 86_400
    start = T0 // hold * hold
    slot = maturity.award(maturity.roll(Slot(), start + 5, hold), 700, hold)
    assert maturity.next_maturity(slot, hold) == start + 2 * hold
    assert maturity.roll(slot, start + 2 * hold - 1, hold).matured == 0
    assert maturity.roll(slot, start + 2 * hold, hold) == Slot(700, 0, 0, start // hold + 2)


def test_a_hold_of_zero_matures_at_once() -> None:
    slot = maturity.award(maturity.roll(Slot(), T0, 0), 700, 0)
    assert slot == Slot(matured=700)
    assert maturity.next_maturity(slot, 0) is None


def test_clawback_takes_the_youngest_first_and_at_most_what_is_held() -> None:
    slot = Slot(matured=1_000, old=300, young=200, period=9)
    assert maturity.claw(slot, 250) == (Slot(1_000, 250, 0, 9), 250)
    assert maturity.claw(slot, 9_999) == (Slot(1_000, 0, 0, 9), 500)


def test_taking_more_than_is_free_is_refused() -> None:
    with pytest.raises(Short):
        maturity.take(Slot(matured=5, old=100), 6)
    with pytest.raises(Short):
        maturity.clear(Slot(matured=5, old=100), 104)


def test_an_earlier_look_changes_nothing() -> None:
    slot = Slot(1, 2, 3, T0 // 100)
    assert maturity.roll(slot, T0 - 5_000, 100) == slot


STEPS = st.lists(
    st.tuples(st.sampled_from(["award", "claw", "take", "credit"]), st.integers(1, 500), st.integers(0, 400)),
    max_size=30,
)


@given(hold=st.integers(0, 200), steps=STEPS)
def test_buckets_agree_with_lots(hold: int, steps: list[tuple[str, int, int]]) -> None:
    slot, lots, now = Slot(), Lots(), T0
    for verb, points, wait in steps:
        now += wait
        slot = maturity.roll(slot, now, hold)
        lots.ripen(now)
        if verb == "award":
            slot = maturity.award(slot, points, hold)
            lots.held.append(((now // hold + 2) * hold if hold else 0, points))
            lots.ripen(now)
        elif verb == "claw":
            slot, taken = maturity.claw(slot, points)
            assert taken == lots.claw(points)
        elif verb == "take" and points <= lots.free:
            slot = maturity.take(slot, points)
            lots.free -= points
        elif verb == "credit":
            slot = maturity.credit(slot, points)
            lots.free += points
        assert (slot.matured, slot.pending) == (lots.free, lots.pending)
        assert maturity.next_maturity(slot, hold) == min((due for due, _ in lots.held), default=None)
