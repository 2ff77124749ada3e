"""How a database would answer a query."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway.core.db import Database
from gateway.models import metadata

ROOT = f"{Path(__file__).parents[2]}/"
#: What gets another row with each action, order, event or customer, and keeps it.
GROWS = frozenset(
    {
        "actions",
        "action_lines",
        "badge_wishes",
        "batches",
        "batch_entries",
        "cap_uses",
        "carries",
        "chain_badges",
        "chain_events",
        "chain_txs",
        "codes",
        "grants",
        "holdings",
        "ledger_entries",
        "moves",
        "offline_uses",
        "players",
        "play_rewards",
        "redemptions",
        "referrals",
        "signed_txs",
        "stat_facts",
        "tier_days",
        "webhook_deliveries",
    }
)
#: Whose work is to look at everything.
WHOLE_BY_NATURE = (
    "gateway/commands/",
    "gateway/migrations",
    "gateway/web/metrics.py:_chain",  # counts transactions by their state, in the index alone
)
#: From end to end, or from the beginning to a row that is mostly near the end.
WHOLE = re.compile(r"SCAN |SEARCH \w+ USING INTEGER PRIMARY KEY \(rowid<\?\)")
ASKED = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")


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


class Watch:
    """Notes each statement that the gateway's own code gives to SQLite, and finds those that read from end to end what
    grows. PostgreSQL plans by how large a table is, and in a test all are small."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._new: dict[str, tuple[str, Any]] = {}
        self._schema: sqlite3.Connection | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", self._note)

    def check(self) -> None:
        """AssertionError with what was asked for the first time since the last check, and should not have been."""
        new, self._new = self._new, {}
        whole = sorted(f"{place}: {text}" for text, (place, given) in new.items() if self._reads_all(text, given))
        assert not whole, "\n".join(["read from end to end:", *whole])

    def _note(self, connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        if text in self._seen or connection.dialect.name != "sqlite" or not text.startswith(ASKED):
            return
        place = _asked_by()
        if place.startswith("gateway/") and not place.startswith(WHOLE_BY_NATURE):
            self._seen.add(text)
            rows = many and isinstance(parameters[0], tuple)  # or one row of many columns after the other
            self._new[text] = place, parameters[0] if rows else parameters

    def _reads_all(self, text: str, given: Any) -> bool:
        if self._schema is None:
            engine = sa.create_engine("sqlite://")
            metadata.create_all(engine)
            self._schema = engine.raw_connection().driver_connection
        assert self._schema is not None
        # With its parameters: SQLite looks at them before it takes an index of some rows only.
        rows = self._schema.execute(f"EXPLAIN QUERY PLAN {text}", given)
        return any(WHOLE.match(detail) and detail.split()[1] in GROWS for *_, detail in rows)


def _asked_by() -> str:
    """File and function of this repository that is nearest to the database, without the way that all take."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(ROOT) and "/site-packages/" not in file and "/gateway/core/" not in file:
            return f"{file.removeprefix(ROOT)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return ""
