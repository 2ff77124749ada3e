"""What tests of the indexer share: points minted on the chain, and what came of it in the database."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.chain import calls
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.service import Indexer
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.web.health import Finding
from tests.gateway.chain.world import World
from tests.support.checks import checks


def minting(world: World) -> World:
    """The same, where the owner may mint."""
    world.owner.send(world.deployment.asset, calls.approve(world.deployment.token))
    return world


def mint(world: World, to: bytes, points: int = 100) -> None:
    world.token(calls.mint(to, points))


def run(indexer: Indexer) -> int:
    """Steps until nothing more comes; how many events."""
    total = idle = 0
    while idle < 2:
        done = indexer.step()
        total += done
        idle = 0 if done else idle + 1
    return total


def stored(db: Database, *, orphaned: bool = False) -> list[ChainEvent]:
    with db.read() as session:
        query = sa.select(ChainEvent).where(ChainEvent.orphaned == orphaned).order_by(ChainEvent.id)
        return list(session.scalars(query))


def transfers(db: Database) -> list[bytes]:
    return [row.counterparty or b"" for row in stored(db) if row.kind is EventKind.TRANSFER]


def look(db: Database, rpc: Rpc, clock: Clock, world: World) -> Finding:
    """What /ready says of the indexer."""
    return checks(db, clock, rpc=rpc, reads=Reads(rpc, world.deployment)).indexer()
