"""`loyalty demo`: the main job on this machine, from a till's report to a code used and points cashed out."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group
from rich.progress import Progress
from rich.table import Table

from gateway.client import Json
from gateway.commands.audit import AuditReport, run_audit
from gateway.commands.chain import Chain, open_chain
from gateway.commands.console import CommandError, facts, out, points, table
from gateway.commands.demo_scenario import Figures, Scenario
from gateway.commands.house import House, ending_in_order, only_one, set_aside
from gateway.commands.processes import free_port
from gateway.commands.state import PASSWORD_VARIABLE, State
from gateway.commands.up import places, watch
from gateway.core.db import Database

EXTRACT = Path(__file__).parents[2] / "tests/data/online_retail_2010-12-01_07.csv.gz"
#: Weeks close after so many silent seconds, instead of a day.
QUIET = 10
#: Seconds for the gateway to read the last block.
PATIENCE = 60


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End instead of leaving everything running.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    port: Annotated[int, typer.Option(help="Port of the gateway.", min=1, max=65_535)] = 8000,
    file: Annotated[Path, typer.Option(help="The week of purchases.", exists=True, dir_okay=False)] = EXTRACT,
    state: Annotated[Path | None, typer.Option(help="Keep the state here; else it is temporary.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the last tables, as SVG.", hidden=True)] = None,
) -> None:
    """Two merchants, two campaigns, one week of real purchases: awards, refunds, claims, moves, codes, cash-outs,
    statistics, audit. Ends with a table of figures and leaves the gateway running until Ctrl-C.

    Example: loyalty demo --exit"""
    started = time.monotonic()
    os.environ.setdefault(PASSWORD_VARIABLE, "demo")
    with _directory(state) as local, only_one(local), ending_in_order():
        set_aside(local)
        tuning = {"LOYALTY_STATISTICS_QUIET": str(QUIET)}
        say = _timed(started)
        house = House(local, port, free_port(), tuning, say=say)
        try:
            house.launch()
            figures, chain = _play(house, file, say)
            audit = _audit(house, chain)
            answer = summary(figures, audit, round(time.monotonic() - started))
            _finish(answer, chain, report, picture)
            if not leave:
                out.note(
                    f"\nThe gateway goes on at [bold]{house.url}[/] (documentation: {house.url}/docs). Ctrl-C ends it."
                )
                for name, place in places(house).items():
                    out.note(f"[dim]  {name}: {place}[/]")
                watch(house)
        except KeyboardInterrupt:
            out.note("\nstopping …")
        finally:
            house.stop()


@contextmanager
def _directory(state: Path | None) -> Iterator[State]:
    if state is not None:
        yield State(state)
        return
    folder = Path(tempfile.mkdtemp(prefix="loyalty-demo-"))
    try:
        yield State(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _timed(started: float) -> Callable[[str], None]:
    return lambda text: out.note(f"[green]✓[/] [dim]{time.monotonic() - started:4.0f} s[/] {text}")


def _play(house: House, file: Path, say: Callable[[str], None]) -> tuple[Figures, Chain]:
    chain = open_chain(house.state)
    with out.progress() as progress:
        bar = Bar(progress)
        scenario = Scenario(house, chain, file, say, bar.show)
        return scenario.run(), chain


class Bar:
    """The replay's progress: lines of the file."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.task = progress, progress.add_task("lines of the week's purchases", total=None)

    def show(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)


def _audit(house: House, chain: Chain) -> AuditReport:
    """As of a block that has everything in it: the gateway reads some blocks behind."""
    last = chain.reads.head().number
    database = Database(house.environment()["LOYALTY_DATABASE_URL"])
    try:
        until = time.monotonic() + PATIENCE
        while (audit := run_audit(database, chain.rpc, chain.deployment)).block < last:
            if time.monotonic() > until:
                raise CommandError(f"the gateway has not read block {last} within {PATIENCE} s", "loyalty doctor")
            time.sleep(0.5)
        return audit
    finally:
        database.dispose()


