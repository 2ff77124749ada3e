"""Send a purchases file through a fresh house under tests/data/supermarket_uk.yaml, and compare what is on the chain,
wallet by wallet, with what pandas makes of the same file (scripts/expected_points.py).

    .venv/bin/python -m scripts.recompute tests/data/online_retail_2010-12-01_07.csv.gz --json report.json

Sales first, then refunds, so that caps do not depend on what came back; every guest claims its code. Exit code 1: a
difference of a hundredth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.chain.hexes import from_hex
from gateway.client import Json
from gateway.commands import yaml_files
from gateway.commands.audit import run_audit
from gateway.commands.chain import Chain, open_chain
from gateway.commands.console import CommandError, facts, out, points
from gateway.commands.crowd import Crowd
from gateway.commands.house import House, ending_in_order, only_one
from gateway.commands.processes import free_port
from gateway.commands.purchases import Refund, Sale
from gateway.commands.sending import Replay, Till
from gateway.commands.state import PASSWORD_VARIABLE, State
from gateway.core.db import Database
from scripts.expected_points import expected
from scripts.replay_all import BUDGET, HOLD, directory, is_quiet, open_shop, until

PROGRAMME = Path("tests/data/supermarket_uk.yaml")
#: Accounts in one read.
CHUNK = 400


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare what a file of purchases minted with a recomputation.")
    parser.add_argument("file", type=Path, help="CSV or CSV.GZ in the columns of Online Retail")
    parser.add_argument("--json", type=Path, dest="report", help="write the figures to this file")
    parser.add_argument("--state", type=Path, help="an empty directory to keep the house in; else temporary")
    arguments = parser.parse_args()
    os.environ.setdefault(PASSWORD_VARIABLE, "recompute")
    try:
        with directory(arguments.state) as root, ending_in_order():
            report = run(State(root), arguments.file)
    except CommandError as error:
        out.note(f"[bold red]error:[/] {error}")
        return 1
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=2) + "\n")
    out.notes.print(facts("Recomputed", [(name.replace("_", " "), value) for name, value in report.items()]))
    return 0 if report["agrees"] else 1


def run(state: State, file: Path) -> Json:
    """Sends the file and compares."""
    started = time.monotonic()
    with only_one(state):
        house = House(state, free_port(), free_port(), say=lambda text: out.note(f"[green]✓[/] {text}"))
        house.start()
        database = Database(house.environment()["LOYALTY_DATABASE_URL"])
        try:
            chain = open_chain(state)
            till = open_shop(state, chain, "market", HOLD, yaml_files.read(PROGRAMME)["earning"])
            until(house, lambda: bool(till.client.campaign(till.campaign)["budget"] == BUDGET), still=0)
            crowd = Crowd(state.secret(state.crowd_seed))
            sold, back = (_send(till, crowd, file, only) for only in (Sale, Refund))
            until(house, lambda: is_quiet(database))
            audit = run_audit(database, chain.rpc, chain.deployment)
            return compare(chain, till, crowd, file, sold, back) | {
                "audit": "agrees" if audit.ok else "differs",
                "seconds": round(time.monotonic() - started),
            }
        finally:
            database.dispose()
            house.stop()


def _send(till: Till, crowd: Crowd, file: Path, only: type[Sale] | type[Refund]) -> Replay:
    sender = Replay(lambda _: till, crowd, 100, only=only)
    sender.run(file, sender.sizes(file))
    if sender.tally.refused:
        raise CommandError(f"refused: {dict(sender.tally.refused)}")
    return sender


def compare(chain: Chain, till: Till, crowd: Crowd, file: Path, sold: Replay, back: Replay) -> Json:
    """Every wallet, and the totals."""
    wanted, totals = expected(file)
    labels = [str(label) for label in wanted.index]
    holders = [from_hex(crowd.address(label)) for label in labels]
    minted = dict(zip(labels, _points(chain, till.campaign, holders), strict=True))
    wrong = {label: (minted[label], int(wanted[label])) for label in labels if minted[label] != int(wanted[label])}
    supply = chain.reads.total_supply()
    told = {"sales": sold.tally.sales, "refunds": back.tally.refunds}
    counted = told == {name: totals[name] for name in told} and sold.tally.wallets == set(map(crowd.address, labels))
    return {
        "agrees": not wrong and counted and supply == sum(minted.values()) == int(wanted.sum()),
        "sales": totals["sales"],
        "refunds": totals["refunds"],
        "wallets": len(labels),
        "wallets_that_differ": len(wrong),
        "first_differences": list(wrong.items())[:5],
        "points_awarded": points(totals["points"]),
        "points_refunded": points(totals["points_refunded"]),
        "points_refunded_by_the_gateway": points(back.tally.points_refunded),
        "points_recomputed": points(int(wanted.sum())),
        "points_minted": points(supply),
    }


def _points(chain: Chain, campaign: int, holders: list[bytes]) -> Iterator[int]:
    """What each has on the chain: in the campaign's account, and in the wallet where somebody released it."""
    for start in range(0, len(holders), CHUNK):
        part = holders[start : start + CHUNK]
        for holder, account in zip(part, chain.reads.accounts([(campaign, h) for h in part]), strict=True):
            yield account.matured + account.pending + chain.reads.balance(holder)


if __name__ == "__main__":
    sys.exit(main())
