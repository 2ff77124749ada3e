"""Of `loyalty wallet`: where a wallet stands, its wish for a rung, how far it is with challenges and streaks, and who
brought it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from gateway.chain.hexes import checksum, from_hex, to_hex
from gateway.chain.signatures import personal, sign
from gateway.client import Client, Json
from gateway.commands import wallets
from gateway.commands.console import AsJson, CommandError, facts, out, points, table
from gateway.commands.holder import Holder
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.loyalty.earning.referrals import messages as referrals
from gateway.loyalty.tiers.messages import message

Name = Annotated[str, typer.Argument(help="The wallet's name on this machine.")]
Campaign = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]


def _amount(place: Json, amount: int) -> str:
    return f"{amount} days" if place["by"] == "visits" else points(amount)


def _next(place: Json) -> str:
    above = place["next"]
    return f"{_amount(place, above['missing'])} to {above['name'] or above['rung']}" if above else ""


def tiers(name: Name, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """On which rungs the wallet stands, for how long, and what is missing to the next. Only the wallet may see it.

    Example: loyalty wallet tiers alice"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with Client(local.endpoints()["gateway"]) as client:
        holder = Holder(client, wallet)
        found = holder.items("tiers")
    rows = [
        (
            p["campaign"],
            p["ladder"],
            p["name"] or p["rung"],
            p["through"] or "always",
            _amount(p, p["counted"]),
            _next(p),
        )
        for p in found
    ]
    heads = ("campaign", "ladder", "rung", "held through", "counts now", "next")
    out.result(found, lambda: table("Tiers", heads, rows))


def ask_rung(
    name: Name,
    campaign: Campaign,
    ladder: Annotated[str, typer.Argument(help="The ladder.")],
    rung: Annotated[str, typer.Argument(help="The rung that the merchant promised.")],
    until: Annotated[str, typer.Option(help="The last day for which it may give it, e.g. 2027-12-31.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Sign a wish for a rung that a merchant gives, and show it to the merchant: from then on it knows this wallet.

    Example: loyalty wallet ask-rung alice 1 status gold --until 2027-12-31"""
    local = State(state)
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise CommandError(f"{until} is no day", "e.g. --until 2027-12-31") from None
    wallet = wallets.open_wallet(local, name)
    with Client(local.endpoints()["gateway"]) as client:
        chain_id = int(client.chain()["chain_id"])
    text = message(wallet.address, campaign, chain_id, ladder, rung, last)
    answer: Json = {
        "campaign": campaign,
        "wallet": checksum(wallet.address),
        "ladder": ladder,
        "rung": rung,
        "until": last.isoformat(),
        "signature": to_hex(sign(wallet.key, personal(text.encode()))),
    }
    out.result(answer)


def goals(name: Name, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """How far the wallet is with challenges and streaks. Only the wallet may see it.

    Example: loyalty wallet goals alice"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with Client(local.endpoints()["gateway"]) as client:
        holder = Holder(client, wallet)
        found = holder.items("goals")
    rows = []
    for goal in found:
        shown = points if goal["counts"] in ("spend", "points") else str
        so_far = f"{shown(goal['counted'])} of {shown(goal['target'])} in this {goal['period']}"
        row = "" if goal["length"] is None else f"{goal['in_a_row']} of {goal['length']}"
        rows.append(
            (goal["campaign"], goal["name"] or goal["goal"], so_far, row, goal["times"], points(goal["points"]))
        )
    heads = ("campaign", "goal", "so far", "in a row", "reached", "earns")
    out.result(found, lambda: table("Goals", heads, rows))


def brought_by(
    name: Name,
    campaign: Campaign,
    referrer: Annotated[str, typer.Argument(help="Who did: an address, or a wallet of this machine.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Say who brought this wallet to a campaign, before it earns there: both get what the campaign gives for it.

    Example: loyalty wallet brought-by bob 1 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    local = State(state)
    by = from_hex(wallets.address_of_name(local, referrer))
    wallet = wallets.open_wallet(local, name)
    with Client(local.endpoints()["gateway"]) as client:
        text = referrals.message(wallet.address, by, campaign, int(client.chain()["chain_id"]))
        body = {"wallet": checksum(wallet.address), "referrer": checksum(by)}
        signature = to_hex(sign(wallet.key, personal(text.encode())))
        client.order(f"/v1/campaigns/{campaign}/referrals", body | {"signature": signature})
    answer = {"campaign": campaign} | body
    out.result(answer, lambda: facts("Brought by", answer.items()))
