"""Of `loyalty campaign`: the badges that its rules have."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.client import Client
from gateway.commands.console import AsJson, out, table
from gateway.commands.state import DEFAULT, State, StateDir


def badges(
    campaign: Annotated[int, typer.Argument(min=1, help="The campaign's number.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """A campaign's badges: what each takes, and how many hold it.

    Example: loyalty campaign badges 1"""
    with Client(State(state).endpoints()["gateway"]) as client:
        answer = client.whole(f"/v1/campaigns/{campaign}/badges")
    rows = [
        (item["badge"], item["name"], item["takes"], "yes" if item["offered"] else "no more", item["held"])
        for item in answer["items"]
    ]
    out.result(answer, lambda: table("Badges", ("badge", "name", "takes", "offered", "held by"), rows))
