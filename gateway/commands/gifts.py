"""`loyalty wallet gift|gifts|take`: points behind a link. Whoever has the link takes them; so does the giver, again.

A gift is a fresh key that points are sent to, and the link is its secret: two ordinary sends, both relayed. The key is
on this machine before the points leave.
"""

from __future__ import annotations

import re
import secrets
from typing import Annotated

import typer

from gateway.chain.hexes import checksum, from_hex
from gateway.chain.signatures import address_of
from gateway.client import Client, Json
from gateway.commands import histories, wallets
from gateway.commands.chain import known_chain
from gateway.commands.console import AsJson, CommandError, Points, facts, out, points, table
from gateway.commands.holder import Holder
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.limits import RELAY_MINIMUM

KIND = "gifts"
LINK = re.compile(r"loyalty:gift:([0-9a-f]{64})")

Name = Annotated[str, typer.Argument(help="The wallet's name on this machine.")]


def gift(name: Name, amount: Points, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Put points behind a link: whoever has it takes them, without any gas. Not taken, they can be taken back.

    Example: loyalty wallet gift alice 12.50"""
    if amount < RELAY_MINIMUM:
        raise CommandError("a gift has at least one point: less is not relayed", code="below-relay-minimum")
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    kept = secrets.token_hex(4)
    address = wallets.create(local, kept, KIND)
    with Client(local.endpoints()["gateway"]) as client:
        holder = Holder(client, wallet, known_chain(local))
        with out.notes.status("waiting for the chain …"):
            holder.landed(holder.send(address, amount))
    answer = {"gift": kept, "points": amount, "link": _link(wallets.load_key(local, kept, KIND))}
    out.result(answer, lambda: facts("Gift", [("points", points(amount)), ("link", answer["link"]), ("kept as", kept)]))


def gifts(
    links: Annotated[bool, typer.Option("--links", help="Show their links, to send or to take back.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Gifts made on this machine, and what is still in them.

    Example: loyalty wallet gifts --links"""
    local = State(state)
    with Client(local.endpoints()["gateway"]) as client:
        found = [
            _seen(client, kept, address) | ({"link": _link(wallets.load_key(local, kept, KIND))} if links else {})
            for kept, address in wallets.listed(local, KIND)
        ]
    columns = ("gift", "left", "state", *(["link"] if links else []))
    rows = [(each["gift"], points(each["points"]), each["state"], *([each["link"]] if links else [])) for each in found]
    out.result(found, lambda: table("Gifts", columns, rows))


def _seen(client: Client, kept: str, address: str) -> Json:
    left = int(client.wallet(address)["balance"])
    past = client.get(f"/v1/wallets/{address}/history", anonymous=True, limit=1)["items"]
    return {"gift": kept, "points": left, "state": histories.gift_state(left, past)}


def take(
    name: Annotated[str, typer.Argument(help="A wallet of this machine, or an address.")],
    link: Annotated[str, typer.Argument(help="The gift's link; asked for when it is left out.")] = "",
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Take the points of a gift's link, all of them.

    Example: loyalty wallet take bob"""
    local = State(state)
    match = LINK.fullmatch((link or typer.prompt("Link", hide_input=True, err=True)).strip())
    if not match:
        raise CommandError("that is no gift's link; was it copied whole?", code="bad-gift")
    key, recipient = bytes.fromhex(match[1]), from_hex(wallets.address_of_name(local, name))
    with Client(local.endpoints()["gateway"]) as client:
        amount = int(client.wallet(checksum(address_of(key)))["balance"])
        if not amount:
            raise CommandError("nothing is there: it was taken, or has not arrived yet", code="gift-empty")
        holder = Holder(client, wallets.of_key(local, "gift", key), known_chain(local))
        with out.notes.status("waiting for the chain …"):
            holder.landed(holder.send(recipient, amount))
    out.result({"points": amount}, lambda: facts("Taken", [("points", points(amount))]))


def _link(key: bytes) -> str:
    return f"loyalty:gift:{key.hex()}"
