"""`loyalty audit`: does everything add up?

The chain's logs alone are the source. What they come to is compared with what the contracts say at the same block and,
unless only the chain is asked about, with what the gateway's database says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Group, RenderableType
from sqlalchemy.orm import Session

from gateway.chain.deployment import Deployment
from gateway.chain.errors import BlockUnavailable, ChainError
from gateway.chain.reads import Head, Reads
from gateway.chain.relayer.models import KeyState
from gateway.chain.rpc import Rpc
from gateway.client import Json
from gateway.commands import audit_chain, audit_database, audit_earning, audit_logs, audit_rooms
from gateway.commands.audit_books import Books
from gateway.commands.audit_chain import Backing
from gateway.commands.audit_database import Rebuilt
from gateway.commands.audit_logs import ChainMoved, Logs
from gateway.commands.audit_model import Difference
from gateway.commands.chain import open_chain, unanswered
from gateway.commands.console import AsJson, CommandError, facts, out, points, table
from gateway.commands.databases import open_database
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.db import Database
from gateway.loyalty.campaigns.models import Campaign

Progress = Callable[[int], None]
#: Attempts, a second apart, while the chain is reorganised or the node lacks the state of the last block read: one that
#: was just started again has only the state of newer blocks, which the indexer will have read in a moment.
ATTEMPTS = 5


@dataclass(frozen=True)
class AuditReport:
    """As of `block`. `totals`: points in hundredths, units of the asset (reserve, liabilities), counts."""

    block: int
    solvent: bool
    differences: list[Difference]
    totals: dict[str, int]

    @property
    def ok(self) -> bool:
        """True when there is no difference anywhere."""
        return not self.differences

    def json(self) -> Json:
        """The report as one document."""
        return {
            "ok": self.ok,
            "solvent": self.solvent,
            "block": self.block,
            "differences": [asdict(each) for each in self.differences],
            "totals": self.totals,
        }


def run_audit(
    db: Database | None,
    rpc: Rpc,
    deployment: Deployment,
    block: int | None = None,
    progress: Progress = lambda _: None,
) -> AuditReport:
    """Audits chain and database as of the indexer's last block, or with `db` None the chain alone as of `block`
    (default: the newest).

    Raises WrongDeployment, ChainErrors when the node cannot be asked (BlockUnavailable: it no longer keeps the state of
    that block), ChainMoved when the chain is reorganised again and again.
    """
    deployment.verify(rpc)
    for attempt in range(ATTEMPTS):
        try:
            if db is None:
                head = Reads(rpc, deployment).head("latest" if block is None else block)
                return _audit(None, rpc, deployment, head, progress)
            with audit_database.snapshot(db) as session:
                return audit_session(session, rpc, deployment, progress)
        except (ChainMoved, BlockUnavailable):
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(1)
    raise AssertionError


def audit_session(
    session: Session, rpc: Rpc, deployment: Deployment, progress: Progress = lambda _: None
) -> AuditReport:
    """As `run_audit`, of what this session sees."""
    return _audit(session, rpc, deployment, _indexed_head(session, rpc, deployment), progress)


def _indexed_head(session: Session, rpc: Rpc, deployment: Deployment) -> Head:
    cursor = audit_database.cursor_block(session)
    if cursor is None:
        raise CommandError("the gateway has not read the chain yet", "loyalty audit --chain-only", "not-indexed")
    head = Reads(rpc, deployment).head(cursor.number)
    if head.hash != cursor.hash:
        raise ChainMoved
    return head


def _audit(session: Session | None, rpc: Rpc, deployment: Deployment, head: Head, progress: Progress) -> AuditReport:
    logs = audit_logs.fetch(rpc, deployment, head, progress)
    rebuilt = Rebuilt(deployment.hub, logs, head.time)
    books = rebuilt.until((head.number, 2**62))
    differences, backing = audit_chain.compare(books, rpc, deployment, head)
    differences = books.differences + differences
    totals = _totals(books, logs, backing)
    if session is not None:
        found, problems, totals["events_behind"] = audit_database.positions(session)
        differences += problems
        totals["paid_ahead"] = int(session.scalar(sa.select(sa.func.sum(Campaign.ahead))) or 0)
        differences += _database(session, rebuilt, found, head)
    return AuditReport(head.number, backing.solvent, differences, totals)


def _database(
    session: Session, rebuilt: Rebuilt, found: dict[str, audit_database.Position], head: Head
) -> Iterator[Difference]:
    yield from audit_database.events(session, rebuilt.logs.rows)
    yield from audit_database.ledger(session, rebuilt.until(found["ledger"]), head.time)
    yield from audit_database.badges(session, rebuilt.until(found["ledger"]))
    keys = list(session.scalars(sa.select(KeyState.sender)))
    operator = keys[0] if len(keys) == 1 else None
    for row in session.scalars(sa.select(Campaign).order_by(Campaign.id)):
        place = max(found["earning"], audit_database.position(session, row.synced_event))
        yield from audit_rooms.campaign(row, rebuilt.until(place), operator)
    yield from audit_earning.batches(session, rebuilt.until(found["earning"]))
    yield from audit_earning.against_itself(session)
    yield from audit_rooms.redemptions(session, rebuilt.until(found["redemptions"]))
    yield from audit_rooms.moves(session, rebuilt.until(found["moves"]))
    yield from audit_rooms.wishes(session, rebuilt.until(found["badges"]))


def _totals(books: Books, logs: Logs, backing: Backing) -> dict[str, int]:
    totals = {
        "events": len(logs.decoded),
        "campaigns": len(books.campaigns),
        "wallets": sum(1 for holder, balance in books.balances.items() if balance and holder != books.hub),
        "accounts": sum(1 for each in books.campaigns.values() for account in each.accounts.values() if account.total),
        "batches": sum(len(each.landed) for each in books.campaigns.values()),
        "redemptions": len(books.paid),
        "badges": sum(1 for badge in books.badges.values() if badge.renounced is None),
    }
    for what in ("funded", "awarded", "clawed_back", "entered", "left", "moved_out", "bonus", "redeemed", "expired"):
        totals[what] = books.total(what)[1]
    return totals | {
        # Clawbacks and expiry are cashed out by the hub to itself.
        "cashed_out": books.total("cashed_out")[1] - totals["clawed_back"] - totals["expired"],
        "budgets": sum(each.budget for each in books.campaigns.values()),
        "pots": sum(each.pot for each in books.campaigns.values()),
        "in_accounts": books.in_accounts,
        "supply": books.supply,
        "reserve": backing.reserve,
        "liabilities": backing.liabilities,
    }


# -------------------------------------------------------------------- command


def audit(
    chain_only: Annotated[bool, typer.Option("--chain-only", help="Needs no database: anybody can do this.")] = False,
    deployment: Annotated[
        Path | None, typer.Option(envvar="LOYALTY_DEPLOYMENT_FILE", help="The deployment file.", dir_okay=False)
    ] = None,
    block: Annotated[int | None, typer.Option(help="With --chain-only: as of this block.", min=0)] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Rebuild everything from the chain's events; compare with contracts and database. Exit code 1: a difference.

    For an audit of somebody else's gateway, their deployment file and any node do:
    loyalty --rpc URL audit --chain-only --deployment FILE

    Example: loyalty audit"""
    if deployment is not None:
        os.environ["LOYALTY_DEPLOYMENT_FILE"] = str(deployment)
    if block is not None and not chain_only:
        raise CommandError("the database is audited as of the last block it has read", "loyalty audit --chain-only")
    local = State(state)
    chain = open_chain(local)
    database = None if chain_only else open_database(local, "loyalty audit --chain-only")
    try:
        with out.progress() as bar:
            task = bar.add_task("reading the chain's events", total=None)
            report = run_audit(
                database, chain.rpc, chain.deployment, block, lambda last: bar.update(task, completed=last)
            )
    except BlockUnavailable:
        raise CommandError("the node does not keep the state of that block; try again soon", code="no-state") from None
    except ChainError as error:
        raise unanswered(error) from None
    except ChainMoved:
        raise CommandError("the chain is being reorganised; try again soon", code="chain-moved") from None
    finally:
        if database is not None:
            database.dispose()
    out.result(report.json(), lambda: render(report))
    if not report.ok:
        raise typer.Exit(1)


#: Totals that are counts or units of the asset, not points.
PLAIN = frozenset(
    {
        *("events", "campaigns", "wallets", "accounts", "batches", "redemptions", "badges", "events_behind"),
        *("reserve", "liabilities"),
    }
)


def render(report: AuditReport) -> RenderableType:
    """The report for people."""
    pairs = [
        (name.replace("_", " "), f"{value:,}" if name in PLAIN else points(value))
        for name, value in report.totals.items()
    ]
    parts: list[RenderableType] = [facts(f"Audit as of block {report.block:,}", pairs)]
    if report.differences:
        rows = [(each.code, each.where, each.expected, each.found) for each in report.differences]
        parts.append(table("Differences", ("what", "where", "by the events", "found"), rows))
    parts.append(f"differences: {len(report.differences)}")
    parts.append(f"solvent: {'yes' if report.solvent else 'no'}")
    return Group(*parts)
