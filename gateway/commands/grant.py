"""`loyalty grant …`: points that a merchant gives on its own word."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group as Parts

from gateway.client import Client, Document, Json
from gateway.commands import balance_files, qr
from gateway.commands.balance_files import BadFile, Row
from gateway.commands.bulk import BULK, halving
from gateway.commands.console import (
    AsJson,
    CommandError,
    Group,
    Points,
    duration,
    facts,
    moment,
    out,
    points,
    table,
)
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.commands.wallets import address_of_name

app = typer.Typer(cls=Group, help="Adjustments, opening balances, welcome codes.", no_args_is_help=True)
SHOWN = 20

Campaign = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]
Number = Annotated[int, typer.Argument(min=1, help="The grant's number.")]
Merchant = Annotated[str | None, typer.Option(help="A merchant of this machine, whose API key is used.")]
Key = Annotated[str | None, typer.Option(envvar="LOYALTY_API_KEY", help="API key with the scope manage.")]
Once = Annotated[str | None, typer.Option(help="The same text again gives nothing twice.")]


def _client(state: State, merchant: str | None, key: str | None) -> Client:
    token = key or (state.merchant(merchant).api_key if merchant else None)
    if not token:
        raise CommandError("whose campaign is it?", "--merchant NAME   (or --key loy_…)")
    return Client(state.endpoints()["gateway"], token)


@app.command()
def adjust(
    campaign: Campaign,
    wallet: Annotated[str, typer.Argument(help="An address, or a wallet of this machine.")],
    amount: Points,
    reason: Annotated[str, typer.Option(help="goodwill, unreported, correction or prize.")],
    merchant: Merchant = None,
    key: Key = None,
    once: Once = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give a wallet points that no action earned. Large ones wait for a second API key: `loyalty grant approve`.

    Example: loyalty grant adjust 1 alice 12.50 --reason goodwill --merchant cafe"""
    local = State(state)
    body = {"wallet": address_of_name(local, wallet), "points": amount, "reason": reason}
    with _client(local, merchant, key) as client:
        answer = client.write("POST", f"/v1/campaigns/{campaign}/adjustments", body, once)
    _told(answer)


