"""First door: what is kept of an action, and for how long."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.loyalty.earning.models import ActionKind
from gateway.statistics.models import SUMS, Metric, StatFact, StatWeek
from tests.gateway.statistics.conftest import MONDAY, QUIET, WEEK, Scene


def facts(scene: Scene) -> list[tuple[int, Metric, int]]:
    with scene.db.read() as session:
        rows = session.scalars(sa.select(StatFact)).all()
    found = [(row.merchant_id, metric, getattr(row, metric.name.lower())) for row in rows for metric in SUMS]
    return sorted([(row.merchant_id, Metric.WALLETS, 1) for row in rows] + [fact for fact in found if fact[2]])


def weeks(scene: Scene) -> list[StatWeek]:
    with scene.db.read() as session:
        return list(session.scalars(sa.select(StatWeek).order_by(StatWeek.merchant_id, StatWeek.week)))


def test_one_wallet_is_one_contribution_clamped_in_every_cell(scene: Scene) -> None:
    for _ in range(12):
        scene.act(7, amount=9_000)
        scene.act(7, ActionKind.VISIT, amount=0)
    scene.act(7, ActionKind.CUSTOM, amount=0)
    scene.run_jobs()
    assert facts(scene) == [
        (1, Metric.WALLETS, 1),
        (1, Metric.PURCHASES, 10),
        (1, Metric.REVENUE, 50_000),
        (1, Metric.VISITS, 7),
    ]


def test_a_refund_changes_no_fact(scene: Scene) -> None:
    scene.act(7, amount=500)
    scene.run_jobs()
    before = facts(scene)
    scene.act(7, ActionKind.REFUND, amount=500)
    scene.act(8, ActionKind.REFUND, amount=500, at=MONDAY + WEEK)
    scene.run_jobs()
    assert facts(scene) == before
    assert len(weeks(scene)) == 1


def test_a_claimed_action_counts_once_and_only_when_it_is_claimed(scene: Scene) -> None:
    action = scene.act(7, claim=True)
    scene.run_jobs()
    assert facts(scene) == []
    scene.claim(action, 7)
    scene.run_jobs()
    counted = [(1, Metric.WALLETS, 1), (1, Metric.PURCHASES, 1), (1, Metric.REVENUE, 1_000), (1, Metric.CLAIMS, 1)]
    assert facts(scene) == counted


def test_a_claim_before_the_first_job_ran_counts_once_as_well(scene: Scene) -> None:
    scene.claim(scene.act(7, claim=True), 7)
    scene.run_jobs()
    assert (1, Metric.PURCHASES, 1) in facts(scene)


def test_the_claim_leaves_no_trace_in_the_week(scene: Scene) -> None:
    """The day on which a week closes must not tell whether a code was used."""
    action = scene.act(7, claim=True)
    scene.run_jobs()
    before = weeks(scene)[0].last_report_at
    scene.clock.offset += 1_000
    scene.claim(action, 7)
    scene.run_jobs()
    assert [week.last_report_at for week in weeks(scene)] == [before]


def test_tags_differ_between_merchants_and_weeks_and_hide_the_wallet(scene: Scene) -> None:
    scene.act(7)
    scene.act(7, merchant=2)
    scene.act(7, at=MONDAY - 1)
    scene.run_jobs()
    with scene.db.read() as session:
        tags = set(session.scalars(sa.select(StatFact.tag)))
    assert len(tags) == 3
    assert [week.week * 86_400 for week in weeks(scene)] == [MONDAY - WEEK, MONDAY, MONDAY]
    assert len({week.tag_key for week in weeks(scene)}) == 3


def test_what_comes_after_the_close_is_dropped_and_counted(scene: Scene) -> None:
    scene.crowd(3)
    assert scene.close() == 1
    scene.act(9)
    scene.claim(scene.act(10, claim=True), 10)
    scene.run_jobs()
    assert facts(scene) == []
    # The two reports; the claim is no report.
    assert [week.late for week in weeks(scene)] == [2]
    scene.clock.offset += 10 * QUIET
    assert scene.closing.close_due() == 0


def test_the_claim_of_an_opening_balance_is_no_fact_and_opens_no_week(scene: Scene) -> None:
    """Nobody reported it, so that the release of a week with nothing else in it would tell of the claim."""
    scene.claim(scene.act(7, ActionKind.BONUS, amount=0, claim=True, reported=False), 7)
    scene.run_jobs()
    assert weeks(scene) == []
    scene.act(8)
    scene.claim(scene.act(7, ActionKind.BONUS, amount=0, claim=True, reported=False), 7)
    scene.run_jobs()
    assert {metric for _, metric, _ in facts(scene)} == {Metric.WALLETS, Metric.PURCHASES, Metric.REVENUE}
    assert [value for _, metric, value in facts(scene) if metric == Metric.WALLETS] == [1]
