"""How often a merchant's tills may ask for codes that were not handed out.

A leaked key must not try codes out. Nor must a merchant ask for each code of its own pool again and again: it would see
which one was delivered when the chain shows a payment, and know the wallet of whoever brings that code to the till.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.core.clock import Clock
from gateway.core.db import Database, get_or_add
from gateway.core.problems import Problem
from gateway.loyalty.offers.errors import CODE_UNKNOWN, TOO_MANY_MISSES
from gateway.loyalty.offers.models import CodeMiss

#: Unknown codes of one merchant in one clock hour, over all its keys.
MOST = 100
HOUR = 3_600


class Misses:
    """Counts unknown codes per merchant and hour, in transactions of its own: a refusal rolls its request back."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db, self.clock = db, clock

    @contextmanager
    def counting(self, merchant_id: int) -> Iterator[None]:
        """Around each look at a code. `too-many-misses` for known and unknown codes alike, until the hour is over."""
        now = self.clock.now()
        with self.db.read() as session:
            row = session.get(CodeMiss, merchant_id)
        if row is not None and row.hour == now // HOUR and row.misses >= MOST:
            raise TOO_MANY_MISSES.at("code", f"at most {MOST} an hour", retry_after=HOUR - now % HOUR)
        try:
            yield
        except Problem as problem:
            if problem.refusal is CODE_UNKNOWN:
                self._count(merchant_id, now // HOUR)
            raise

    def _count(self, merchant_id: int, hour: int) -> None:
        with self.db.begin() as session:
            first = CodeMiss(merchant_id=merchant_id, hour=hour, misses=0)
            row = get_or_add(session, CodeMiss, merchant_id, lambda: first)
            row.misses = 1 if row.hour != hour else row.misses + 1
            row.hour = hour
