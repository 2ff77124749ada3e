"""Of `loyalty wallet`: points at once."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.client import Client
from gateway.commands import wallets
from gateway.commands.console import AsJson, facts, out, points
from gateway.commands.holder import Holder
from gateway.commands.state import DEFAULT, State, StateDir


def ask_points(
    name: Annotated[str, typer.Argument(help="The wallet's name on this machine.")],
    campaign: Annotated[int, typer.Argument(min=1, help="The campaign's number.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Have what is pending in a campaign sent now instead of with everybody's; it shows whose it is to who knows what
    was earned when.

    Example: loyalty wallet ask-points alice 1"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    if not yes:
        crowd = f"The points of {name} will stand on the chain alone, at about now: a merchant can tell from its"
        typer.confirm(f"{crowd} receipts whose wallet this is. Go on?", abort=True, err=True)
    with Client(local.endpoints()["gateway"]) as client:
        holder = Holder(client, wallet)
        answer = client.order(f"/v1/wallets/{holder.address}/settlements", holder.signer.points_now(campaign))
    shown = [("campaign", campaign), ("points", points(answer["points"])), ("state", answer["state"])]
    out.result(answer, lambda: facts("Asked", shown))
