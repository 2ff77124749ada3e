"""The sampler against the exact distribution."""

from __future__ import annotations

import math
import random
import secrets
from collections import Counter
from fractions import Fraction

import pytest

from gateway.statistics import noise
from gateway.statistics.cells import CELLS

DRAWS = 200_000


def probability(scale: Fraction, z: int) -> float:
    q = math.exp(-1 / float(scale))
    return (1 - q) / (1 + q) * q ** abs(z)


def chi_square(draws: list[int], scale: Fraction, bins: int) -> float:
    """Pearson's statistic over `bins` single values on each side of zero and two tails: 2 * bins + 2 degrees."""
    q = math.exp(-1 / float(scale))
    expected = {z: probability(scale, z) for z in range(-bins, bins + 1)}
    expected[bins + 1] = expected[-bins - 1] = q ** (bins + 1) / (1 + q)
    found = Counter(max(-bins - 1, min(bins + 1, z)) for z in draws)
    n = len(draws)
    return sum((found[z] - n * p) ** 2 / (n * p) for z, p in expected.items())


@pytest.fixture(scope="module")
def wallets_draws() -> list[int]:
    below = random.Random(20_240_117).randrange
    return [noise.discrete_laplace(Fraction(5, 2), below) for _ in range(DRAWS)]


def test_200_000_draws_fit_the_distribution(wallets_draws: list[int]) -> None:
    # 32 degrees of freedom: above 80 with probability 6e-6.
    assert chi_square(wallets_draws, Fraction(5, 2), 15) < 80


@pytest.mark.parametrize("wrong", [Fraction(5, 2) * Fraction(49, 50), Fraction(5, 2) * Fraction(51, 50)])
def test_the_same_draws_do_not_fit_a_scale_two_percent_off(wallets_draws: list[int], wrong: Fraction) -> None:
    assert chi_square(wallets_draws, wrong, 15) > 80


def test_a_scale_below_one_and_a_whole_one_fit_too() -> None:
    below = random.Random(7).randrange
    for scale, bins in ((Fraction(1, 3), 2), (Fraction(3), 12)):
        draws = [noise.discrete_laplace(scale, below) for _ in range(40_000)]
        assert chi_square(draws, scale, bins) < (2 * bins + 2) + 60


def test_wide_noise_has_its_mean_and_spread() -> None:
    scale = Fraction(50_000 * 1_000, 150)
    below = random.Random(11).randrange
    draws = [noise.discrete_laplace(scale, below) for _ in range(20_000)]
    b = float(scale)
    # The mean of |Z| is b with a standard deviation of b; five of them over the root of the number of draws.
    assert abs(sum(map(abs, draws)) / len(draws) - b) < 5 * b / math.sqrt(len(draws))
    assert abs(sum(draws) / len(draws)) < 5 * math.sqrt(2) * b / math.sqrt(len(draws))


@pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: cell.unit)
def test_the_margin_holds_19_of_20_draws_and_no_smaller_one_does(cell: object) -> None:
    scale, margin = cell.scale, cell.margin  # type: ignore[attr-defined]
    q = math.exp(-1 / float(scale))
    outside = [2 * q ** (m + 1) / (1 + q) for m in (margin, margin - 1)]
    assert outside[0] <= 0.05 < outside[1]


def test_margins_are_the_published_ones() -> None:
    assert [cell.margin for cell in CELLS.values()] == [7, 200, 998_577, 140, 200]


def test_the_system_source_is_used_as_it_is() -> None:
    assert len({noise.discrete_laplace(Fraction(1_000), secrets.randbelow) for _ in range(50)}) > 20
