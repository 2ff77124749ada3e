"""`loyalty reindex`: does a fresh reading of the chain come to the same database?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from gateway.chain.errors import ChainError
from gateway.client import Json
from gateway.commands import audit_database, reindexing
from gateway.commands.audit_logs import ChainMoved
from gateway.commands.chain import open_chain, unanswered
from gateway.commands.console import AsJson, CommandError, out, table
from gateway.commands.databases import open_database
from gateway.commands.reindexing import Comparison
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.db import Database


def reindex(
    replace: Annotated[bool, typer.Option("--replace", help="Mend what differs; the worker may run.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Read the chain from its beginning again and compare with the database. Exit code 1: a difference. --replace mends
    it.

    Example: loyalty reindex --replace"""
    local = State(state)
    chain, database = open_chain(local), open_database(local)
    try:
        with tempfile.TemporaryDirectory(prefix="loyalty-reindex-") as folder, out.progress() as bar:
            task = bar.add_task("reading the chain's events", total=None)
            scratch = Database(f"sqlite:///{Path(folder) / 'scratch.db'}")
            try:
                with audit_database.snapshot(database) as session:
                    upto = audit_database.cursor_block(session)
                    if upto is None:
                        raise CommandError("the gateway has not read the chain yet", "loyalty up", "not-indexed")
                    reindexing.read(
                        scratch,
                        chain.rpc,
                        chain.deployment,
                        upto,
                        lambda done, total: bar.update(task, completed=done, total=total),
                    )
                    found = reindexing.compare(session, scratch)
            finally:
                scratch.dispose()
        if replace and not found.equal:
            reindexing.mend(database, chain.rpc, chain.deployment, found)
    except ChainMoved:
        raise CommandError("the chain is being reorganised; try again soon", code="chain-moved") from None
    except ChainError as error:
        raise unanswered(error) from None
    finally:
        database.dispose()
    out.result(_json(found, replace), lambda: _render(found, replace))
    if not found.equal and not replace:
        raise typer.Exit(1)


def _json(found: Comparison, replaced: bool) -> Json:
    told = [
        {"table": each.table, "key": _plain(each.key), "chain": _plain(each.chain), "database": _plain(each.database)}
        for each in found.told
    ]
    return {
        "equal": found.equal,
        "replaced": replaced and not found.equal,
        "block": found.block,
        "rows": found.rows,
        "differing": found.differing,
        "differences": told,
    }


def _plain(row: tuple[Any, ...] | None) -> list[Any] | None:
    return None if row is None else [value.hex() if isinstance(value, bytes) else value for value in row]


def _render(found: Comparison, replaced: bool) -> RenderableType:
    rows = [(name.replace("_", " "), count, found.differing[name]) for name, count in found.rows.items()]
    parts: list[RenderableType] = [table(f"As of block {found.block:,}", ("table", "rows", "differing"), rows)]
    if found.equal:
        parts.append("A fresh reading comes to the same database.")
    elif replaced:
        parts.append("Mended; the worker reads on from there. Run `loyalty reindex` again.")
    else:
        parts.append("They differ: --json tells where, --replace mends it.")
    return Group(*parts)
