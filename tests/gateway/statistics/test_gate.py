"""The gate over all neighbouring data sets, with exact fractions."""

from __future__ import annotations

import secrets
from fractions import Fraction

import pytest

from gateway.statistics import cells
from gateway.statistics.cells import BUDGET, CELLS, MIN_CONTRIBUTORS, MIN_NOISY
from gateway.statistics.models import Metric

#: Any fraction stands for exp(-epsilon): then exp(epsilon) is exactly 1 / Q, and no logarithm is needed.
Q = Fraction(6_703, 10_000)
MAX_CONTRIBUTORS = 90
TOO_FEW = None


def exp_minus(x: Fraction, terms: int = 40) -> tuple[Fraction, Fraction]:
    """A lower and an upper bound of exp(-x), 0 < x < 1, from the alternating series."""
    total, term, partial = Fraction(0), Fraction(1), []
    for k in range(1, terms):
        total += term
        partial.append(total)
        term *= -x / k
    return min(partial[-2:]), max(partial[-2:])


def probability(z: int, q: Fraction) -> Fraction:
    return (1 - q) / (1 + q) * q ** abs(z)


def tail(k: int, q: Fraction) -> Fraction:
    """P(Z >= k), k > 0."""
    return q**k / (1 + q)


def output(contributors: int, q: Fraction) -> dict[int | None, Fraction]:
    """The exact distribution of what is shown, values from `TOP` on as one; the decision is the product's own."""
    top = MAX_CONTRIBUTORS + 60
    shown = {
        value: probability(value - contributors, q) for value in range(-50, top) if cells.gate(contributors, value)
    }
    if cells.gate(contributors, top):
        shown[top] = tail(top - contributors, q)
    return {**shown, TOO_FEW: 1 - sum(shown.values())}


def hockey_stick(one: dict[int | None, Fraction], other: dict[int | None, Fraction], ratio: Fraction) -> Fraction:
    """The smallest delta for which `one` is within `ratio` of `other`, whatever set of outputs is looked at."""
    return sum((max(Fraction(0), p - ratio * other.get(o, Fraction(0))) for o, p in one.items()), Fraction(0))


def test_one_wallet_more_or_less_shifts_nothing_beyond_epsilon_and_the_floors_delta() -> None:
    delta = tail(MIN_NOISY - MIN_CONTRIBUTORS, Q)
    worst = Fraction(0)
    for contributors in range(MAX_CONTRIBUTORS):
        here, there = output(contributors, Q), output(contributors + 1, Q)
        both = max(hockey_stick(here, there, 1 / Q), hockey_stick(there, here, 1 / Q))
        if contributors != MIN_CONTRIBUTORS - 1:
            # Above the floor pure epsilon holds; below it both show nothing.
            assert both == 0, contributors
        worst = max(worst, both)
    assert worst == delta


def test_delta_is_7_4e_7() -> None:
    low, high = exp_minus(Fraction(4, 10))
    assert Fraction(741, 10**9) < tail(34, low) <= tail(34, high) < Fraction(743, 10**9)


def test_fewer_than_twenty_never_show_whatever_the_noise_says() -> None:
    assert not any(cells.gate(n, noisy) for n in range(20) for noisy in (0, 53, 54, 10**6))
    assert [cells.gate(20, 53), cells.gate(20, 54), cells.gate(10_000, 53)] == [False, True, False]


def test_the_naive_gates_fail_the_same_enumeration() -> None:
    """Shows that the enumeration can fail: a gate on the true count alone has delta near one."""

    def naive(contributors: int) -> dict[int | None, Fraction]:
        if contributors < MIN_CONTRIBUTORS:
            return {TOO_FEW: Fraction(1)}
        return {value: probability(value - contributors, Q) for value in range(-50, 120)}

    assert hockey_stick(naive(20), naive(19), 1 / Q) > Fraction(99, 100)


@pytest.mark.parametrize("metric", [metric for metric in Metric if metric != Metric.WALLETS])
def test_one_wallet_moves_a_sum_by_at_most_its_clamp(monkeypatch: pytest.MonkeyPatch, metric: Metric) -> None:
    monkeypatch.setattr(cells, "discrete_laplace", lambda scale, below: 0)
    cell = CELLS[metric]
    others = [3, 1_000_000, 0]
    without = cells.draw_sum(metric, others, secrets.randbelow)
    for value in (0, 1, cell.clamp, cell.clamp + 1, 10**9 - 1):
        assert cells.draw_sum(metric, [*others, value], secrets.randbelow) - without == min(value, cell.clamp)
    assert cell.scale == Fraction(cell.clamp) / Fraction(cell.epsilon, 1_000)


def test_the_five_cells_spend_the_budget_and_no_more() -> None:
    assert sum(cell.epsilon for cell in CELLS.values()) == BUDGET == 1_000
    assert set(CELLS) == set(Metric)
