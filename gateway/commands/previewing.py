"""`loyalty actions preview`: what an action would earn, and which rules say so."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any, Literal, cast

import typer

from gateway.client import Client, Json, calls
from gateway.client.types import PreviewIn
from gateway.commands.console import AsJson, CommandError, out, parse_points, points, table
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.commands.wallets import address_of_name

#: What a line may say, and how it is read.
FIELDS: dict[str, Any] = {"product": str, "category": str, "brand": str, "quantity": int, "amount": parse_points}
TERM = re.compile(r"(\w+)=(\S+)")
Kind = Literal["purchase", "visit", "custom"]


def line(text: str) -> Json:
    """`product=espresso category=coffee quantity=2 amount=5.00`; a line without quantity is one piece."""
    try:
        terms = [TERM.fullmatch(term) for term in text.split()]
        found = {term[1]: FIELDS[term[1]](term[2]) for term in terms if term}
    except (KeyError, ValueError, typer.BadParameter):
        found = {}
    if len(found) != len(text.split()) or not {"product", "amount"} <= found.keys():
        raise typer.BadParameter('NAME=VALUE, e.g. "product=espresso category=coffee quantity=2 amount=5.00"')
    return {"quantity": 1} | found


def preview(
    campaign: Annotated[int, typer.Argument(min=1, help="The campaign's number.")],
    merchant: Annotated[str | None, typer.Option(help="A merchant of this machine, whose API key is used.")] = None,
    key: Annotated[str | None, typer.Option(envvar="LOYALTY_API_KEY", help="API key with the scope actions.")] = None,
    kind: Annotated[Kind, typer.Option(help="What was done.")] = "purchase",
    lines: Annotated[list[str] | None, typer.Option("--line", help="A line of the receipt; again for each.")] = None,
    amount: Annotated[
        int | None, typer.Option(parser=parse_points, metavar="AMOUNT", help="Instead of lines, e.g. 15.30")
    ] = None,
    action: Annotated[str | None, typer.Option(help="Which custom action, e.g. review.")] = None,
    wallet: Annotated[str | None, typer.Option(help="Whose, an address or a wallet of this machine.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """What an action would earn now, and why; nothing is written. Without --wallet as a claim code's bearer would.

    Example: loyalty actions preview 1 --merchant cafe --line "product=espresso category=coffee quantity=2 amount=5.00"
    """
    local = State(state)
    token = key or (local.merchant(merchant).api_key if merchant else None)
    if not token:
        raise CommandError("whose campaign is it?", "--merchant NAME   (or --key loy_…)")
    told: Json = {"campaign": campaign, "kind": kind, "occurred_at": int(time.time())}
    told |= {"lines": [line(text) for text in lines]} if lines else {}
    optional = {"amount": amount, "action": action, "wallet": address_of_name(local, wallet) if wallet else None}
    told |= {name: value for name, value in optional.items() if value is not None}
    with Client(local.endpoints()["gateway"], token) as client:
        answer = client.send(calls.post_actions_preview(cast(PreviewIn, told)))
    rows = [(verdict["id"], points(verdict["points"]), verdict["why"]) for verdict in answer["verdicts"] or ()]
    heading = f"{points(answer['points'])} points"
    out.result(answer, lambda: table(heading, ("rule", "points", "why"), rows))
