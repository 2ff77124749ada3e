"""`loyalty migrate`: brings the database to the newest schema."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway import migrations
from gateway.commands.console import AsJson, CommandError, facts, out
from gateway.core.db import Database


def migrate(
    database_url: Annotated[
        str | None, typer.Option("--database", envvar="LOYALTY_DATABASE_URL", help="SQLAlchemy URL.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the newest schema. `loyalty up` does it by itself."""
    if not database_url:
        raise CommandError("which database?", "loyalty migrate --database sqlite:///loyalty.db")
    database = Database(database_url)
    try:
        before = migrations.is_current(database)
        migrations.upgrade(database)
    finally:
        database.dispose()
    answer = {"current": True, "changed": not before}
    out.result(answer, lambda: facts("Schema", [("newest revision", "yes, already" if before else "yes, now")]))
