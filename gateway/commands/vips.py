"""Of `loyalty campaign`: rungs that the owner gives."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands.console import AsJson, CommandError, facts, out
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir


def vip(
    wish: Annotated[Path, typer.Argument(exists=True, help="What `loyalty wallet ask-rung` printed.")],
    merchant: Annotated[str, typer.Option(help="The merchant of this machine who owns the campaign.")],
    last: Annotated[
        str, typer.Option(help="The last day, e.g. 2027-12-31, none after the wish's; a day that is over ends it.")
    ],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Let a wallet that asked for it stand on a rung at least, until a day.

    Example: loyalty campaign vip wish.json --merchant cafe --last 2027-12-31"""
    local = State(state)
    try:
        asked: Any = json.loads(wish.read_text(encoding="utf-8"))
        body = {field: asked[field] for field in ("wallet", "ladder", "rung", "until", "signature")}
        body["last"] = date.fromisoformat(last).isoformat()
        campaign = int(asked["campaign"])
    except (ValueError, KeyError, TypeError):
        raise CommandError(
            f"{wish} is no wish, or {last} no day",
            "loyalty wallet ask-rung alice 1 status gold --until 2027-12-31 > wish.json",
        ) from None
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("PUT", f"/v1/campaigns/{campaign}/vips", body)
    out.result(answer, lambda: facts("Given", answer.items()))
