"""Of `loyalty wallet enter` and `loyalty wallet move`: what would arrive, before anything is signed."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.client import Client, Document, Json
from gateway.commands import direct, wallets
from gateway.commands.chain import REASONS, Chain, open_chain
from gateway.commands.console import CommandError, facts, for_people, out
from gateway.commands.state import State

Preview = Annotated[
    bool, typer.Option("--preview", help="Only say what would arrive now, with its bonus; nothing is signed.")
]


def show(local: State, name: str, amount: int, target: int, source: int | None = None, alone: bool = False) -> None:
    """What `amount` (hundredths of a point) of a wallet of this machine would become in `target`; from `source`, where
    not from the wallet. `alone`: by the contracts, without the gateway. CommandError or ProblemAnswer for what would be
    refused whoever has the points."""
    wallets.address_of_name(local, name)
    answer: Document
    if alone:
        answer = _by_contracts(open_chain(local), amount, target, source)
    else:
        with Client(local.endpoints()["gateway"]) as client:
            answer = client.quote("enter" if source is None else "move", amount, source, target)
    # The least that the order will demand is what arrives now: said once.
    told = {field: answer[field] for field in ("received", "bonus")}
    out.result(answer, lambda: facts("Would arrive now", for_people(told, told)))


def _by_contracts(chain: Chain, amount: int, target: int, source: int | None) -> Json:
    quote = direct.arrival(chain, target, amount)
    if not amount:
        raise _refused("ZeroAmount")
    if source == target:
        raise _refused("SameCampaign")
    if source is not None and chain.reads.campaign(source).closed:
        raise _refused("ClosedLoop")
    if chain.reads.campaign(target).end <= chain.reads.head().time:
        raise _refused("CampaignEnded")
    return {"received": quote.received, "bonus": quote.bonus, "min_received": quote.min_received}


def _refused(name: str) -> CommandError:
    return CommandError(REASONS[name], code=name)
