"""How a database would answer a query."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gateway.core.db import Database


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
