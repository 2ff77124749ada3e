"""The gateway's database, as commands of the operator find it."""

from __future__ import annotations

import os

from gateway import models
from gateway.commands.console import CommandError
from gateway.commands.state import State
from gateway.core.db import Database


def open_database(state: State, instead: str = "loyalty up") -> Database:
    """That of the environment, else of the local house; CommandError, with `instead` as what would help, when there is
    none."""
    url = os.environ.get("LOYALTY_DATABASE_URL")
    if url is None and not state.database.exists():
        raise CommandError("there is no database here", f"{instead}   (or set LOYALTY_DATABASE_URL)")
    # Rows name rows of other rooms: to write one, all tables must be known.
    models.metadata.sorted_tables  # noqa: B018
    return Database(url or f"sqlite:///{state.database}")
