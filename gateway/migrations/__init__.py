"""Schema changes, in order. `upgrade` brings a database to the newest one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.core.db import Database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(db: Database) -> None:
    """Brings the schema to the newest revision, in one transaction where the database can."""
    config = _config()
    with db.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(db: Database) -> bool:
    """True when the schema is at the newest revision."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with db.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision() == head
