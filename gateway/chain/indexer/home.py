"""Whose events a database holds. A deployment file may be right and yet another's: then every row would lie. So may a
master secret: a till that asks again would be told another claim code than the one on the receipt."""

from __future__ import annotations

import structlog

from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.hexes import checksum
from gateway.chain.indexer.models import HomeChain
from gateway.core.clock import Clock
from gateway.core.db import Database, get_or_add

log = structlog.get_logger(__name__)

#: Seconds between two looks at what other workers say, and after which one that says nothing is taken to have left.
EVERY, LEFT = 10, 60


def check(db: Database, deployment: Deployment, mark: bytes, verified: bool) -> None:
    """WrongDeployment when the database was started with another deployment, or with another master secret than that of
    which `mark` is a digest. The first that the node has `verified` is noted."""
    with db.begin() as session:
        mine = HomeChain(id=1, genesis_hash=deployment.genesis_hash, hub=deployment.hub, mark=mark)
        home = get_or_add(session, HomeChain, 1, lambda: mine) if verified else session.get(HomeChain, 1)
        if home is None:
            return
        if (home.genesis_hash, home.hub) != (deployment.genesis_hash, deployment.hub):
            raise WrongDeployment(f"the database belongs to another deployment, that of the hub {checksum(home.hub)}")
        home.mark = home.mark or mark
        if home.mark != mark:
            raise WrongDeployment("the database was started with another LOYALTY_MASTER_SECRET")


class Depth:
    """Workers of one database count events at one depth: that of the one with the most confirmations. Else one that was
    left running with fewer would deliver for all, before what it delivers for is safe."""

    def __init__(self, db: Database, clock: Clock, confirmations: int) -> None:
        self._db, self._clock, self._mine = db, clock, confirmations
        self._asked_at, self._known = 0, confirmations

    def confirmations(self) -> int:
        """Those that count; asked every few seconds."""
        now = self._clock.now()
        if not 0 <= now - self._asked_at < EVERY:
            self._known, self._asked_at = self._ask(now), now
        return self._known

    def _ask(self, now: int) -> int:
        with self._db.begin() as session:
            home = session.get(HomeChain, 1, with_for_update=True)
            if home is None:
                return self._mine
            said = home.depth if home.depth_at is not None and abs(now - home.depth_at) < LEFT else None
            if said is not None and said > self._mine:
                log.warning("indexer.others_confirm_more", mine=self._mine, theirs=said)
                return said
            home.depth, home.depth_at = self._mine, now
        return self._mine
