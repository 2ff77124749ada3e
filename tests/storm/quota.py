"""A database that may not grow for a while.

SQLite: no page more than it has (`PRAGMA max_page_count`, see tests/support/forks.py). PostgreSQL has no quota of its
own; there every table refuses inserts and updates by a trigger, with the server's own error for a full disk (53100).
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

FULL = """
CREATE TABLE storm_quota (is_full boolean NOT NULL);
INSERT INTO storm_quota VALUES (false);
CREATE FUNCTION storm_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT is_full FROM storm_quota) THEN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
  END IF;
  RETURN NULL;
END $$;
"""
TRIGGER = "CREATE TRIGGER storm_quota BEFORE INSERT OR UPDATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION storm_refuse()"


class Quota:
    """Of the database at `url`; `file` is where SQLite's processes look."""

    def __init__(self, url: str, file: Path) -> None:
        self._file = file
        parsed = make_url(url)
        self._dsn = None
        if parsed.get_backend_name() == "postgresql":
            self._dsn = f"host={parsed.query['host']} user={parsed.username} dbname={parsed.database}"
            self._install()

    def _install(self) -> None:
        assert self._dsn is not None
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            connection.execute(FULL)
            for (table,) in tables:
                connection.execute(sql.SQL(TRIGGER).format(sql.Identifier(table)))

    def fill(self, full: bool) -> None:
        """From now on nothing may grow, or all may again."""
        if self._dsn is not None:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute("UPDATE storm_quota SET is_full = %s", [full])
        elif full:
            self._file.touch()
        else:
            self._file.unlink(missing_ok=True)
