"""`loyalty codes key|verify|report|doubles`: a till without a network. `verify` needs a public key only."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.chain.hexes import from_hex
from gateway.client import Document, Json
from gateway.commands.console import AsJson, CommandError, facts, moment, out, table
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.loyalty.offers import tokens
from gateway.loyalty.offers.tokens import BadToken, Token

#: The most that one call takes.
BULK = 1_000
HEADER = ["code", "used_at"]
FAULTS = {
    "malformed": "this is no signed code; was it read whole?",
    "forged": "this merchant has not signed this code",
    "other-offer": "the code is of another offer",
    "expired": "the code has expired",
}

Merchant = Annotated[str, typer.Option(help="The merchant of this machine whose codes they are.")]
Code = Annotated[str, typer.Argument(help="The code that the customer shows.")]


def key(merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """The public key with which tills check the merchant's signed codes without a network.

    Example: loyalty codes key --merchant cafe"""
    local = State(state)
    record = local.merchant(merchant)
    with client_of(local, record) as client:
        answer = client.code_key(record.id)
    out.result(answer, lambda: facts("Key of signed codes", answer.items()))


def verify(
    code: Code,
    key: Annotated[str, typer.Option(help="The merchant's public key, see `loyalty codes key`.")],
    offer: Annotated[int | None, typer.Option(min=1, help="It must be of this offer.")] = None,
    take: Annotated[Path | None, typer.Option(help="Use it up: note it in this file, unless it is there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a signed code without any network; with --take use it, and send the file later: `loyalty codes report`.

    Example: loyalty codes verify CODE --key 0x… --take uses.csv"""
    now = int(time.time())
    try:
        token = tokens.verify(_key(key), code, now, offer)
    except BadToken as bad:
        raise CommandError(FAULTS[bad.fault], code=f"code-{bad.fault}") from None
    if take is not None:
        _take(take, token, code, now)
    answer = {"offer": token.offer, "serial": token.serial.hex(), "ends_at": token.ends_at, "taken": take is not None}
    out.result(answer, lambda: facts("Good", answer.items()))


def _key(text: str) -> bytes:
    try:
        found = from_hex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise CommandError("the key has 32 bytes in hex", "loyalty codes key --merchant NAME")
    return found


def _take(path: Path, token: Token, code: str, now: int) -> None:
    """On disk before the customer gets anything: a till that restarts still knows what it took."""
    public = {row["code"] for row in _uses(path)} if path.exists() else set()
    bare = code.upper().replace(" ", "").replace("-", "")
    if bare in public:
        raise CommandError("this till took the code before", code="code-used")
    with path.open("a", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(HEADER)
        writer.writerow([bare, now])
        file.flush()
        os.fsync(file.fileno())


def _uses(path: Path) -> list[Json]:
    with path.open(encoding="ascii", errors="replace", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != HEADER:
        raise CommandError(f"{path}: the header is code,used_at", code="bad-file")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != 2 or not row[1].isascii() or not row[1].isdigit():
            raise CommandError(f"{path}: row {number}: a code and Unix seconds are expected", code="bad-file")
    return [{"code": row[0], "used_at": int(row[1])} for row in rows[1:]]


def report(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with the header `code,used_at`.")],
    merchant: Merchant,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send the uses of signed codes that were noted without a network. Safe to run again. Exit 1: not all counted.

    Example: loyalty codes report uses.csv --merchant cafe"""
    local = State(state)
    uses, results = _uses(file), []
    with client_of(local, local.merchant(merchant)) as client:
        for start in range(0, len(uses), BULK):
            results += client.report_uses(uses[start : start + BULK])
    rows = [
        (place, result["outcome"], moment(result["first"]["at"]) if result["first"] else "", _reason(result))
        for place, result in enumerate(results, 2)
    ]
    out.result(results, lambda: table("Uses reported", ("row", "outcome", "first taken", "why"), rows))
    if any(result["outcome"] != "counted" for result in results):
        raise typer.Exit(1)


def doubles(merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Codes that two tills took while one of them had no network.

    Example: loyalty codes doubles --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        found = list(client.items("/v1/codes/double-uses"))
    rows = [
        (use["id"], use["offer"], use["first"]["key"], moment(use["first"]["at"]), use["second"]["key"],
         moment(use["second"]["at"]))
        for use in found
    ]  # fmt: skip
    columns = ("id", "offer", "till", "taken", "other till", "taken again")
    out.result(found, lambda: table("Double uses", columns, rows))


def _reason(result: Document) -> str:
    return str(result["problem"]["code"]) if result["problem"] else ""
