"""First door: actions come in as coarse facts.

Which weeks exist and when they close follows from the merchant's own reports alone. A claim adds to its week's facts
but keeps no week open: else the date of a release would tell that somebody used a code.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import structlog
from prometheus_client import Counter
from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.loyalty.earning.models import Action, ActionKind
from gateway.statistics import cells, weeks
from gateway.statistics.models import Metric, StatFact, StatWeek

log = structlog.get_logger(__name__)
LATE = Counter("loyalty_statistics_late_facts", "Actions that came after their week was closed and are not counted")


#: Kind of the job that brings an accepted action here.
ACCEPTED = "statistics.accepted"


class Facts:
    """Job handlers of action events. Refunds change no fact: what is counted is what happened."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def accepted(self, session: Session, action_id: int) -> None:
        """Counts an accepted action that names its wallet; one with a claim code only keeps its week open, as does a
        guest's that earned nothing and therefore has no code."""
        action = session.get_one(Action, action_id)
        if action.kind == ActionKind.REFUND:
            return
        week = self._open_week(session, action)
        if week is None:
            return
        week.last_report_at = self.clock.now()
        if action.claim_hash is None and action.wallet is not None:
            self._count(session, action, week, _values(action))

    def claimed(self, session: Session, action_id: int) -> None:
        """Counts an action whose claim code was used."""
        action = session.get_one(Action, action_id)
        week = self._open_week(session, action)
        if week is not None:
            self._count(session, action, week, {**_values(action), Metric.CLAIMS: 1})

    def _open_week(self, session: Session, action: Action) -> StatWeek | None:
        """The action's week, locked; None (and counted) when it is closed."""
        key = (action.merchant_id, weeks.week_of(action.occurred_at))
        week = session.get(StatWeek, key, with_for_update=True)
        if week is None:
            week = StatWeek(
                merchant_id=key[0],
                week=key[1],
                last_report_at=self.clock.now(),
                closed=False,
                spent=0,
                tag_key=secrets.token_bytes(32),
            )
            session.add(week)
            session.flush()
        if week.closed:
            LATE.inc()
            log.info("statistics.late", merchant=key[0], week=key[1])
            return None
        return week

    def _count(self, session: Session, action: Action, week: StatWeek, values: dict[Metric, int]) -> None:
        if action.wallet is None or week.tag_key is None:
            raise ValueError("an action without a wallet is counted for nobody")
        tag = hmac.digest(week.tag_key, action.wallet, hashlib.sha256)[:16]
        for metric, value in values.items():
            fact = session.get(StatFact, (week.merchant_id, week.week, tag, metric))
            if fact is None:
                fact = StatFact(merchant_id=week.merchant_id, week=week.week, tag=tag, metric=metric, value=0)
                session.add(fact)
            fact.value = cells.clamped(metric, fact.value + value)


def _values(action: Action) -> dict[Metric, int]:
    values = {Metric.WALLETS: 1}
    if action.kind == ActionKind.PURCHASE:
        values |= {Metric.PURCHASES: 1, Metric.REVENUE: action.amount}
    elif action.kind == ActionKind.VISIT:
        values[Metric.VISITS] = 1
    return values
