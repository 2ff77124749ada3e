"""The whole application in this process, over one database and no chain: every route is there, and none waits."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr

from gateway import app
from gateway.bootstrap import Ground, House
from gateway.chain.deployment import Deployment
from gateway.chain.reads import Reads
from gateway.chain.relayer.queue import Queue
from gateway.chain.rpc import Rpc
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.secrets import Secrets
from gateway.settings import Settings

#: Nothing listens there.
NOWHERE = "http://127.0.0.1:9"


def application(db: Database) -> FastAPI:
    """Over a database with the schema; the node is unreachable."""
    settings = Settings(
        environment="local",
        database_url=str(db.url),
        rpc_url=NOWHERE,
        master_secret=SecretStr(secrets.token_hex(32)),
        relayer_password=SecretStr("x"),
        relayer_keystore=Path("none"),
        min_wallets=1,
        min_window=0,
    )
    clock, rpc = Clock(), Rpc(NOWHERE)
    addresses = [bytes([number]) * 20 for number in (1, 2, 3)]
    hashes = [bytes([number]) * 32 for number in (1, 2, 3)]
    deployment = Deployment(31_337, hashes[0], *addresses, 100, 1, *hashes[1:], "Points")
    ground = Ground(
        settings=settings,
        db=db,
        clock=clock,
        jobs=Jobs(clock),
        secrets=Secrets(settings.master()),
        rpc=rpc,
        probe=rpc,
        deployment=deployment,
        reads=Reads(rpc, deployment),
        desk=Queue(clock, (b"o" * 20,)),
    )
    return app.build(House(ground))
