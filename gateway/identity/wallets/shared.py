"""The orders of wallets that earned nothing here: all of them together have so many a day, because a point can be
passed on to ever fresh wallets, each of which would have orders of its own."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from gateway.core.clock import Clock
from gateway.core.db import get_or_add
from gateway.core.durations import DAY
from gateway.identity.wallets.errors import SHARED_ORDERS_USED_UP
from gateway.identity.wallets.models import SharedOrders


class SharedBudget:
    """`earned` says whether a campaign of this gateway has paid a wallet; of all others together `a_day` orders are
    taken in a UTC day."""

    def __init__(self, clock: Clock, earned: Callable[[Session, bytes], bool], a_day: int) -> None:
        self.clock, self.earned, self.a_day = clock, earned, a_day

    def take(self, session: Session, holder: bytes) -> None:
        """Counts an order of `holder`, in the transaction that takes it; `shared-orders-used-up`."""
        if self.earned(session, holder):
            return
        now = self.clock.now()
        day = now // DAY
        row = get_or_add(session, SharedOrders, day, lambda: SharedOrders(day=day, orders=0))
        if row.orders >= self.a_day:
            told = f"at most {self.a_day} a UTC day; an order can be sent to the chain by anybody, without the gateway"
            raise SHARED_ORDERS_USED_UP.at("holder", told, retry_after=(day + 1) * DAY - now)
        row.orders += 1
