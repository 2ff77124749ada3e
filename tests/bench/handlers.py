"""The least that a Python gateway could do with an action: what no gateway built on FastAPI passes.

`uvicorn --factory tests.bench.handlers:empty` (or `row`, `rows`); BENCH_DATABASE names the database.
"""

import os
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import FastAPI, Header

from gateway.core.db import Database
from gateway.loyalty.earning.schemas import ActionIn, BulkIn, BulkItem

TABLE = sa.Table(
    "reports",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("key", sa.String, unique=True),
    sa.Column("wallet", sa.LargeBinary),
    sa.Column("amount", sa.BigInteger),
)


def empty() -> FastAPI:
    """Parses the same body and answers."""
    app = FastAPI()

    @app.post("/v1/actions", status_code=202)
    async def accept(body: ActionIn) -> dict[str, Any]:
        return {"accepted": True}

    return app


def row() -> FastAPI:
    """The same with one durable row a request."""
    app, database = FastAPI(), _database()

    @app.post("/v1/actions", status_code=202)
    def accept(body: ActionIn, key: Annotated[str, Header(alias="Idempotency-Key")]) -> dict[str, Any]:
        with database.engine.begin() as connection:
            connection.execute(TABLE.insert(), {"key": key, "wallet": body.wallet, "amount": body.amount})
        return {"accepted": True}

    return app


def rows() -> FastAPI:
    """One durable row an action, all actions of a call in one transaction."""
    app, database = FastAPI(), _database()

    @app.post("/v1/actions/bulk")
    def accept(body: BulkIn) -> dict[str, Any]:
        items = [BulkItem.model_validate(raw) for raw in body.actions]
        with database.engine.begin() as connection:
            connection.execute(
                TABLE.insert(), [{"key": item.key, "wallet": item.wallet, "amount": item.amount} for item in items]
            )
        return {"accepted": len(items)}

    return app


def _database() -> Database:
    database = Database(os.environ["BENCH_DATABASE"])
    TABLE.metadata.create_all(database.engine)
    return database
