"""Alembic's entry: runs migrations on the connection it is given, or on LOYALTY_DATABASE_URL."""

from __future__ import annotations

import os

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import CheckConstraint
from sqlalchemy.engine import Connection

from gateway.core.columns import Checked, PrimaryKey
from gateway.core.db import Database
from gateway.models import metadata


def _render_item(kind: str, item: object, autogen: AutogenContext) -> str | bool | None:
    if kind == "check" and isinstance(item, CheckConstraint) and item.info.get("from_type"):
        return None  # migrations name the type, which brings its check
    if kind == "type" and isinstance(item, Checked | PrimaryKey):
        autogen.imports.add("from gateway.core import columns")
        return f"columns.{item!r}"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=_render_item,  # type: ignore[arg-type]  # None leaves an item out; alembic's annotation lacks it
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    database = Database(os.environ["LOYALTY_DATABASE_URL"])
    with database.engine.begin() as connection:
        _run(connection)
