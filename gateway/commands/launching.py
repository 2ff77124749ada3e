"""`loyalty campaign launch`: a campaign as its file says, from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import campaign_file
from gateway.commands.chain import open_chain
from gateway.commands.console import AsJson, CommandError, facts, out, parse_duration
from gateway.commands.creating import DEFAULT_RULES, Registration, Terms, begin
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.commands.terms_section import default_text


def launch(
    file: Annotated[Path, typer.Argument(exists=True, help="The campaign's file, YAML or JSON, with its terms.")],
    merchant: Annotated[str, typer.Option(help="The merchant of this machine who will own it.")],
    operator: Annotated[str | None, typer.Option(help="Address of the gateway's key; else this machine's.")] = None,
    on_chain: Annotated[int | None, typer.Option("--id", min=1, help="Go on with a campaign that was created.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Create the campaign that a file describes, and make everything as it says: terms, rules, shares and offers.

    Example: loyalty campaign launch campaign.yaml --merchant cafe"""
    wanted = campaign_file.load(file)
    if wanted.terms is None:
        raise CommandError(f"{file} has no terms", "loyalty campaign schema", "invalid-file")
    if wanted.campaign is not None:
        raise CommandError(f"{file} is of campaign {wanted.campaign}", f"loyalty campaign apply {file}", "invalid-file")
    said = wanted.terms
    text = said.text or default_text(said.name)
    hold, window = parse_duration(said.hold), parse_duration(said.settle_every)
    fixed = Terms(said.end, hold, said.loop == "closed", said.expiry, said.bonus, text)
    rules = wanted.earning.model_dump(mode="json", exclude_none=True) if wanted.earning else DEFAULT_RULES
    told = Registration(said.name, said.starts_at, window, said.min_wallets, said.step, rules)
    local = State(state)
    chain = open_chain(local)
    answer = begin(local, chain, merchant, fixed, told, said.daily_cap, operator, on_chain)
    rest = wanted.model_copy(update={"terms": None, "earning": None})
    with client_of(local, local.merchant(merchant)) as client:
        changes = campaign_file.plan(client, answer["id"], rest, False, campaign_file.publisher_of(local, merchant))
        campaign_file.carry_out(changes)
    told_of = {"campaign": answer["id"], "changes": [change.told() for change in changes]}
    out.note(f"for `loyalty campaign apply`, write into the file:   campaign: {answer['id']}")
    out.result(told_of, lambda: facts("Launched", [("campaign", answer["id"]), ("name", said.name)]))
