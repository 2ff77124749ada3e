"""`loyalty doctor`: is everything in place before going live? Green and red, exit 1 on red."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import sqlalchemy as sa
import typer
from rich.table import Table

from gateway import migrations
from gateway.chain import keystore
from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.errors import ChainError
from gateway.chain.hexes import checksum, to_hex
from gateway.chain.reads import Reads
from gateway.chain.relayer.queue import without_key
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.client import Client
from gateway.commands import restored
from gateway.commands.chain import no_answer
from gateway.commands.configured import find_settings
from gateway.commands.console import AsJson, out, points
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.clock import MAX_SKEW
from gateway.core.db import Database
from gateway.identity.merchants.models import Merchant
from gateway.identity.wallets import explained
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.offers.models import Offer
from gateway.settings import Settings

#: Gas that a full batch may take, and how many of those the relayer should be able to pay.
FULL_BATCH, BATCHES = 2**24, 100


@dataclass(frozen=True)
class Check:
    """One finding. `ok` None: could not be asked because of an earlier red one."""

    name: str
    ok: bool | None
    detail: str


def doctor(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Check chain, contracts, keys, roles, gas, database, clock and secrets. Settings from the environment, else from
    the state directory of `loyalty up`.

    Example: loyalty doctor"""
    local = State(state)
    settings = find_settings(local)
    checks = list(examine(local, settings))
    answer = {"ok": all(check.ok for check in checks), "checks": [vars(check) for check in checks]}
    out.result(answer, lambda: _render(checks))
    if not answer["ok"]:
        raise typer.Exit(1)


def examine(state: State, settings: Settings) -> Iterator[Check]:
    """Every check, in an order in which a red one explains those after it."""
    yield from _files(state, settings)
    with closing(Rpc(settings.rpc_url, timeout=5)) as rpc:
        yield from _house(state, settings, rpc)


def _house(state: State, settings: Settings, rpc: Rpc) -> Iterator[Check]:
    deployment = None
    try:
        found = Deployment.load(settings.deployment_file)
        found.verify(rpc)
        deployment = found
        yield Check("chain and contracts", True, f"chain {deployment.chain_id}, genesis and both codes as deployed")
    except WrongDeployment as error:
        fits = "is LOYALTY_RPC_URL the node of LOYALTY_DEPLOYMENT_FILE?"
        yield Check("chain and contracts", False, f"{error}: {fits}")
    except ChainError as error:
        yield Check("chain and contracts", False, f"{no_answer(error)}: start it, or set LOYALTY_RPC_URL")
    database = Database(settings.database_url)
    try:
        yield _ask("database schema", lambda: _schema(database))
        node = rpc if deployment else None  # of another chain, its nonces say nothing
        yield _ask("nothing forgotten", lambda: _restored(database, node, settings.relayer_keystore))
        yield _ask("orders explained", lambda: _explained(database))
        if deployment is None:
            yield Check("relayer, roles and clock", None, "needs the chain")
            return
        reads = Reads(rpc, deployment)
        yield _ask("clock", lambda: _clock(reads))
        yield from _relayer(settings, rpc, reads, database)
    finally:
        database.dispose()
    yield _ask("gateway", lambda: _gateway(state))


def _ask(name: str, ask: Callable[[], tuple[bool, str]]) -> Check:
    try:
        ok, detail = ask()
    except (ChainError, sa.exc.SQLAlchemyError, OSError) as error:
        return Check(name, False, type(error).__name__)
    return Check(name, ok, detail)


def _files(state: State, settings: Settings) -> Iterator[Check]:
    folder = settings.relayer_keystore
    secret = [
        folder,
        *folder.glob("*.json"),
        state.master,
        state.relayer_password,
        state.operator_key,
        state.crowd_seed,
    ]
    secret += [*state.root.glob("wallets/*"), *state.root.glob("merchants/*")]
    for path in secret:
        good = 700 if path.is_dir() else 600
        if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            yield Check("secrets", False, f"{_short(path, state)} can be read by others (mode {mode:o}): chmod {good}")
            return
    if not settings.relayer_keystore.exists():
        yield Check("secrets", False, f"{settings.relayer_keystore} is missing")
    else:
        yield Check("secrets", True, "present, readable by their owner only")


def _short(path: Path, state: State) -> str:
    return str(path.relative_to(state.root)) if path.is_relative_to(state.root) else str(path)


def _schema(database: Database) -> tuple[bool, str]:
    current = migrations.is_current(database)
    return current, "newest revision" if current else "old or empty: start `loyalty up`, or run the migrations"


