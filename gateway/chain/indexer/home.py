"""Whose events a database holds. A deployment file may be right and yet another's: then every row would lie. So may a
master secret: a till that asks again would be told another claim code than the one on the receipt."""

from __future__ import annotations

from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.hexes import checksum
from gateway.chain.indexer.models import HomeChain
from gateway.core.db import Database, get_or_add


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
