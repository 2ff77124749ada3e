"""`loyalty restored`: how far a restored database has taken back in what it forgot."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Group
from sqlalchemy.orm import Session

from gateway.chain import keystore
from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.errors import ChainError
from gateway.chain.relayer.fence import Fence
from gateway.chain.relayer.models import KeyState
from gateway.chain.rpc import Rpc
from gateway.client import Json
from gateway.commands.configured import find_settings
from gateway.commands.console import AsJson, CommandError, facts, out, points, table
from gateway.commands.databases import open_database
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.db import Database
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
        found = _look(State(state), database)
    finally:
        database.dispose()
    out.result(found, lambda: _render(found))
    if found["behind_the_chain"]:
        out.note("the chain knows more than the database: start gateway and worker, and look again some blocks later")
    elif any(each["points"] for each in found["ahead"]):
        out.note("let every till send again what it sent since the backup, under the same idempotency keys")
    if not found["whole"]:
        raise typer.Exit(1)


def _look(local: State, database: Database) -> Json:
    try:
        settings = find_settings(local)
        deployment = Deployment.load(settings.deployment_file)
    except (CommandError, WrongDeployment):  # no more is known here than a database
        return look(database)
    with closing(Rpc(settings.rpc_url, timeout=5)) as rpc:
        try:
            deployment.verify(rpc)
        except (WrongDeployment, ChainError):
            return look(database)
        return look(database, rpc, settings.relayer_keystore)


def look(database: Database, rpc: Rpc | None = None, keys: Path | None = None) -> Json:
    """How far the database is. `behind_the_chain`: the node knows of transactions of the keys in `keys` that it does
    not; None where nobody could be asked."""
    with database.read() as session:
        found = _known(session)
    behind = None if rpc is None or keys is None else _behind(database, rpc, keys)
    return found | {"whole": found["whole"] and not behind, "behind_the_chain": behind}


def _behind(database: Database, rpc: Rpc, keys: Path) -> bool | None:
    try:
        return not Fence(database, rpc, keystore.addresses(keys), lambda _: None).complete()
    except (ChainError, keystore.KeystoreError):
        return None


def _known(session: Session) -> Json:
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


_SHOWN_APART = ("whole", "ahead", "behind_the_chain")


def _render(found: Json) -> Group:
    shown = {True: "yes", False: "no", None: "not known: the chain could not be asked"}
    pairs = [(name.replace("_", " "), value) for name, value in found.items() if name not in _SHOWN_APART]
    pairs.append(("behind the chain", shown[found["behind_the_chain"]]))
    parts = [facts("Whole" if found["whole"] else "Not yet whole", pairs)]
    rows = [
        (each["campaign"], points(each["points"]), each["wallets"], "yes" if each["codes_in_doubt"] else "no")
        for each in found["ahead"]
    ]
    if rows:
        title = "Paid for actions that were not told again"
        parts.append(table(title, ("campaign", "points", "wallets", "codes in doubt"), rows))
    return Group(*parts)
