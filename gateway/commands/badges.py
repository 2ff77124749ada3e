"""Of `loyalty wallet`: its badges, its wish for one, and giving one up."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from gateway.chain import calls
from gateway.chain.badges import token_id
from gateway.client import Client, Json
from gateway.client import calls as requests
from gateway.commands import wallets
from gateway.commands.chain import open_chain
from gateway.commands.console import AsJson, CommandError, facts, moment, out, table
from gateway.commands.holder import Holder
from gateway.commands.merchant import give
from gateway.commands.processes import CHAIN_ID
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.durations import DAY
from gateway.loyalty.badges.messages import withdrawal

Name = Annotated[str, typer.Argument(help="The wallet's name on this machine.")]
Campaign = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]
Number = Annotated[int, typer.Argument(min=1, help="The badge's number in the campaign.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def badges(
    who: Annotated[str, typer.Argument(help="A wallet of this machine, or any address.")],
    progress: Annotated[
        bool, typer.Option("--progress", help="How far it is with others; for the wallet alone.")
    ] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """The badges that a wallet has on the chain; with --progress those that it could have. Needs a running gateway.

    Example: loyalty wallet badges alice --progress"""
    local = State(state)
    if progress:
        wallet = wallets.open_wallet(local, who)
        with _client(state) as client:
            holder = Holder(client, wallet)
            found = holder.items("badges/earned")
        heads = ("campaign", "badge", "name", "takes", "so far", "state")
        rows = [
            (s["campaign"], s["badge"], s["name"], s["takes"], f"{s['counted']} of {s['needed']}", _state(s))
            for s in found
        ]
        out.result(found, lambda: table("Badges", heads, rows))
        return
    address = wallets.address_of_name(local, who)
    with _client(state) as client:
        held = list(client.items(f"/v1/wallets/{address}/badges", anonymous=True))
    shown = [
        (b["campaign"], b["badge"], b["name"], moment(b["at"]), "renounced" if b["renounced"] else "") for b in held
    ]
    out.result(held, lambda: table(f"Badges of {address}", ("campaign", "badge", "name", "since", ""), shown))


def ask_badge(
    name: Name,
    campaign: Campaign,
    badge: Number,
    days: Annotated[int, typer.Option(min=8, max=89, help="So long it may take.")] = 30,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the wish back, if it was not sent.")] = False,
    yes: Yes = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Sign for a badge that the wallet has earned; it goes to the chain, in public and for good, with the next
    settlement.

    Example: loyalty wallet ask-badge alice 1 3"""
    wallet = wallets.open_wallet(State(state), name)
    with _client(state) as client:
        holder = Holder(client, wallet)
        path = f"/v1/campaigns/{campaign}/badges"
        if withdraw:
            proof = holder.signer.proof(withdrawal(campaign, badge))
            client.send(
                requests.delete_campaigns_by_id_badges_by_badge_wishes_by_address(
                    campaign, badge, holder.address, wallet_proof=proof
                )
            )
            out.result({"campaign": campaign, "badge": badge, "withdrawn": True}, lambda: "Withdrawn.")
            return
        takes = _takes(client.items(path, anonymous=True), badge)
        _sure(f"Everybody will see, for good, that {holder.address} has reached: {takes}. Go on?", yes)
        answer = client.order(path, holder.signer.badge(campaign, badge, int(time.time()) + days * DAY))
    out.result(answer, lambda: facts(answer["name"], [("state", _state(answer)), ("takes", answer["takes"])]))


def renounce_badge(
    name: Name, campaign: Campaign, badge: Number, yes: Yes = False, state: StateDir = DEFAULT, as_json: AsJson = False
) -> None:
    """Give a badge up, for ever. Own transaction, without the gateway; needs gas.

    Example: loyalty wallet renounce-badge alice 1 3"""
    local = State(state)
    chain = open_chain(local)
    if chain.deployment.badges is None:
        raise CommandError("this deployment has no badges", code="no-badges")
    own = chain.own(wallets.load_key(local, name))
    _sure(f"Badge {badge} of campaign {campaign} will never come back to this wallet. Go on?", yes)
    if chain.deployment.chain_id == CHAIN_ID:
        give(chain, own.address)
    own.do("badge renounced", chain.deployment.badges, calls.renounce_badge(token_id(campaign, badge, own.address)))
    out.result({"campaign": campaign, "badge": badge, "renounced": True}, lambda: facts(None, [("renounced", "yes")]))


def _client(state: Path) -> Client:
    return Client(State(state).endpoints()["gateway"])


def _takes(defined: Iterable[Json], badge: int) -> str:
    for item in defined:
        if item["badge"] == badge:
            return str(item["takes"])
    raise CommandError(f"the campaign has no badge {badge}", "loyalty campaign badges 1", "unknown-badge")


def _sure(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)


def _state(status: Json) -> str:
    at = status["sends_at"]
    return f"asked, to be sent {moment(at)}" if at and status["state"] == "asked" else str(status["state"])
