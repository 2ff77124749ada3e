"""`loyalty campaign sweep`: what a campaign did not award goes back to its owner."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.chain import calls
from gateway.chain.reads import Campaign
from gateway.commands.chain import open_chain
from gateway.commands.console import AsJson, CommandError, facts, moment, out, points
from gateway.commands.merchant import own_key
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.loyalty.campaigns.schedule import GRACE


def sweep(
    campaign: Annotated[int, typer.Argument(min=1, help="The campaign's number on the chain.")],
    merchant: Annotated[str, typer.Option(help="The merchant of this machine whose key pays the gas.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Pay what is left of budget and pot to the campaign's owner, from seven days after its end.

    Example: loyalty campaign sweep 1 --merchant cafe"""
    local = State(state)
    chain = open_chain(local)
    terms = chain.reads.campaign(campaign)
    if chain.reads.head().time < swept_from(terms):
        why = f"campaign {campaign} may still award what is told late; the rest comes back from"
        raise CommandError(f"{why} {moment(swept_from(terms))} on", code="NotYet")
    if not terms.budget + terms.pot:
        raise CommandError(f"nothing is left in campaign {campaign}", code="nothing-left")
    own_key(local, chain, merchant).hub("what was left is the owner's again", calls.sweep(campaign))
    answer = {"campaign": campaign, "budget": terms.budget, "pot": terms.pot}
    shown = [("budget", points(terms.budget)), ("pot", points(terms.pot))]
    out.result(answer, lambda: facts("Paid back to the owner", shown))


def swept_from(terms: Campaign) -> int:
    """Unix seconds from which the rest of a campaign may be paid back."""
    return terms.end + GRACE
