"""SQLite gives the number of a removed job, webhook, message or upload to no other

Revision: 0021, after 0020
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: Who refers to another comes before it.
TABLES = ("jobs", "webhook_deliveries", "webhook_endpoints", "code_uploads")
ONCE, AGAIN = "\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, ", "\tid INTEGER NOT NULL, "
FIRST = "\tCONSTRAINT "


def upgrade() -> None:
    _declare(lambda table, words: words.replace(AGAIN, ONCE).replace(_key(table), ""))


def downgrade() -> None:
    _declare(lambda table, words: words.replace(ONCE, AGAIN).replace(FIRST, f"{_key(table)}{FIRST}", 1))


def _key(table: str) -> str:
    return f"{FIRST}pk_{table} PRIMARY KEY (id), \n"


def _declare(change: Callable[[str, str], str]) -> None:
    """The tables anew, declared in other words, with their rows. PostgreSQL's sequences never go back."""
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        return
    declared: dict[str, list[str]] = {}
    for table in TABLES:
        found = sa.text("SELECT sql FROM sqlite_schema WHERE tbl_name = :t AND sql IS NOT NULL ORDER BY type DESC")
        create, *indexes = bind.scalars(found, {"t": table})
        declared[table] = [change(table, create), *indexes]
        bind.exec_driver_sql(f"CREATE TEMPORARY TABLE {table}_before AS SELECT * FROM {table}")  # noqa: S608 - ours
        bind.exec_driver_sql(f"DROP TABLE {table}")
    for table in reversed(TABLES):
        for sql in declared[table]:
            bind.exec_driver_sql(sql)
        bind.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608 - names of ours
        bind.exec_driver_sql(f"DROP TABLE {table}_before")
