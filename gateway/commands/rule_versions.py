"""The versions of a campaign's rules on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.client import Client
from gateway.commands.console import AsJson, facts, moment, out, table
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir

Campaign = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]


def versions(campaign: Campaign, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """All versions of a campaign's rules: those of earlier times, in force and to come. --json shows them whole.

    Example: loyalty campaign versions 1"""
    with Client(State(state).endpoints()["gateway"]) as client:
        found = list(client.items(f"/v1/campaigns/{campaign}/rules"))
    rows = [(row["version"], moment(row["valid_from"]), len(row["rules"]["rules"])) for row in found]
    out.result(found, lambda: table("Versions", ("version", "in force from", "rules"), rows))


def withdraw(
    campaign: Campaign,
    version: Annotated[int, typer.Argument(min=2, help="Which one; see `loyalty campaign versions`.")],
    merchant: Annotated[str, typer.Option(help="The merchant of this machine who owns the campaign.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Take rules back that are not in force yet.

    Example: loyalty campaign withdraw-rules 1 4 --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        client.write("DELETE", f"/v1/campaigns/{campaign}/rules/{version}")
    answer = {"campaign": campaign, "withdrawn": version}
    out.result(answer, lambda: facts(None, list(answer.items())))
