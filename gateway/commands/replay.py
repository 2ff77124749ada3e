"""`loyalty replay`: a file of purchases, sent as a till would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from gateway.client import Client, Json
from gateway.commands.console import AsJson, CommandError, facts, out, points, table
from gateway.commands.crowd import Crowd
from gateway.commands.sending import Replay, Till
from gateway.commands.state import DEFAULT, State, StateDir


def replay(
    file: Annotated[Path, typer.Argument(help="CSV or CSV.GZ with the columns of the UCI data set Online Retail.")],
    campaign: Annotated[int, typer.Option(help="The campaign that the purchases count for.", min=1)],
    merchant: Annotated[str | None, typer.Option(help="A merchant of this machine, whose API key is used.")] = None,
    key: Annotated[str | None, typer.Option(envvar="LOYALTY_API_KEY", help="API key with the scope actions.")] = None,
    claims: Annotated[int, typer.Option(help="Percent of guests who claim their code.", min=0, max=100)] = 50,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send a purchases file through the HTTP API, refunds and guests included. Safe to run twice.
    Exit code 1: an action was rejected or a claim refused.

    Lines of the file that no till would send, and refunds of more than was bought, are only counted.
    Customers become wallets derived from a random seed in the state directory; their numbers are never sent.

    Example: loyalty replay online_retail.csv --merchant cafe --campaign 1"""
    local = State(state)
    token = key or (local.merchant(merchant).api_key if merchant else None)
    if not token:
        raise CommandError(
            "whose till is it?", f"loyalty replay {file} --campaign {campaign} --merchant NAME   (or --key loy_…)"
        )
    with Client(local.endpoints()["gateway"], token) as client, out.progress() as progress:
        till = Till(client, campaign)
        task = progress.add_task("reading the file", total=None)
        sender = Replay(
            lambda _: till,
            Crowd(local.secret(local.crowd_seed)),
            claims,
            lambda lines: progress.update(task, completed=lines),
        )
        sizes = sender.sizes(file)
        progress.update(task, description="sending purchases", total=sizes.total(), completed=0)
        started = time.monotonic()
        sender.run(file, sizes)
        seconds = time.monotonic() - started
    report = summary(sender, seconds)
    out.result(report, lambda: render(report))
    if sender.tally.refused:
        raise typer.Exit(1)


def summary(sender: Replay, seconds: float) -> Json:
    """The figures of one replay; points in hundredths."""
    tally, matcher = sender.tally, sender.matcher
    rejected = tally.rejected.total()
    return {
        "lines": matcher.lines,
        "lines_sent": matcher.sent,
        "actions": tally.actions,
        "purchases": tally.sales,
        "refunds": tally.refunds,
        "repeated": tally.repeated,
        "points": tally.points,
        "points_refunded": tally.points_refunded,
        "claim_codes": tally.claim_codes,
        "claimed": tally.claimed,
        "wallets": len(tally.wallets),
        "lines_not_sent": {str(reason): count for reason, count in sorted(matcher.skipped.items())},
        "lines_sent_in_part": {str(reason): count for reason, count in sorted(matcher.cut.items())},
        "rejected": dict(sorted(tally.rejected.items())),
        "claims_refused": dict(sorted(tally.claims_refused.items())),
        "seconds": round(seconds, 2),
        "actions_per_second": round((tally.actions + rejected) / seconds) if seconds else 0,
    }


def render(report: Json) -> RenderableType:
    """The same figures for people."""
    pairs = [(name.replace("_", " "), value) for name, value in report.items() if not isinstance(value, dict)]
    shown = [(name, points(value) if name.startswith("points") else value) for name, value in pairs]
    parts: list[RenderableType] = [facts("Replay", shown)]
    for name in ("lines_not_sent", "lines_sent_in_part", "rejected", "claims_refused"):
        if report[name]:
            parts.append(table(name.replace("_", " "), ("reason", "count"), list(report[name].items())))
    return Group(*parts)
