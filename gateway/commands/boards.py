"""Leaderboards on the command line. Commands of two groups."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gateway.chain.hexes import checksum, to_hex
from gateway.chain.signatures import personal, sign
from gateway.client import Client
from gateway.commands import wallets
from gateway.commands.console import AsJson, facts, out, points, table
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.loyalty.earning.boards.messages import message

Campaign = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]


def board(
    campaign: Campaign,
    back: Annotated[int, typer.Option(min=0, help="So many periods ago.")] = 0,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """A campaign's leaderboard: who asked to be shown, by the points that the chain shows.

    Example: loyalty campaign board 1 --back 1"""
    with Client(State(state).endpoints()["gateway"]) as client:
        answer = client.whole(f"/v1/campaigns/{campaign}/leaderboard", back=back)
    rows = [(item["place"], item["pseudonym"], points(item["points"])) for item in answer["items"]]
    title = f"{answer['players']} play in this {answer['period']}"
    out.result(answer, lambda: table(title, ("place", "name", "points"), rows))


def play(
    name: Annotated[str, typer.Argument(help="The wallet's name on this machine.")],
    campaign: Campaign,
    called: Annotated[str | None, typer.Option("--as", help="e.g. brave-otter-42; by default a free one.")] = None,
    leave: Annotated[bool, typer.Option("--leave", help="Be shown no more.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Play on a campaign's leaderboard under a name of the gateway's list, or leave it.

    Example: loyalty wallet board alice 1"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with Client(local.endpoints()["gateway"]) as client:
        path = f"/v1/campaigns/{campaign}/leaderboard"
        pseudonym = None if leave else called or str(client.look(f"{path}/names", count=1)["items"][0])
        at = int(time.time())
        text = message(wallet.address, campaign, int(client.chain()["chain_id"]), pseudonym, at)
        signature = to_hex(sign(wallet.key, personal(text.encode())))
        said = {"wallet": checksum(wallet.address), "pseudonym": pseudonym, "at": at, "signature": signature}
        answer = client.order(path, said)
    out.result(answer, lambda: facts("Left" if leave else "Playing", answer.items()))