def _restored(database: Database, rpc: Rpc | None, keys: Path) -> tuple[bool, str]:
    """After a restore: is everything that our keys had sent taken back in?"""
    found = restored.look(database, rpc, keys)
    ahead = sum(each["points"] for each in found["ahead"])
    told = f"; {points(ahead)} points were paid for actions that were not told again" if ahead else ""
    lost = found["payments_without_code"]
    told += f"; {lost} paid codes were not found: upload their pool again" if lost else ""
    whole = found["whole"] and not lost
    if found["behind_the_chain"] is None:
        told += "; whether our keys have sent more, only the chain knows"
    return whole, f"{'yes' if whole else 'no: `loyalty restored` tells what is missing'}{told}"


def _explained(database: Database) -> tuple[bool, str]:
    """Does an event tell of each order that the chain has seen the nonce of?"""
    with database.read() as session:
        count = explained.count(session)
    return not count, f"{count} wait for an event that the node left out: `loyalty reindex`" if count else "yes"


def _clock(reads: Reads) -> tuple[bool, str]:
    skew = int(time.time()) - reads.head().time
    return abs(skew) <= MAX_SKEW, f"{skew} s from the newest block"


def _relayer(settings: Settings, rpc: Rpc, reads: Reads, database: Database) -> Iterator[Check]:
    password, addresses = settings.relayer_password.get_secret_value(), []
    try:
        for path in keystore.files(settings.relayer_keystore):
            addresses.append(address_of(keystore.load(path, password)))
    except keystore.KeystoreError as error:
        yield Check("relayer's key", False, str(error))
        return
    for address in addresses:
        yield Check("relayer's key", True, checksum(address))
        yield _ask("relayer's gas", partial(_gas, rpc, reads, address))
    yield _ask("relayer's keys", partial(_keys, database, addresses))
    try:
        with database.read() as session:
            campaigns = list(session.scalars(sa.select(Campaign.id).order_by(Campaign.id)))
            sellers = sa.select(Offer.merchant_id).where(Offer.active == 1)
            merchants = list(session.scalars(sa.select(Merchant).where(Merchant.id.in_(sellers))))
    except sa.exc.SQLAlchemyError as error:
        yield Check("roles", None, type(error).__name__)
        return
    for campaign in campaigns:
        yield _ask(f"operator of campaign {campaign}", partial(_operator, reads, campaign, addresses))
    for merchant in merchants:
        yield _ask(f"delegate of merchant {merchant.id}", partial(_delegate, reads, merchant, addresses))


def _keys(database: Database, addresses: Sequence[bytes]) -> tuple[bool, str]:
    with database.read() as session:
        lost = without_key(session, addresses)
    if lost:
        return False, f"{lost} transactions wait for keys that are not here: put their keystores back, and restart"
    return True, "all that have something under way"


def _gas(rpc: Rpc, reads: Reads, address: bytes) -> tuple[bool, str]:
    funds = int(rpc.call("eth_getBalance", to_hex(address), "latest"), 16)
    needed = FULL_BATCH * BATCHES * max(1, reads.head().base_fee)
    ether, cost = Decimal(funds) / 10**18, Decimal(needed) / 10**18
    return funds >= needed, f"{ether:.4f} ether, {BATCHES} full batches cost {cost:.4f} now"


def _operator(reads: Reads, campaign: int, addresses: Sequence[bytes]) -> tuple[bool, str]:
    operators = [reads.operator(campaign, address) for address in addresses]
    cap = sum(operator.daily_cap for operator in operators)
    if not cap:
        return False, "no key of the gateway is authorised"
    used = sum(operator.used_today for operator in operators)
    keys = _how_many([operator.daily_cap > 0 for operator in operators], "are authorised")
    return True, f"{points(used)} of {points(cap)} points used today{keys}"


def _delegate(reads: Reads, merchant: Merchant, addresses: Sequence[bytes]) -> tuple[bool, str]:
    allowed = [reads.is_delegate(merchant.address, address) for address in addresses]
    if not any(allowed):
        return False, "sells codes, but has not delegated to the gateway"
    return True, f"may execute its redemptions{_how_many(allowed, 'may')}"


def _how_many(keys: Sequence[bool], what: str) -> str:
    """Of several keys those that may not wait beside the others: told, but nothing is wrong with it."""
    return "" if all(keys) else f"; {sum(keys)} of {len(keys)} keys {what}"


def _gateway(state: State) -> tuple[bool, str]:
    with Client(state.endpoints()["gateway"]) as client:
        ready, told = client.ready()
    troubled = [f"{name}: {part['detail']}" for name, part in told.get("parts", {}).items() if not part["ok"]]
    if troubled:
        return False, f"{told['status']}: {'; '.join(troubled)}"
    return ready, "ready" if ready else "no answer"


def _render(checks: list[Check]) -> Table:
    result = Table(show_header=False, box=None)
    marks = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}
    for check in checks:
        result.add_row(marks[check.ok], check.name, check.detail)
    return result
