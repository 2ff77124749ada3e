"""`loyalty codes …`: a merchant's codes, from the pool to the till."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.client import calls
from gateway.commands import offline_codes
from gateway.commands.console import AsJson, Group, facts, for_people, out
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir

app = typer.Typer(cls=Group, help="Codes: upload, check and use.", no_args_is_help=True)

Merchant = Annotated[str, typer.Option(help="The merchant of this machine whose codes they are.")]
Offer = Annotated[int, typer.Option(min=1, help="The offer that they fulfil.")]
Code = Annotated[str, typer.Argument(help="The code that the customer shows.")]
Key = Annotated[str | None, typer.Option("--key", help="Idempotency key of this use, e.g. the receipt's number.")]


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with the header `code`.")],
    offer: Offer,
    merchant: Merchant,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Add a CSV file of codes to an offer's pool: all of them or none. The same file again changes nothing.

    Example: loyalty codes upload codes.csv --offer 3 --merchant cafe"""
    local = State(state)
    data = file.read_bytes()
    with client_of(local, local.merchant(merchant)) as client, out.progress() as progress:
        progress.add_task(f"uploading {file.name}", total=None)
        answer = client.upload_codes(offer, data, f"codes-{offer}-{hashlib.sha256(data).hexdigest()}")
    out.result(answer, lambda: facts("Codes added", [("offer", offer), ("codes", answer["added"])]))


@app.command()
def count(offer: Offer, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """How many codes of an offer are free, reserved, delivered and used, and when few are told.

    Example: loyalty codes count --offer 3 --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.get(f"/v1/offers/{offer}/codes")
    out.result(answer, lambda: facts(f"Codes of offer {offer}", answer.items()))


@app.command()
def watch(
    offer: Offer,
    merchant: Merchant,
    low: Annotated[int, typer.Option(min=0, max=1_000_000, help="When so many or fewer are left.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """When webhooks tell that few codes are left.

    Example: loyalty codes watch --offer 3 --merchant cafe --low 50"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.send(calls.put_offers_by_id_codes(offer, {"low_stock": low}))
    out.result(answer, lambda: facts(f"Codes of offer {offer}", answer.items()))


@app.command()
def check(code: Code, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """What a code is worth at the till. Changes nothing.

    Example: loyalty codes check CAFE-4ZFY-J3S6-HUER-N --merchant cafe"""
    _at_till("check", code, merchant, None, state)


@app.command()
def use(code: Code, merchant: Merchant, key: Key = None, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Use a code, once. The same --key again gives the same answer.

    Example: loyalty codes use CAFE-4ZFY-J3S6-HUER-N --merchant cafe --key receipt-17"""
    _at_till("use", code, merchant, key, state)


@app.command()
def undo(code: Code, merchant: Merchant, key: Key = None, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take a use back: the same till, within ten minutes.

    Example: loyalty codes undo CAFE-4ZFY-J3S6-HUER-N --merchant cafe"""
    _at_till("undo", code, merchant, key, state)


for command in (offline_codes.key, offline_codes.verify, offline_codes.report, offline_codes.doubles):
    app.command()(command)


def _at_till(verb: Literal["check", "use", "undo"], code: str, merchant: str, key: str | None, state: Path) -> None:
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.code(verb, code, key)
    out.result(answer, lambda: facts(answer["title"], for_people({**answer, "reward": None})))
