"""`loyalty migrate`: brings the database to the newest schema."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway import migrations
from gateway.commands import copying
from gateway.commands.console import AsJson, CommandError, facts, out, table
from gateway.core.db import Database
from gateway.models import metadata


def migrate(
    database_url: Annotated[
        str | None, typer.Option("--database", envvar="LOYALTY_DATABASE_URL", help="SQLAlchemy URL.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Copy everything into this empty database instead.", metavar="URL")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the newest schema. `loyalty up` does it by itself. --to copies all of it into another one,
    SQLite or PostgreSQL; stop gateway and worker before.

    Example: loyalty migrate --database sqlite:///loyalty.db"""
    if not database_url:
        raise CommandError("which database?", "loyalty migrate --database sqlite:///loyalty.db")
    if to is not None:
        _copy(database_url, to)
        return
    database = Database(database_url)
    try:
        before = migrations.is_current(database)
        migrations.upgrade(database)
    finally:
        database.dispose()
    answer = {"current": True, "changed": not before}
    out.result(answer, lambda: facts("Schema", [("newest revision", "yes, already" if before else "yes, now")]))


def _copy(source: str, target: str) -> None:
    there, here = Database(source), Database(target)
    try:
        with out.progress() as bar:
            task = bar.add_task("copying", total=len(metadata.sorted_tables))
            counts = copying.copy(there, here, lambda name, count: bar.update(task, advance=1, description=name))
    finally:
        there.dispose()
        here.dispose()
    rows = [(name, count) for name, count in counts.items() if count]
    out.result({"copied": counts}, lambda: table("Copied, and compared row by row", ("table", "rows"), rows))
