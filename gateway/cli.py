"""The operator's, merchants' and holders' command line."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gateway import __version__
from gateway.commands import audit, campaign, codes, demo, doctor, merchant, migrate, offer, replay, up, wallet
from gateway.commands.console import Group

app = typer.Typer(
    name="loyalty",
    cls=Group,
    help="Points that belong to the people who earned them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    gateway: Annotated[str | None, typer.Option(help="URL of the gateway.", envvar="LOYALTY_GATEWAY_URL")] = None,
    rpc: Annotated[str | None, typer.Option(help="URL of the chain's node.", envvar="LOYALTY_RPC_URL")] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Points that belong to the people who earned them."""
    for name, value in (("LOYALTY_GATEWAY_URL", gateway), ("LOYALTY_RPC_URL", rpc)):
        if value:
            os.environ[name] = value


for command in (
    up.up,
    demo.demo,
    replay.replay,
    audit.audit,
    doctor.doctor,
    migrate.migrate,
    merchant.faucet,
):
    app.command()(command)
for name, commands in (
    ("merchant", merchant.app),
    ("campaign", campaign.app),
    ("offer", offer.app),
    ("codes", codes.app),
    ("wallet", wallet.app),
):
    app.add_typer(commands, name=name)
