"""`loyalty actions …`: what customers did, from a file."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO, cast
from zoneinfo import ZoneInfo

import typer
from rich.console import Group as Parts
from rich.console import RenderableType

from gateway.client import Client, Document, Json
from gateway.commands.action_files import BadFile, Defaults, Reported, Unreadable, read
from gateway.commands.bulk import BULK, report_all
from gateway.commands.console import AsJson, CommandError, Group, facts, out, points, table
from gateway.commands.previewing import preview
from gateway.commands.state import DEFAULT, State, StateDir

app = typer.Typer(cls=Group, help="Purchases, visits and other actions.", no_args_is_help=True)
#: Problems that are shown; a report has them all.
SHOWN = 20
Item = Reported | Unreadable


@app.callback()
def group() -> None:
    """Purchases, visits and other actions."""


app.command()(preview)


@dataclass
class Tally:
    """What came of a file. Points in hundredths."""

    actions: int = 0
    accepted: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    points: int = 0
    points_refunded: int = 0
    claim_codes: int = 0
    problems: list[Json] = field(default_factory=list)

    def count(self, line: Json) -> None:
        """One line of the report."""
        self.actions += 1
        if line["status"] in ("refused", "unreadable"):
            self.refused[line["code"]] += 1
            if len(self.problems) < SHOWN:
                self.problems.append(line)
            return
        self.accepted += 1
        self.repeated += line["status"] == "repeated"
        self.claim_codes += "claim" in line
        if line.get("kind") == "refund":
            self.points_refunded += line["points"]
        else:
            self.points += line.get("points", 0)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines (.csv, .jsonl, each also with .gz).", dir_okay=False)],
    merchant: Annotated[str | None, typer.Option(help="A merchant of this machine, whose API key is used.")] = None,
    key: Annotated[str | None, typer.Option(envvar="LOYALTY_API_KEY", help="API key with the scope actions.")] = None,
    campaign: Annotated[int | None, typer.Option(help="For actions that name none.", min=1)] = None,
    zone: Annotated[str, typer.Option(help="Of times in a CSV file that name none, e.g. Europe/London.")] = "UTC",
    report: Annotated[
        Path | None, typer.Option(help="Write what came of each action, one JSON line each, claim codes included.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Write into the report why each rule fired or did not, action by action.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last line of the report.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only read the file and say what is wrong with it.")
    ] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Report a file of purchases and other actions. Safe to run twice: each action counts once.

    Columns of a CSV file: occurred_at, and any of key, campaign, kind, wallet, claim, action, amount, refers_to,
    refers_to_key, product, category, brand, quantity, receipt; one row for each line of a purchase, those of one key
    together.
    Example: loyalty actions import week.csv --merchant cafe --campaign 1 --report week.report.jsonl
    """
    local = State(state)
    token = key or (local.merchant(merchant).api_key if merchant else None)
    if not token and not dry_run:
        raise CommandError(
            "whose actions are they?", f"loyalty actions import {file} --merchant NAME   (or --key loy_…)"
        )
    if (resume or explain) and not report:
        what = "only a report tells where to go on" if resume else "why stands in the report, action by action"
        raise CommandError(what, f"loyalty actions import {file} --report … {'--resume' if resume else '--explain'}")
    tally = Tally()
    started = time.monotonic()
    with ExitStack() as stack:
        items = stack.enter_context(_items(file, Defaults(campaign, _zone(zone))))
        written = stack.enter_context(_report(report, resume)) if report else None
        done = sum(1 for _ in islice(items, written.lines)) if written else 0
        client = None if dry_run else stack.enter_context(Client(local.endpoints()["gateway"], token))
        progress = stack.enter_context(out.progress())
        task = progress.add_task(f"sending {file.name}", total=None, completed=done)
        while part := list(islice(items, BULK)):
            lines = _send(client, part, explain)
            if written:
                written.add(lines)
            for line in lines:
                tally.count(line)
            progress.advance(task, len(part))
    answer = _summary(tally, done, time.monotonic() - started)
    out.result(answer, lambda: _render(answer, report))
    if tally.refused:
        raise typer.Exit(1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CommandError(f"no time zone {name!r}", "--zone Europe/London") from None


@contextmanager
def _items(path: Path, defaults: Defaults) -> Iterator[Iterator[Item]]:
    """What the file says; CommandError when it cannot be read at all."""
    names = [suffix.lower() for suffix in path.suffixes]
    packed = names[-1:] == [".gz"]
    ending = names[-2:-1] if packed else names[-1:]
    if ending not in ([".csv"], [".jsonl"], [".ndjson"]):
        raise CommandError(f"{path.name}: neither .csv nor .jsonl", "loyalty actions import week.csv --merchant NAME")
    try:
        raw = path.open("rb")
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    with raw:
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        try:
            yield read(file, ending != [".csv"], defaults)
        except BadFile as error:
            raise CommandError(f"{path.name}: {error}; nothing was sent", code="bad-file") from None


def _send(client: Client | None, part: Sequence[Item], explain: bool) -> list[Json]:
    """A line of the report for each; without a client the readable ones are left unsent."""
    ready = [item for item in part if isinstance(item, Reported)]
    actions = [item.action for item in ready]
    results: Iterator[Document] = iter(report_all(client, actions, explain) if client and ready else [])
    lines = []
    for item in part:
        if isinstance(item, Unreadable):
            lines.append(_refused(item.line, "unreadable", "unreadable-row", item.field, item.why))
        elif client:
            lines.append(_told(item, next(results)))
        else:
            lines.append({"line": item.line, "status": "readable"})
    return lines


def _told(item: Reported, result: Document) -> Json:
    problem: Json = result.get("problem") or {}
    action: Json = result.get("action") or {}
    if problem:
        code, detail = str(problem["code"]), str(problem.get("detail") or problem.get("title", ""))
        return _refused(item.line, "refused", code, str(problem.get("field") or ""), detail) | {
            "key": item.action["key"]
        }
    line: Json = {"line": item.line, "status": "repeated" if result.get("repeated") else "accepted"}
    line |= {"key": item.action["key"], **{name: action[name] for name in ("id", "kind", "points")}}
    line |= {name: action[name] for name in ("wanted", "verdicts") if action.get("verdicts")}
    return line | ({"claim": action["claim"]} if action.get("claim") else {})


def _refused(line: int, status: str, code: str, field: str, detail: str) -> Json:
    return {"line": line, "status": status, "code": code, "field": field, "detail": detail}


class _Report:
    """The report of an import. Each bulk call's lines are on disk before the next call, so that what was interrupted
    can be gone on with; what had been sent and not yet written is sent once more, which changes nothing."""

    def __init__(self, file: TextIO, lines: int) -> None:
        self.file, self.lines = file, lines

    def add(self, lines: Sequence[Json]) -> None:
        self.file.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
        self.file.flush()
        os.fsync(self.file.fileno())


@contextmanager
def _report(path: Path, resume: bool) -> Iterator[_Report]:
    """Opened for this user alone: claim codes are bearer codes. A half-written last line is cut off."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | (0 if resume else os.O_TRUNC), 0o600)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        lines = whole = 0
        for line in iter(file.readline, ""):
            if line.endswith("\n"):
                lines, whole = lines + 1, file.tell()
        file.seek(whole)
        file.truncate()
        yield _Report(file, lines)


def _summary(tally: Tally, before: int, seconds: float) -> Json:
    return {
        "actions": tally.actions,
        "done_before": before,
        "accepted": tally.accepted,
        "repeated": tally.repeated,
        "refused": tally.refused.total(),
        "points": tally.points,
        "points_refunded": tally.points_refunded,
        "claim_codes": tally.claim_codes,
        "refused_by_code": dict(sorted(tally.refused.items())),
        "first_problems": tally.problems,
        "seconds": round(seconds, 2),
        "actions_per_second": round(tally.actions / seconds) if seconds else 0,
    }


def _render(answer: Json, report: Path | None) -> RenderableType:
    pairs = [(name.replace("_", " "), value) for name, value in answer.items() if not isinstance(value, dict | list)]
    parts: list[RenderableType] = [
        facts("Import", [(name, points(value) if name.startswith("points") else value) for name, value in pairs])
    ]
    if answer["first_problems"]:
        rows = [(p["line"], p["code"], p["field"], p["detail"]) for p in answer["first_problems"]]
        title = f"First problems (all: {report})" if report else "First problems (--report FILE writes all)"
        parts.append(table(title, ("line", "problem", "field", "detail"), rows))
    return Parts(*parts)