def summary(figures: Figures, audit: AuditReport, seconds: int) -> Json:
    """The table of the end; points in hundredths, the reserve in asset units."""
    tally, totals = figures.tally, audit.totals
    return {
        "actions": tally.actions,
        "purchases": tally.sales,
        "refunds": tally.refunds,
        "claims_by_guests": tally.claimed,
        "points_awarded": totals["awarded"],
        "wallets": len(tally.wallets),
        "refunds_clawed_back": totals["clawed_back"],
        "moves": figures.moves,
        "codes_delivered": len(figures.received),
        "codes_used": figures.codes_used,
        "settled_between_merchants": totals["redeemed"],
        "spent_on_offers": figures.spent,
        "cashed_out": totals["cashed_out"],
        "supply": totals["supply"],
        "reserve": totals["reserve"],
        "solvent": "yes" if audit.solvent else "no",
        "audit": "agrees" if audit.ok else "differs",
        "differences": [vars(difference) for difference in audit.differences],
        "rejected": dict(tally.refused),
        "statistics": figures.statistics,
        "seconds": seconds,
    }


MONEY = {"points_awarded", "refunds_clawed_back", "settled_between_merchants", "cashed_out", "supply"}
#: In the table; the file of --json has everything.
SHOWN = (
    *("actions", "points_awarded", "wallets", "refunds", "refunds_clawed_back", "claims_by_guests", "moves"),
    *("codes_delivered", "codes_used", "settled_between_merchants", "cashed_out", "supply", "reserve", "solvent"),
    *("rejected", "audit", "seconds"),
)


def _finish(answer: Json, chain: Chain, report: Path | None, picture: Path | None) -> None:
    if report:
        report.write_text(json.dumps(answer, indent=2) + "\n")
    reserve = f"{answer['reserve']:,} units, {points(answer['reserve'] // chain.deployment.par)} points at par"
    shown = {name: points(answer[name]) if name in MONEY else answer[name] for name in SHOWN}
    rejected = ", ".join(f"{count} × {code}" for code, count in answer["rejected"].items())
    shown |= {"reserve": reserve, "rejected": rejected or "nothing"}
    main = facts("The main job", [(name.replace("_", " "), shown[name]) for name in SHOWN])
    tables = Group(_weeks(answer["statistics"]), "", main)
    out.result(answer, lambda: tables)
    if picture:
        canvas = Console(record=True, width=100, file=io.StringIO())
        canvas.print(tables)
        # Without the fonts that rich would fetch from elsewhere.
        plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        canvas.save_svg(str(picture), title="make demo", code_format=plain)
    check(answer)


def check(answer: Json) -> None:
    """CommandError unless the audit agrees, everything sent was taken and merchants were paid what offers cost."""
    if answer["audit"] != "agrees":
        raise CommandError(f"the audit differs in {len(answer['differences'])} places", code="audit-differs")
    if answer["rejected"]:
        raise CommandError(f"actions were rejected: {answer['rejected']}", code="actions-rejected")
    paid, spent = answer["settled_between_merchants"], answer["spent_on_offers"]
    if paid != spent:
        raise CommandError(f"offers cost {points(spent)} points, merchants were paid {points(paid)}", code="wrong-sum")


def _weeks(statistics: list[Json]) -> Table:
    """One line a merchant and week; the half width of each metric's noise, which is always the same, stands above."""
    heads: dict[str, str] = {}
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in statistics:
        # Noise of thousands leaves no meaning in the hundredths.
        unit = 100 if row["unit"] == "hundredths" else 1
        heads.setdefault(row["metric"], f"{row['metric']}\n±{row['margin'] // unit:,}")
        cell = "too few" if row["too_few"] else f"{row['value'] // unit:,}"
        lines.setdefault((row["merchant"], row["week"]), {})[row["metric"]] = cell
    rows = [[*place, *(cells.get(metric) for metric in heads)] for place, cells in lines.items()]
    return table("Weekly statistics, with noise that hides each wallet", ("merchant", "week", *heads.values()), rows)
