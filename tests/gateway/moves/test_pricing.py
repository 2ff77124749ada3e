from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.loyalty.moves.pricing import quote

POINTS = st.integers(1, 999_999_999)


@pytest.mark.parametrize(
    ("amount", "bonus", "pot", "received"),
    [(1_000, 1_000, 10_000, 1_100), (1_009, 1_000, 10_000, 1_109), (1_000, 1_000, 40, 1_040), (9, 1_000, 10_000, 9)],
)
def test_the_bonus_is_rounded_down_and_ends_with_the_pot(amount: int, bonus: int, pot: int, received: int) -> None:
    assert quote(amount, True, bonus, pot).received == received


@given(amount=POINTS, bonus=st.integers(0, 10_000), pot=st.integers(0, 10**12))
def test_nobody_gets_more_than_bonus_and_pot_allow(amount: int, bonus: int, pot: int) -> None:
    made = quote(amount, True, bonus, pot)
    assert made.received == amount + made.bonus == made.min_received
    assert 0 <= made.bonus <= pot
    assert made.bonus * 10_000 <= amount * bonus
    assert made.bonus == pot or (made.bonus + 1) * 10_000 > amount * bonus


@given(amount=POINTS, bonus=st.integers(0, 10_000), pot=st.integers(0, 10**12))
def test_an_open_campaign_gives_no_bonus(amount: int, bonus: int, pot: int) -> None:
    assert quote(amount, False, bonus, pot).received == amount
