"""Second door: a week is published once, whatever is killed or comes twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gateway.core.jobs import Job
from gateway.loyalty.earning.models import ActionKind
from gateway.statistics.models import Metric, Release, StatFact, StatWeek
from gateway.statistics.release import BudgetSpent, Closing, spend
from gateway.statistics.weeks import label, week_of
from tests.gateway.statistics.conftest import MONDAY, QUIET, WEEK, Scene
from tests.support.races import together

ROOT = Path(__file__).parents[3]


def count(scene: Scene, table: type) -> int:
    with scene.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def spent(scene: Scene) -> list[int]:
    with scene.db.read() as session:
        return list(session.scalars(sa.select(StatWeek.spent)))


def test_weeks_are_iso_weeks() -> None:
    week = week_of(MONDAY)
    assert (week * 86_400, label(week)) == (MONDAY, "2026-W03")
    assert (week_of(MONDAY - 1), week_of(MONDAY + WEEK - 1)) == (week - 7, week)
    assert label(week_of(1_767_225_599)) == "2026-W01"  # 2025-12-31 23:59:59
    assert label(week_of(1_262_304_000)) == "2009-W53"


def test_a_full_week_is_released_near_the_truth_and_forgotten(scene: Scene) -> None:
    scene.crowd(90, amount=2_000)
    scene.crowd(30, kind=ActionKind.VISIT, amount=0)
    assert scene.close() == 1
    released = scene.released()
    assert set(released) == set(Metric)
    # The seeded noise stays within five scales of the truth.
    for metric, truth, scale in (
        (Metric.WALLETS, 90, 2.5),
        (Metric.PURCHASES, 90, 67),
        (Metric.REVENUE, 180_000, 333_334),
        (Metric.VISITS, 30, 47),
        (Metric.CLAIMS, 0, 67),
    ):
        assert abs(released[metric] - truth) < 5 * scale
    assert released != dict(zip(Metric, (90, 90, 180_000, 30, 0), strict=True))
    assert (count(scene, StatFact), spent(scene)) == (0, [1_000])
    with scene.db.read() as session:
        week = session.scalars(sa.select(StatWeek)).one()
        first = session.scalars(sa.select(Release).order_by(Release.id)).first()
        job = session.scalars(sa.select(Job).where(Job.kind == "seen.closed")).one()
    assert (week.closed, week.tag_key) == (True, None)
    assert first is not None
    assert job.ref == first.id


@pytest.mark.parametrize("wallets", [1, 19, 25])
def test_too_few_is_said_for_every_cell_and_is_never_zero(scene: Scene, wallets: int) -> None:
    scene.crowd(wallets)
    assert scene.close() == 1
    assert scene.released() == dict.fromkeys(Metric)
    assert (count(scene, StatFact), spent(scene)) == (0, [400])


def test_a_week_of_unclaimed_codes_is_released_like_one_claimed_by_a_few(scene: Scene) -> None:
    """Else the mere existence of a release would tell that somebody used a code."""
    scene.crowd(5, claim=True)
    assert scene.close() == 1
    assert scene.released() == dict.fromkeys(Metric)


def test_a_week_waits_until_it_is_over_and_quiet(scene: Scene) -> None:
    scene.crowd(3)
    scene.run_jobs()
    scene.set_now(MONDAY + WEEK - 2)
    assert scene.closing.close_due() == 0
    scene.act(4)
    scene.set_now(MONDAY + WEEK + 5)
    scene.run_jobs()
    scene.set_now(MONDAY + WEEK + 2 + QUIET)
    assert scene.closing.close_due() == 0
    scene.set_now(MONDAY + WEEK + 10 + QUIET)
    assert scene.closing.close_due() == 1
    assert scene.closing.close_due() == 0


def test_nothing_closes_while_reported_actions_wait_to_be_counted(scene: Scene) -> None:
    scene.crowd(2)
    scene.run_jobs()
    scene.act(3)
    scene.set_now(MONDAY + WEEK + QUIET)
    assert scene.closing.close_due() == 0
    assert scene.close() == 1


def test_each_merchant_has_a_week_of_its_own(scene: Scene) -> None:
    scene.crowd(80)
    scene.crowd(3, merchant=2)
    assert scene.close() == 2
    assert scene.released(1)[Metric.WALLETS] is not None
    assert scene.released(2) == dict.fromkeys(Metric)


def test_the_budget_row_refuses_more_than_there_is(scene: Scene) -> None:
    scene.crowd(1)
    scene.run_jobs()
    week = week_of(MONDAY)
    with scene.db.begin() as session:
        spend(session, 1, week, 600)
        spend(session, 1, week, 400)
    with pytest.raises(BudgetSpent), scene.db.begin() as session:
        spend(session, 1, week, 1)
    with pytest.raises(IntegrityError), scene.db.begin() as session:
        session.execute(sa.update(StatWeek).values(spent=1_001))
    assert spent(scene) == [1_000]


def test_a_week_whose_budget_is_gone_releases_nothing(scene: Scene) -> None:
    scene.crowd(80)
    scene.run_jobs()
    with scene.db.begin() as session:
        spend(session, 1, week_of(MONDAY), 100)
    with pytest.raises(BudgetSpent):
        scene.close()
    assert (scene.released(), spent(scene)) == ({}, [100])


def test_the_budget_holds_under_concurrency(scene: Scene) -> None:
    scene.crowd(1)
    scene.run_jobs()
    granted = []

    def taker() -> None:
        for _ in range(5):
            try:
                with scene.db.begin() as session:
                    spend(session, 1, week_of(MONDAY), 90)
                granted.append(90)
            except BudgetSpent:
                pass

    together([taker] * 6)
    assert (sum(granted), spent(scene)) == (990, [990])


def test_many_workers_release_one_set(scene: Scene) -> None:
    scene.crowd(80)
    scene.crowd(80, merchant=2)
    scene.run_jobs()
    scene.set_now(MONDAY + WEEK + QUIET)
    done = []
    workers = [Closing(scene.db, scene.clock, scene.jobs, QUIET) for _ in range(4)]
    together([lambda worker=worker: done.append(worker.close_due()) for worker in workers])
    assert sum(done) == 2
    assert (count(scene, Release), spent(scene)) == (10, [1_000, 1_000])


class NoEntropy(Exception):
    pass


@pytest.mark.parametrize("draws", [1, 2, 5])
def test_an_error_between_two_draws_leaves_nothing_behind(scene: Scene, draws: int) -> None:
    scene.crowd(80)
    source, left = random.Random(3), [draws]

    def failing(n: int) -> int:
        if n == 2:  # the sign: once or more in every draw
            left[0] -= 1
            if left[0] == 0:
                raise NoEntropy
        return source.randrange(n)

    scene.run_jobs()
    scene.set_now(MONDAY + WEEK + QUIET)
    with pytest.raises(NoEntropy):
        Closing(scene.db, scene.clock, scene.jobs, QUIET, failing).close_due()
    assert (scene.released(), spent(scene)) == ({}, [0])
    assert count(scene, StatFact) == 80
    assert scene.close() == 1
    assert (len(scene.released()), spent(scene)) == (5, [1_000])


KILLED = """
import os, sys
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.statistics import release
import gateway.models

class Dying(release.Closing):
    def _release(self, session, merchant, week, metric, value):
        row = super()._release(session, merchant, week, metric, value)
        if metric == 4:
            os.kill(os.getpid(), 9)
        return row

clock = Clock(int(sys.argv[2]))
Dying(Database(sys.argv[1]), clock, Jobs(clock), 60).close_due()
"""


def test_a_kill_after_the_budget_was_spent_spends_nothing_and_releases_nothing(scene: Scene) -> None:
    scene.crowd(80)
    scene.run_jobs()
    scene.set_now(MONDAY + WEEK + QUIET)
    url = scene.db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, url, str(scene.clock.offset)]
    died = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300)
    assert died.returncode == -9
    assert (scene.released(), spent(scene), count(scene, StatFact)) == ({}, [0], 80)
    assert scene.close() == 1
    assert (len(scene.released()), spent(scene)) == (5, [1_000])
