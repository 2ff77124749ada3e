"""`loyalty campaign authorise`: which keys of the gateway may award in a campaign, and how much a day."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.chain import calls
from gateway.chain.hexes import checksum
from gateway.commands.chain import open_chain
from gateway.commands.console import AsJson, CommandError, amounts, facts, out, points
from gateway.commands.merchant import operator_address, own_key
from gateway.commands.state import DEFAULT, State, StateDir


def authorise(
    campaign: Annotated[int, typer.Argument(min=1, help="The campaign's number.")],
    merchant: Annotated[str, typer.Option(help="The merchant of this machine who owns the campaign.")],
    operator: Annotated[str | None, typer.Option(help="Address of the gateway's key; else this machine's.")] = None,
    daily_cap: Annotated[int, amounts("What this key may award a day.", "100000")] = 100_000_00,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back, at once.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Let a key of the gateway award points in this campaign, on the chain; again for another daily cap.

    Example: loyalty campaign authorise 1 --merchant cafe --daily-cap 50000"""
    if not revoke and not daily_cap:
        raise CommandError("a cap of 0 awards nothing", f"loyalty campaign authorise {campaign} --revoke …")
    local = State(state)
    chain = open_chain(local)
    own, key, cap = own_key(local, chain, merchant), operator_address(local, operator), 0 if revoke else daily_cap
    own.ensure(
        "key may award nothing" if revoke else f"key may award {points(cap)} points a day",
        lambda: chain.reads.operator(campaign, key).daily_cap == cap,
        calls.set_operator(campaign, key, cap),
    )
    answer = {"campaign": campaign, "operator": checksum(key), "daily_cap": cap}
    shown = [("campaign", campaign), ("operator", checksum(key)), ("daily cap", points(cap))]
    out.result(answer, lambda: facts(None, shown))
