"""Prometheus figures, asked of the database at each scrape, so that any number of processes tell the same.

No label holds an address, a merchant or a campaign. docs/grafana.json draws them; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import sqlalchemy as sa
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from gateway.chain.errors import ChainError
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.relayer.models import ChainTx, KeyState, TxState
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Action, ActionState, Batch, BatchState, LandingTime
from gateway.messaging.models import Delivery, DeliveryState
from gateway.web.health import Check, look

log = structlog.get_logger(__name__)
UNDER_WAY = (TxState.QUEUED, TxState.SIGNED)


class Figures(Collector):
    """`checks` are those of readiness, `funds` what each key has, in wei."""

    def __init__(
        self, db: Database, clock: Clock, checks: Mapping[str, Check], funds: Callable[[], Sequence[int]]
    ) -> None:
        self.db, self.clock, self.checks, self.funds = db, clock, checks, funds

    def describe(self) -> list[Metric]:
        """Nothing is asked when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._of_checks()
        with suppress(ChainError):  # the node's own check tells
            yield self._of_keys()
        try:
            with self.db.read() as session:
                found = [*self._queue(session), *self._chain(session), *self._later(session), _landing(session)]
        except sa.exc.SQLAlchemyError as error:
            log.warning("metrics.failed", error=type(error).__name__)
            return
        yield from found

    def _of_checks(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("loyalty_check_ok", "1 when the check is fine", labels=["check"])
        value = GaugeMetricFamily("loyalty_check_value", "The figure of the check", labels=["check"])
        for name, finding in look(self.checks).items():
            state.add_metric([name], finding.ok)
            value.add_metric([name], finding.value)
        yield from (state, value)

    def _of_keys(self) -> Metric:
        """By a key's place among the keystores: its address is nobody's business here."""
        family = GaugeMetricFamily("loyalty_key_ether", "What a key has for gas", labels=["key"])
        for place, wei in enumerate(self.funds(), 1):
            family.add_metric([str(place)], wei / 10**18)
        return family

    def _queue(self, session: Session) -> Iterator[Metric]:
        now = self.clock.now()
        depth = GaugeMetricFamily("loyalty_queue_depth", "What waits, by stage", labels=["stage"])
        age = GaugeMetricFamily("loyalty_queue_age_seconds", "How long the oldest of it waits", labels=["stage"])
        stages = {
            # By campaign, because that is what the index begins with.
            "settlement": sa.select(sa.func.count(), sa.func.min(Action.created_at)).where(
                Action.campaign_id.in_(sa.select(Campaign.id)), Action.state == ActionState.ACCEPTED
            ),
            "landing": sa.select(sa.func.count(), sa.func.min(Batch.created_at)).where(
                Batch.state == BatchState.QUEUED
            ),
            "transactions": sa.select(sa.func.count(), sa.func.min(ChainTx.created_at)).where(
                ChainTx.state.in_(UNDER_WAY)
            ),
            "jobs": sa.select(sa.func.count(), sa.func.min(Job.run_at)).where(Job.run_at <= now),
            "webhooks": sa.select(sa.func.count(), sa.func.min(Delivery.created_at)).where(
                Delivery.state == DeliveryState.WAITING
            ),
        }
        for stage, query in stages.items():
            count, oldest = session.execute(query).one()
            depth.add_metric([stage], count)
            age.add_metric([stage], max(0, now - oldest) if oldest else 0)
        yield from (depth, age)

    def _chain(self, session: Session) -> Iterator[Metric]:
        rewinds = sa.select(sa.func.count()).where(ChainEvent.kind == EventKind.REWIND)
        yield _count("loyalty_reorganisations", "Reorganisations below the confirmations", session.scalar(rewinds))
        outcomes = CounterMetricFamily("loyalty_transactions", "Transactions by what became of them", labels=["state"])
        by_state = sa.select(ChainTx.state, sa.func.count()).group_by(ChainTx.state)
        counts = dict(session.execute(by_state).tuples().all())
        for state in (TxState.DONE, TxState.REVERTED, TxState.REFUSED):
            outcomes.add_metric([state.name.lower()], counts.get(state, 0))
        keys = list(session.scalars(sa.select(KeyState).order_by(KeyState.sender)))
        broke = sum(key.out_of_gas for key in keys)
        out = GaugeMetricFamily("loyalty_keys_out_of_gas", "Keys that cannot pay for a transaction", value=broke)
        spent = sum(key.spent for key in keys) / 10**18
        yield from (outcomes, out, _count("loyalty_fees_ether", "Paid for gas, by all keys", spent))

    def _later(self, session: Session) -> Iterator[Metric]:
        failed = sa.select(sa.func.count()).where(Job.attempts > 0)
        yield GaugeMetricFamily("loyalty_jobs_failing", "Jobs that failed and wait", value=session.scalar(failed) or 0)
        given_up = sa.select(sa.func.count()).where(Delivery.state == DeliveryState.GIVEN_UP)
        yield _count("loyalty_webhooks_given_up", "Messages that no endpoint took", session.scalar(given_up))


def _count(name: str, text: str, value: float | None) -> Metric:
    family = CounterMetricFamily(name, text)
    family.add_metric([], value or 0)
    return family


def _landing(session: Session) -> Metric:
    rows = session.execute(sa.select(LandingTime.upto, LandingTime.batches, LandingTime.seconds)).tuples()
    known = {upto: (batches, seconds) for upto, batches, seconds in rows}
    total, buckets = 0, []
    for upto in LandingTime.UPTO:
        total += known.get(upto, (0, 0))[0]
        buckets.append((str(float(upto)), float(total)))
    total += known.get(LandingTime.MORE, (0, 0))[0]
    buckets.append(("+Inf", float(total)))
    family = HistogramMetricFamily(
        "loyalty_accepted_to_minted_seconds", "From the acceptance of a batch's oldest action to its landing at depth"
    )
    family.add_metric([], buckets, float(sum(seconds for _, seconds in known.values())))
    return family
