"""`loyalty relayer new|list`: the keys with which the gateway sends its transactions."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from gateway.chain import keystore
from gateway.chain.hexes import checksum
from gateway.commands.configured import find_settings
from gateway.commands.console import AsJson, CommandError, Group, facts, out, table
from gateway.commands.state import DEFAULT, State, StateDir

app = typer.Typer(cls=Group, help="The gateway's own keys on the chain.", no_args_is_help=True)


@app.command()
def new(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Make one more key for the gateway, beside those that it has. It is used after a restart, for what it is
    authorised for.

    Example: loyalty relayer new"""
    local = State(state)
    settings = find_settings(local)
    folder = _folder(local, settings.relayer_keystore)
    draft = folder / ".new"
    draft.unlink(missing_ok=True)
    address = keystore.create(draft, settings.relayer_password.get_secret_value())
    path = folder / f"relayer-{address.hex()[:8]}.json"
    draft.rename(path)
    shown = checksum(address)
    answer = {"address": shown, "keystore": str(path)}
    out.result(answer, lambda: facts("Relayer key", answer.items()))
    out.note(f"send it gas, and have it authorised before the next restart of gateways and workers:\n"
             f"  loyalty campaign authorise CAMPAIGN --merchant OWNER --operator {shown}\n"
             f"  loyalty merchant delegate SELLER --operator {shown}")  # fmt: skip


@app.command("list")
def list_(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """The gateway's keys, in the order of their files. What each may do: `loyalty doctor`.

    Example: loyalty relayer list"""
    files = keystore.files(find_settings(State(state)).relayer_keystore)
    found = [{"address": checksum(keystore.address(path)), "keystore": str(path)} for path in files]
    rows = [(key["address"], path.name) for key, path in zip(found, files, strict=True)]
    out.result(found, lambda: table("Relayer keys", ("address", "keystore"), rows))


def _folder(local: State, path: Path) -> Path:
    """The folder of the keys; that of a local house is made around its one file."""
    if path.is_dir():
        return path
    if path != local.relayer or not path.exists():
        raise CommandError(
            f"{path} is no folder: put the key's file into one, and name the folder",
            "mkdir -m 700 relayers && mv relayer.json relayers/ && export LOYALTY_RELAYER_KEYSTORE=relayers",
            "not-a-folder",
        )
    draft, folder = local.relayers.with_suffix(".new"), local.relayers
    draft.mkdir(mode=0o700, exist_ok=True)
    # Whatever dies here: the house has its key, in the old place or in the new one.
    (draft / path.name).unlink(missing_ok=True)
    os.link(path, draft / path.name)
    draft.rename(folder)
    path.unlink()
    return folder