@app.command()
def welcome(
    campaign: Campaign,
    amount: Points,
    uses: Annotated[int, typer.Option(min=1, max=100_000, help="How many wallets may have it.")] = 1,
    lasts: Annotated[int | None, duration("From now on, e.g. 30d.")] = None,
    picture: Annotated[Path | None, typer.Option("--qr", help="Write its QR code too: .svg, .png or .pdf.")] = None,
    merchant: Merchant = None,
    key: Key = None,
    once: Once = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make a code that staff show to newcomers, as a QR code. A wallet takes it with `loyalty wallet claim`, once in a
    campaign.

    Example: loyalty grant welcome 1 5 --uses 100 --lasts 30d --merchant cafe"""
    local = State(state)
    path = qr.check(picture) if picture else None
    body: Json = {"points": amount, "uses": uses}
    if lasts is not None:
        body["valid_until"] = int(time.time()) + lasts
    with _client(local, merchant, key) as client:
        answer = client.write("POST", f"/v1/campaigns/{campaign}/welcome-codes", body, once)
    if path and answer["code"]:
        qr.write(path, answer["code"])
    _told(answer)


@app.command("list")
def list_(merchant: Merchant = None, key: Key = None, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """All grants of a merchant, newest first.

    Example: loyalty grant list --merchant cafe"""
    with _client(State(state), merchant, key) as client:
        found = list(client.items("/v1/grants"))
    rows = [(g["id"], g["campaign"], g["reason"], g["state"], points(g["points"]), g["uses"]) for g in found]
    out.result(found, lambda: table("Grants", ("id", "campaign", "reason", "state", "points", "uses"), rows))


@app.command()
def approve(
    grant: Number, merchant: Merchant = None, key: Key = None, state: StateDir = DEFAULT, as_json: AsJson = False
) -> None:
    """Say yes to a grant that waits, with another API key than the one that asked for it.

    Example: loyalty grant approve 3 --key loy_…"""
    with _client(State(state), merchant, key) as client:
        answer = client.write("POST", f"/v1/grants/{grant}/approve")
    _told(answer)


@app.command()
def withdraw(
    grant: Number, merchant: Merchant = None, key: Key = None, state: StateDir = DEFAULT, as_json: AsJson = False
) -> None:
    """Take back what can be: what waits, an adjustment, or the rest of a welcome or an opening.

    Example: loyalty grant withdraw 3 --merchant cafe"""
    with _client(State(state), merchant, key) as client:
        answer = client.write("POST", f"/v1/grants/{grant}/withdraw")
    _told(answer)


def _told(answer: Json) -> None:
    def shown() -> Any:
        pairs = [(name, value) for name, value in answer.items() if value is not None]
        moments = {"valid_until", "asked_at", "expires_at"}
        told = facts(
            "Grant",
            [
                (
                    name.replace("_", " "),
                    points(value) if name in ("points", "used") else moment(value) if name in moments else value,
                )
                for name, value in pairs
            ],
        )
        return Parts(told, qr.drawn(answer["code"])) if answer.get("code") else told

    if answer["state"] == "waiting":
        out.note(f"waits for another API key: loyalty grant approve {answer['id']} --key loy_…")
    out.result(answer, shown)


# ------------------------------------------------------------------ openings


@app.command()
def balances(
    campaign: Campaign,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with points, and wallet or key.")],
    report: Annotated[Path | None, typer.Option(help="Write what came of each line, claim codes included.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read the file and add it up.")] = False,
    merchant: Merchant = None,
    key: Key = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Bring in the balances of an older programme. The same file again gives nothing twice: run it until it is done.

    A line without a wallet bears the merchant's own key for the customer, and gets a code that its bearer may claim.
    Example: loyalty grant balances 1 members.csv --merchant cafe --report members.report.jsonl
    """
    total, lines, digest = _add_up(file)
    answer: Json = {"lines": lines, "points": total, "sha256": digest}
    if dry_run:
        out.result(answer, lambda: facts("Opening balances", [("lines", lines), ("points", points(total))]))
        return
    with _client(State(state), merchant, key) as client:
        body = {"points": total}
        grant = client.write("POST", f"/v1/campaigns/{campaign}/openings", body, f"opening-{campaign}-{digest}")
        if grant["state"] != "given":
            _told(grant)
            out.note("then the same command again brings the balances in")
            raise typer.Exit(1)
        tally, problems = _send(client, int(grant["id"]), file, lines, report)
    answer |= {"grant": grant["id"], **{name: tally[name] for name in ("given", "repeated", "refused", "claim_codes")}}
    answer["first_problems"] = problems
    rows = [(p["line"], p["code"], p["detail"]) for p in problems]
    out.result(
        answer,
        lambda: (
            table("First problems", ("line", "problem", "detail"), rows)
            if rows
            else facts("Opening balances", [(name, answer[name]) for name in ("lines", "given", "repeated")])
        ),
    )
    if tally["refused"]:
        raise typer.Exit(1)


def _rows(file: Path) -> Any:
    return file.open(encoding="utf-8", errors="replace", newline="")


def _add_up(file: Path) -> tuple[int, int, str]:
    """Points of the whole file, its lines and its digest; CommandError naming the lines that cannot be."""
    wrong: list[Row] = []
    total = lines = 0
    with _rows(file) as text:
        try:
            for row in balance_files.read(text):
                lines += 1
                total += row.balance.get("points", 0)
                if row.wrong and len(wrong) < SHOWN:
                    wrong.append(row)
        except BadFile as error:
            raise CommandError(f"{file.name}: {error}; nothing was sent", code="bad-file") from None
    if wrong:
        told = "\n  ".join(f"line {row.line}, column {row.wrong[0]}: {row.wrong[1]}" for row in wrong if row.wrong)
        raise CommandError(f"{file.name}: nothing was sent\n  {told}", code="bad-file")
    if not lines:
        raise CommandError(f"{file.name}: no balances", code="bad-file")
    return total, lines, hashlib.sha256(file.read_bytes()).hexdigest()


def _send(client: Client, grant: int, file: Path, lines: int, report: Path | None) -> tuple[Counter[str], list[Json]]:
    tally: Counter[str] = Counter()
    problems: list[Json] = []

    def give(rows: Sequence[Row]) -> list[Json]:
        body = {"balances": [row.balance for row in rows]}
        results: list[Json] = client.write("POST", f"/v1/grants/{grant}/balances", body)["results"]
        return results

    with _rows(file) as text, out.progress() as progress, open(report or os.devnull, "w", opener=_private) as written:
        task = progress.add_task("bringing balances in", total=lines)
        source = balance_files.read(text)
        while rows := list(islice(source, BULK)):
            for row, result in zip(rows, halving(give, rows, lambda row: row.balance.get("key")), strict=True):
                line = _line(row, result)
                tally[line["status"]] += 1
                tally["claim_codes"] += "claim" in line
                if line["status"] == "refused" and len(problems) < SHOWN:
                    problems.append(line)
                written.write(json.dumps(line) + "\n")
            written.flush()
            progress.advance(task, len(rows))
    return tally, problems


def _line(row: Row, result: Document) -> Json:
    problem = result.get("problem")
    line: Json = {"line": row.line, **row.balance}
    if problem:
        detail = problem.get("detail") or problem.get("title", "")
        return line | {"status": "refused", "code": problem["code"], "detail": detail}
    line["status"] = "repeated" if result["repeated"] else "given"
    return line | ({"claim": result["claim"]} if result.get("claim") else {})


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
