"""The operator's, merchants' and holders' command line."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Annotated, Any

import typer

from gateway import __version__
from gateway.commands.console import Group

#: Where each command is: a function, or the Typer of a group.
COMMANDS = {
    "up": "up:up",
    "demo": "demo:demo",
    "replay": "replay:replay",
    "audit": "audit:audit",
    "bench": "bench:bench",
    "reindex": "reindex:reindex",
    "doctor": "doctor:doctor",
    "migrate": "migrate:migrate",
    "restored": "restored:restored",
    "relayer": "relayer:app",
    "faucet": "merchant:faucet",
    "merchant": "merchant:app",
    "campaign": "campaign:app",
    "actions": "actions:app",
    "grant": "grant:app",
    "offer": "offer:app",
    "codes": "codes:app",
    "webhook": "webhook:app",
    "wallet": "wallet:app",
}


class Commands(Group):
    """Imports only the command that is called: each brings libraries of its own, and a till's script is in a hurry."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        found = getattr(import_module(f"gateway.commands.{module}"), attribute)
        holder = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=cmd_name)
        else:
            holder.command(cmd_name)(found)
        return typer.main.get_group(holder).commands[cmd_name]


app = typer.Typer(
    name="loyalty",
    cls=Commands,
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
