"""Replay a whole purchases file through a fresh house over HTTP, twice, and show that everything adds up.

    .venv/bin/python scripts/replay_all.py data/online_retail_2010-12_2011-02.csv.gz --json report.json

Two merchants: even invoices earn in an open campaign with hold, odd ones in an open campaign that pays to the wallet at
once. The gateway must take every action and claim; after the first run has settled the audit must agree; the second run
must change nothing. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from gateway.chain import keystore
from gateway.chain.hexes import checksum
from gateway.chain.relayer.models import ChainTx, TxState
from gateway.client import Json
from gateway.commands import merchant as merchants
from gateway.commands import merchant_keys, replay, wallets
from gateway.commands.audit import AuditReport, render, run_audit
from gateway.commands.chain import Chain, open_chain
from gateway.commands.console import CommandError, facts, out
from gateway.commands.creating import DEFAULT_RULES, Registration, Terms, create_on_chain, register
from gateway.commands.crowd import Crowd
from gateway.commands.house import House, ending_in_order, only_one
from gateway.commands.processes import free_port
from gateway.commands.sending import Replay, Till
from gateway.commands.state import PASSWORD_VARIABLE, State
from gateway.commands.terms_section import default_text
from gateway.core.db import Database
from gateway.core.durations import DAY
from gateway.loyalty.earning.models import Action, ActionState, Batch, BatchState
from gateway.models import metadata

FIRST_DAY = 1_291_161_600  # 1 December 2010
BUDGET = 5_000_000_00
HOLD = DAY
#: Percent of the guests who claim their code.
CLAIMS = 50
#: Tables that go on by themselves: the chain's blocks, the queue, the keys' clocks.
RESTLESS = frozenset({"indexed_blocks", "jobs", "relayer_keys", "subscriptions", "alembic_version"})
#: Rows that must be the same to the last byte after the second run.
FROZEN = (
    "actions",
    "action_lines",
    "batches",
    "batch_entries",
    "carries",
    "holdings",
    "chain_events",
    "ledger_entries",
)
PATIENCE = 900


@dataclass(frozen=True)
class Left:
    """What a run left behind, and a second run must not change."""

    counts: dict[str, int]
    digests: dict[str, str]
    supply: int
    landed: int


def main() -> int:
    parser = argparse.ArgumentParser(description="Replay a purchases file twice through a fresh house and audit it.")
    parser.add_argument("file", type=Path, help="CSV or CSV.GZ in the columns of Online Retail")
    parser.add_argument("--json", type=Path, dest="report", help="write the figures to this file")
    parser.add_argument("--state", type=Path, help="an empty directory to keep the house in; else temporary")
    arguments = parser.parse_args()
    os.environ.setdefault(PASSWORD_VARIABLE, "replay")
    try:
        with directory(arguments.state) as root, ending_in_order():
            first, second = run(State(root), arguments.file)
    except CommandError as error:
        out.note(f"[bold red]error:[/] {error}")
        return 1
    report = judge(first, second)
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=2) + "\n")
    show(report, first, second)
    return 0 if report["agrees"] else 1


@contextmanager
def directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="loyalty-replay-") as made:
        yield Path(made)


def run(state: State, file: Path) -> tuple[Once, Once]:
    """A fresh house in `state`; the file sent through it twice."""
    with only_one(state):
        house = House(state, free_port(), free_port(), say=lambda text: out.note(f"[green]✓[/] {text}"))
        house.start()
        database = Database(house.environment()["LOYALTY_DATABASE_URL"])
        try:
            chain = open_chain(state)
            tills = [open_shop(state, chain, name, hold) for name, hold in (("even", HOLD), ("odd", 0))]
            # The gateway promises only what it has seen at depth.
            until(
                house, lambda: all(till.client.campaign(till.campaign)["budget"] == BUDGET for till in tills), still=0
            )
            first = once(state, house, database, chain, tills, file)
            second = once(state, house, database, chain, tills, file)
        finally:
            database.dispose()
            house.stop()
    return first, second


def open_shop(state: State, chain: Chain, name: str, hold: int, rules: Json = DEFAULT_RULES) -> Till:
    """A merchant with an open campaign that can pay for the whole file in one day."""
    address = wallets.create(state, name, merchants.KIND)
    record = merchants.admit(state, name, name.title(), checksum(address))
    own = chain.own(wallets.load_key(state, name, merchants.KIND))
    merchants.give(chain, address, 2 * BUDGET * chain.deployment.par)
    now = chain.reads.head().time
    terms = Terms(now + 365 * DAY, hold, False, 0, 0, default_text(name))
    number = create_on_chain(chain, own, terms, keystore.address(state.relayer), BUDGET)
    own.fund(number, BUDGET, 0)
    client = merchant_keys.client_of(state, record)
    register(client, number, terms.text, Registration(name, FIRST_DAY, 0, 1, 1, rules))
    return Till(client, number)


@dataclass(frozen=True)
class Once:
    """One run: what was sent, how long until all of it was on the chain, what the audit says, what is there."""

    sent: Json
    seconds_settled: float
    audit: AuditReport
    left: Left


def once(state: State, house: House, database: Database, chain: Chain, tills: list[Till], file: Path) -> Once:
    started = time.monotonic()
    with out.progress() as bar:
        task = bar.add_task("lines sent", total=None)
        sender = Replay(
            lambda invoice: tills[int(invoice[-1]) % 2],
            Crowd(state.secret(state.crowd_seed)),
            CLAIMS,
            lambda lines: bar.update(task, completed=lines),
        )
        sizes = sender.sizes(file)
        bar.update(task, total=sizes.total())
        begun = time.monotonic()
        sender.run(file, sizes)
        sent = replay.summary(sender, time.monotonic() - begun)
        bar.update(task, description="settling", total=None)
        until(house, lambda: is_quiet(database))
    settled = time.monotonic() - started
    audit = run_audit(database, chain.rpc, chain.deployment)
    return Once(sent, round(settled, 2), audit, look(database, chain, audit))


def until(house: House, done: Callable[[], bool], still: float = 2) -> None:
    """Waits until `done` has been true for `still` seconds: by then nothing is on its way from room to room."""
    deadline = time.monotonic() + PATIENCE
    quiet_since: float | None = None
    while quiet_since is None or time.monotonic() - quiet_since < still:
        if child := house.dead():
            raise CommandError(f"{child.name} ended by itself:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise CommandError(f"not everything has settled after {PATIENCE} s")
        if not done():
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        time.sleep(0.25)


def is_quiet(database: Database) -> bool:
    """True when every accepted action is in a batch that landed."""
    waiting = (
        sa.select(sa.func.count()).select_from(Action).where(Action.state == ActionState.ACCEPTED),
        sa.select(sa.func.count()).select_from(Batch).where(Batch.state == BatchState.QUEUED),
        sa.select(sa.func.count()).select_from(ChainTx).where(ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED))),
        sa.select(sa.func.count()).select_from(metadata.tables["jobs"]),
    )
    with database.read() as session:
        return not any(session.scalar(query) for query in waiting)


def look(database: Database, chain: Chain, audit: AuditReport) -> Left:
    with database.read() as session:
        counts = {
            name: session.scalar(sa.select(sa.func.count()).select_from(one)) or 0
            for name, one in sorted(metadata.tables.items())
            if name not in RESTLESS
        }
        digests = {}
        for name in FROZEN:
            digest = hashlib.sha256()
            one = metadata.tables[name]
            for row in session.execute(sa.select(one).order_by(*one.primary_key.columns)):
                digest.update(repr(tuple(row)).encode())
            digests[name] = digest.hexdigest()
    return Left(counts, digests, chain.reads.total_supply(), audit.totals["batches"])


def judge(first: Once, second: Once) -> Json:
    """The figures, and whether they are as they should be."""
    changed = [name for name, count in second.left.counts.items() if first.left.counts[name] != count]
    changed += [name for name, digest in second.left.digests.items() if first.left.digests[name] != digest]
    changed += ["supply"] if first.left.supply != second.left.supply else []
    changed += ["batches landed"] if first.left.landed != second.left.landed else []
    repeated = second.sent["repeated"] == second.sent["actions"] == first.sent["actions"]
    refused = any(each.sent[name] for each in (first, second) for name in ("rejected", "claims_refused"))
    audited = first.audit.ok and second.audit.ok and first.audit.solvent
    return {
        "agrees": audited and repeated and not changed and not refused,
        "seconds_sending": first.sent["seconds"],
        "seconds_until_settled": first.seconds_settled,
        "actions_per_second": first.sent["actions_per_second"],
        "actions_per_second_settled": round(first.sent["actions"] / first.seconds_settled),
        "first": first.sent,
        "second": second.sent,
        "changed_by_second": changed,
        "audit": first.audit.json(),
        "audit_of_second": second.audit.json(),
        "rows": first.left.counts,
    }


def show(report: Json, first: Once, second: Once) -> None:
    """The figures for people, on stderr."""
    out.notes.print(replay.render(first.sent))
    pairs = [
        ("until settled", f"{report['seconds_until_settled']} s"),
        ("actions a second, sending", report["actions_per_second"]),
        ("actions a second, to the chain", report["actions_per_second_settled"]),
        ("second run repeated", f"{second.sent['repeated']} of {second.sent['actions']}"),
        ("changed by the second run", ", ".join(report["changed_by_second"]) or "nothing"),
        ("agrees", "yes" if report["agrees"] else "no"),
    ]
    out.notes.print(facts("The whole file", pairs))
    for each in (first, second):
        out.notes.print(render(each.audit))


if __name__ == "__main__":
    sys.exit(main())
