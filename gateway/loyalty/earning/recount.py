"""Counts a campaign's past when it gets its first ladder. From then on every action is counted as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy.orm import Session

from gateway.core.db import Database
from gateway.loyalty.campaigns import promises
from gateway.loyalty.earning import counting
from gateway.loyalty.tiers.tallies import Tally


class Books(Protocol):
    """What of the ladders' room is needed here."""

    def uncounted(self, session: Session) -> list[int]: ...

    def restart(self, session: Session, campaign: int, counted: Iterable[Tally]) -> bool: ...


class Recounts:
    """Anything counted meanwhile is counted anew with the rest: the campaign is locked, and nothing is added twice."""

    def __init__(self, db: Database, books: Books) -> None:
        self.db, self.books = db, books

    def recount_due(self) -> int:
        """Counts campaigns that have ladders and were never counted; returns how many."""
        with self.db.read() as session:
            ids = self.books.uncounted(session)
        return sum(self.recount(campaign) for campaign in ids)

    def recount(self, campaign: int) -> bool:
        """Counts one campaign from its actions, unless another worker did."""
        with self.db.begin() as session:
            promises.lock(session, [campaign])
            return self.books.restart(session, campaign, counting.everything(session, campaign))
