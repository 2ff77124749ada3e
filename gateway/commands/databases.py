"""The gateway's database, as commands of the operator find it."""

from __future__ import annotations

import os

import gateway.models  # noqa: F401 - rows name rows of other rooms: to write one, all tables must be known
from gateway.commands.console import CommandError
from gateway.commands.state import State
from gateway.core.db import Database


def open_database(state: State, instead: str = "loyalty up") -> Database:
    """That of the environment, else of the local house; CommandError, with `instead` as what would help, when there is
    none."""
    url = os.environ.get("LOYALTY_DATABASE_URL")
    if url is None and not state.database.exists():
        raise CommandError("there is no database here", f"{instead}   (or set LOYALTY_DATABASE_URL)")
    return Database(url or f"sqlite:///{state.database}")
