"""How a database would answer a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from gateway.core.db import Database
from gateway.models import metadata


def plan(db: Database, query: sa.Select[Any]) -> str:
    """What the database would do, asked with parameters, as it is always asked."""
    compiled = query.compile(db.engine, compile_kwargs={"render_postcompile": True})
    values = {name: int(value) if isinstance(value, int) else value for name, value in compiled.params.items()}
    given = tuple(values[name] for name in compiled.positiontup or ()) if db.sqlite else values
    with db.read() as session:
        if not db.sqlite:
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        words = "EXPLAIN QUERY PLAN" if db.sqlite else "EXPLAIN"
        return "\n".join(map(str, session.connection().exec_driver_sql(f"{words} {compiled}", given)))


@contextmanager
def told(db: Database) -> Iterator[list[tuple[str, Any]]]:
    """Each different statement that the database is told meanwhile, with the parameters of one execution."""
    found: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        found.setdefault(statement, parameters[0] if many else parameters)

    statements: list[tuple[str, Any]] = []
    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
        statements += found.items()


def read_whole(db: Database, statements: Iterable[tuple[str, Any]]) -> dict[str, set[str]]:
    """Which tables SQLite reads from end to end, by the statement. An index read from end to end counts, too."""
    found: dict[str, set[str]] = {}
    with db.read() as session:
        for statement, parameters in statements:
            if statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"}:
                rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                scans = {row.detail.split()[1] for row in rows if row.detail.startswith("SCAN ")}
                if scans := scans & set(metadata.tables):
                    found[statement] = scans
    return found
