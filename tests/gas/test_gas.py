"""What our contracts cost stays what the reviewed file says, and the page says what the file says."""

from __future__ import annotations

import pytest

from tests.gas import figures, floor, ours, report
from tests.gas.bench import TRANSACTION_CAP, Figures, bench

WORSE = 1.01


@pytest.fixture(scope="module")
def reviewed() -> Figures:
    return figures.load()


@pytest.fixture(scope="module")
def measured() -> Figures:
    with bench() as chain:
        return ours.measure(chain)


def test_nothing_became_dearer(measured: Figures, reviewed: Figures) -> None:
    """More than 1 % worse than reviewed: change it back, or run `make gas` and have the new figures reviewed."""
    worse = {
        (name, size): f"{reviewed[name][size]:,} -> {gas:,}"
        for name, sizes in measured.items()
        for size, gas in sizes.items()
        if gas > WORSE * reviewed[name][size]
    }
    assert worse == {}


def test_every_figure_is_reviewed(measured: Figures, reviewed: Figures) -> None:
    assert floor.figures().items() <= reviewed.items()
    for name, sizes in measured.items():
        assert set(sizes) == set(reviewed[name]), name


@pytest.mark.parametrize("mark", report.MARKS, ids=lambda mark: mark.ours)
def test_marks_are_met(measured: Figures, reviewed: Figures, mark: report.Mark) -> None:
    assert mark.ratio(reviewed | measured) <= mark.most


def test_the_largest_batches_fit_a_transaction(measured: Figures) -> None:
    assert max(gas for sizes in measured.values() for gas in sizes.values()) < TRANSACTION_CAP


def test_the_page_says_what_was_reviewed(reviewed: Figures) -> None:
    assert (figures.DOCS / "gas.md").read_text() == report.page(reviewed)
    assert (figures.DOCS / "gas.svg").read_text() == report.plot(reviewed)
