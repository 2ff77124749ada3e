"""`loyalty restored`: how far a restored database has taken back in what it forgot."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Group
from sqlalchemy.orm import Session

from gateway.chain.relayer.models import KeyState
from gateway.client import Json
from gateway.commands.console import AsJson, CommandError, facts, out, points, table
from gateway.commands.databases import open_database
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.loyalty.campaigns import promises
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning import forgotten
from gateway.loyalty.earning.models import StrayBatch, StrayState
from gateway.loyalty.redemptions.models import StrayRedemption
from gateway.loyalty.redemptions.models import StrayState as OrderState


def restored(
    trust_codes: Annotated[
        int | None,
        typer.Option(help="Take claim codes of this campaign again that are in doubt.", metavar="CAMPAIGN", min=1),
    ] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """After a restore: what of the forgotten past is taken back in, and what tills have not told again. Exit code 1:
    not everything is taken back in yet.

    Example: loyalty restored --trust-codes 1"""
    database = open_database(State(state))
    try:
        if trust_codes is not None:
            with database.begin() as session:
                row = promises.lock(session, [trust_codes]).get(trust_codes)
                if row is None:
                    raise CommandError(f"there is no campaign {trust_codes} here", "loyalty restored")
                row.codes_trusted = True
        with database.read() as session:
            found = look(session)
    finally:
        database.dispose()
    out.result(found, lambda: _render(found))
    if not found["whole"]:
        raise typer.Exit(1)


def look(session: Session) -> Json:
    """What is known in the database alone; a process that sends also compares its keys' nonces with the chain."""
    fences = session.scalar(sa.select(sa.func.count()).where(KeyState.fence.is_not(None))) or 0
    batches = _count(session, StrayBatch.state == StrayState.SEEN)
    foreign = _count(session, StrayBatch.state == StrayState.FOREIGN)
    orders = _count(session, StrayRedemption.state == OrderState.SEEN)
    lost = _count(session, StrayRedemption.state == OrderState.UNKNOWN)
    ahead = []
    for row in session.scalars(sa.select(Campaign).where(Campaign.forgotten_until.is_not(None)).order_by(Campaign.id)):
        wallets = forgotten.outstanding(session, row.id)
        doubted = bool(wallets) and not row.codes_trusted
        ahead.append({"campaign": row.id, "points": row.ahead, "wallets": len(wallets), "codes_in_doubt": doubted})
    return {
        "whole": not (fences or batches or orders),
        "keys_fenced": fences,
        "batches_to_look_up": batches,
        "batches_of_foreign_keys": foreign,
        "payments_to_look_up": orders,
        "payments_without_code": lost,
        "ahead": ahead,
    }


def _count(session: Session, which: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).where(which)) or 0


def _render(found: Json) -> Group:
    pairs = [(name.replace("_", " "), value) for name, value in found.items() if name not in ("whole", "ahead")]
    parts = [facts("Whole" if found["whole"] else "Not yet whole", pairs)]
    rows = [
        (each["campaign"], points(each["points"]), each["wallets"], "yes" if each["codes_in_doubt"] else "no")
        for each in found["ahead"]
    ]
    if rows:
        title = "Paid for actions that were not told again"
        parts.append(table(title, ("campaign", "points", "wallets", "codes in doubt"), rows))
    return Group(*parts)
