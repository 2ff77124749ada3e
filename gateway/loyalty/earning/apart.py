"""Campaigns are settled one after the other, and the trouble of one stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from gateway.chain.errors import ChainError, Temporary
from gateway.core import logs

log = structlog.get_logger(__name__)

#: What keeps all campaigns waiting: node or database cannot be asked. Anything else is the trouble of one.
EVERYBODY = (Temporary, OperationalError, InterfaceError, InternalError)


def settle_each(
    campaigns: Iterable[int], settle: Callable[[int], int], refused: Callable[[int], None] = lambda campaign: None
) -> int:
    """Settles these; returns how many batches were made. Where one cannot be, the log says so and `refused` is called
    for it. What keeps everybody waiting is raised."""
    made = 0
    for campaign in campaigns:
        try:
            made += settle(campaign)
        except EVERYBODY:
            raise
        except Exception as error:  # its numbers, books or rules, or the chain does not know it
            # A database's error repeats the row, which is nobody's business.
            kind = str(error) if isinstance(error, ChainError) else type(error).__name__
            log.error("settlement.refused", campaign=campaign, error=kind, where=logs.where(error))
            refused(campaign)
    return made
