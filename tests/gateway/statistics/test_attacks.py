"""What somebody gains who knows everything but one wallet: at most tanh(epsilon / 2), and nothing by asking again."""

from __future__ import annotations

import math
import random

import pytest

from gateway.statistics import cells
from gateway.statistics.cells import CELLS
from gateway.statistics.models import Metric
from tests.gateway.statistics.conftest import Scene

TRIES = 20_000
#: Everybody else's values, known to the attacker, and the victim's, who gives the most it can.
OTHERS = {
    Metric.WALLETS: [1] * 70,
    Metric.PURCHASES: [2] * 70,
    Metric.REVENUE: [3_000] * 70,
    Metric.VISITS: [1] * 70,
    Metric.CLAIMS: [0] * 70,
}
VICTIM = {metric: cell.clamp for metric, cell in CELLS.items()}
Shown = dict[Metric, int | None]


def show(present: bool, source: random.Random) -> Shown:
    """One week as it would be released."""
    values = {m: [*v, VICTIM[m]] if present else v for m, v in OTHERS.items()}
    wallets = cells.draw_wallets(len(values[Metric.WALLETS]), source.randrange)
    if wallets is None:
        return dict.fromkeys(Metric)
    sums = {m: cells.draw_sum(m, values[m], source.randrange) for m in Metric if m != Metric.WALLETS}
    return {Metric.WALLETS: wallets, **sums}


def says_present(shown: Shown, metrics: list[Metric]) -> bool:
    """The best guess there is: which of the two worlds makes these figures more likely."""
    evidence = 0.0
    for metric in metrics:
        value = shown[metric]
        if value is None:
            return False
        base = sum(OTHERS[metric])
        scale = float(CELLS[metric].scale)
        evidence += (abs(value - base) - abs(value - base - VICTIM[metric])) / scale
    return evidence > 0


@pytest.fixture(scope="module")
def weeks() -> list[list[Shown]]:
    """Weeks with the victim, and weeks without."""
    source = random.Random(2_718)
    return [[show(present, source) for _ in range(TRIES)] for present in (True, False)]


def advantage(weeks: list[list[Shown]], metrics: list[Metric]) -> float:
    hits = [sum(says_present(shown, metrics) for shown in world) for world in weeks]
    return (hits[0] - hits[1]) / TRIES


def bound(epsilon: float) -> float:
    """tanh(epsilon / 2) and five standard deviations of the difference of two estimated chances."""
    return math.tanh(epsilon / 2) + 5 * math.sqrt(2 * 0.25 / TRIES)


def test_differencing_one_cell_gains_no_more_than_its_epsilon(weeks: list[list[Shown]]) -> None:
    for metric in (Metric.WALLETS, Metric.REVENUE):
        gained = advantage(weeks, [metric])
        epsilon = CELLS[metric].epsilon / 1_000
        # The attack is a real one: it reaches at least half of what is possible.
        assert math.tanh(epsilon / 2) / 2 < gained <= bound(epsilon)


def test_differencing_all_five_cells_gains_no_more_than_the_budget(weeks: list[list[Shown]]) -> None:
    assert 0.1 < advantage(weeks, list(Metric)) <= bound(1.0)


def test_averaging_gains_nothing_because_a_figure_is_drawn_once(scene: Scene) -> None:
    scene.crowd(70)
    assert scene.close() == 1
    first = scene.released()
    for _ in range(20):
        scene.clock.offset += 86_400
        scene.act(500)
        scene.run_jobs()
        assert scene.closing.close_due() == 0
        assert scene.released() == first
