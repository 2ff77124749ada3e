"""First door: actions come in as coarse facts.

Which weeks exist and when they close follows from the merchant's own reports alone. A claim adds to its week's facts
but keeps no week open, and when it comes too late it is not even counted as late: else the date of a release, or a
public metric, would tell that somebody used a code.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.core.bulk import among, upsert
from gateway.core.clock import Clock
from gateway.core.db import get_or_add
from gateway.loyalty.earning.models import EARNED, Action, ActionKind
from gateway.statistics import cells, weeks
from gateway.statistics.models import SUMS, StatFact, StatWeek

log = structlog.get_logger(__name__)


#: Kinds of the jobs that bring actions here.
ACCEPTED, CLAIMED = "statistics.accepted", "statistics.claimed"


#: What an action adds to its wallet's fact, by column.
Values = dict[str, int]
#: The most that a wallet's fact holds, by column.
CLAMPS = {metric.name.lower(): cells.CELLS[metric].clamp for metric in SUMS}
#: One merchant's week: merchant id, Monday.
Key = tuple[int, int]


class Facts:
    """Bulk job handlers of action events. Refunds change no fact: what is counted is what happened. Nor do bonuses: the
    code of an opening balance is claimed, but nobody reported it, and its claim must open no week."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def accepted(self, session: Session, action_ids: Sequence[int]) -> None:
        """Counts accepted actions that name their wallet; one with a claim code only keeps its week open."""
        for week, mine in self._by_week(session, _actions(session, action_ids)):
            if week.closed:
                week.late += len(mine)
                log.info("statistics.late", merchant=week.merchant_id, week=week.week, actions=len(mine))
                continue
            week.last_report_at = self.clock.now()
            _count(session, week, [(action, _values(action)) for action in mine if not action.by_code])

    def claimed(self, session: Session, action_ids: Sequence[int]) -> None:
        """Counts actions whose claim codes were used."""
        for week, mine in self._by_week(session, _actions(session, action_ids)):
            if not week.closed:
                _count(session, week, [(action, {**_values(action), "claims": 1}) for action in mine])

    def _by_week(self, session: Session, actions: Iterable[Seen]) -> list[tuple[StatWeek, list[Seen]]]:
        """The actions by their weeks, which are locked."""
        groups: defaultdict[Key, list[Seen]] = defaultdict(list)
        for action in actions:
            groups[(action.merchant_id, weeks.week_of(action.occurred_at))].append(action)
        found = []
        for key, mine in sorted(groups.items()):  # in one order everywhere: two workers must not wait for each other
            found.append((get_or_add(session, StatWeek, key, partial(self._open, key)), mine))
        return found

    def _open(self, key: Key) -> StatWeek:
        return StatWeek(
            merchant_id=key[0],
            week=key[1],
            last_report_at=self.clock.now(),
            closed=False,
            spent=0,
            late=0,
            tag_key=secrets.token_bytes(32),
        )


class Seen(NamedTuple):
    """What of an action is counted."""

    merchant_id: int
    kind: ActionKind
    occurred_at: int
    amount: int
    wallet: bytes | None
    by_code: bool


def _actions(session: Session, ids: Sequence[int]) -> list[Seen]:
    columns = (Action.merchant_id, Action.kind, Action.occurred_at, Action.amount, Action.wallet)
    query = sa.select(*columns, Action.claim_hash.is_not(None)).where(among(Action.id, ids), Action.kind.in_(EARNED))
    return [Seen(*row) for row in session.execute(query.order_by(Action.id)).tuples()]


def _count(session: Session, week: StatWeek, counted: Sequence[tuple[Seen, Values]]) -> None:
    """Adds up, each wallet's part never above the clamp."""
    sums: defaultdict[bytes, Values] = defaultdict(lambda: dict.fromkeys(CLAMPS, 0))
    for action, values in counted:
        if action.wallet is None or week.tag_key is None:
            raise ValueError("an action without a wallet is counted for nobody")
        mine = sums[hmac.digest(week.tag_key, action.wallet, hashlib.sha256)[:16]]
        for name, value in values.items():
            mine[name] = min(mine[name] + value, CLAMPS[name])
    place = {"merchant_id": week.merchant_id, "week": week.week}
    rows = [{**place, "tag": tag, **mine} for tag, mine in sorted(sums.items())]
    upsert(session, StatFact, ["merchant_id", "week", "tag"], rows, CLAMPS)


def _values(action: Seen) -> Values:
    if action.kind == ActionKind.PURCHASE:
        return {"purchases": 1, "revenue": action.amount}
    return {"visits": 1} if action.kind == ActionKind.VISIT else {}
