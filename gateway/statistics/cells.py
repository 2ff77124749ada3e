"""The five cells of a week: what one wallet can add, what noise each gets, and when they may be shown. Pure.

Privacy: one wallet changes the number of contributors by one and each sum by at most its clamp, so all five together
are (1.0, 7.4e-7)-differentially private per wallet, merchant and week: 0.4 + 4 x 0.15, and the gate's delta, which is
the chance that 20 contributors look like 54: exp(-0.4 * 34) / (1 + exp(-0.4)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gateway.statistics.models import Metric
from gateway.statistics.noise import Below, discrete_laplace, margin

#: Thousandths of epsilon per wallet, merchant and week.
BUDGET = 1_000
MIN_CONTRIBUTORS = 20
MIN_NOISY = 54


@dataclass(frozen=True)
class Cell:
    """`epsilon` in thousandths; `clamp` is the most that one wallet adds in a week, in the metric's unit."""

    epsilon: int
    clamp: int
    unit: str
    formula: str

    @property
    def scale(self) -> Fraction:
        """Scale of the noise, clamp / epsilon."""
        return Fraction(self.clamp * 1_000, self.epsilon)

    @property
    def margin(self) -> int:
        """Half width of the 95 % interval of the noise."""
        return margin(self.scale)


CELLS: Mapping[Metric, Cell] = {
    Metric.WALLETS: Cell(400, 1, "wallets", "different wallets with at least one action in the week"),
    Metric.PURCHASES: Cell(150, 10, "purchases", "sum over wallets of min(purchases in the week, 10)"),
    Metric.REVENUE: Cell(150, 50_000, "hundredths", "sum over wallets of min(value of purchases in the week, 500.00)"),
    Metric.VISITS: Cell(150, 7, "visits", "sum over wallets of min(visits in the week, 7)"),
    Metric.CLAIMS: Cell(150, 10, "claims", "sum over wallets of min(claim codes used for actions of the week, 10)"),
}
NOISE = " + discrete Laplace noise of scale clamp/epsilon; refunds and unclaimed codes are not counted"


def gate(contributors: int, noisy: int) -> bool:
    """Whether a week may be shown: enough wallets really, and enough to the eye."""
    return contributors >= MIN_CONTRIBUTORS and noisy >= MIN_NOISY


def clamped(metric: Metric, value: int) -> int:
    """What one wallet's `value` counts."""
    return min(value, CELLS[metric].clamp)


def draw_wallets(contributors: int, below: Below) -> int | None:
    """The noisy number of wallets, None for "too few". Costs this cell's epsilon either way."""
    noisy = contributors + discrete_laplace(CELLS[Metric.WALLETS].scale, below)
    return noisy if gate(contributors, noisy) else None


def draw_sum(metric: Metric, values: Sequence[int], below: Below) -> int:
    """The noisy sum of one value a wallet. May be negative: cutting at zero would bend averages over weeks."""
    return sum(clamped(metric, value) for value in values) + discrete_laplace(CELLS[metric].scale, below)
