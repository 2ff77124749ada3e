"""A merchant's API keys: this machine's own, with which it calls the gateway, and `loyalty merchant
key|keys|rotate|revoke` for the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from gateway.client import Client, Document, Json, calls
from gateway.commands.console import AsJson, CommandError, duration, facts, moment, out, table
from gateway.commands.state import DEFAULT, MerchantRecord, State, StateDir
from gateway.core.durations import DAY

#: All of a merchant's.
SCOPES = ("actions", "codes", "manage", "statistics")

Name = Annotated[str, typer.Argument(help="The merchant's name on this machine.")]
Key = Annotated[int, typer.Argument(min=1, help="The key's number, see `loyalty merchant keys`.")]


def client_of(state: State, record: MerchantRecord) -> Client:
    """The gateway as this merchant calls it."""
    return Client(state.endpoints()["gateway"], record.api_key)


def key(
    name: Name,
    scopes: Annotated[str, typer.Option(help="Comma-separated: actions, codes, manage, statistics.")] = "actions,codes",
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Issue one more API key for a merchant, for instance for a till. It is shown once.

    Example: loyalty merchant key cafe --scopes actions,codes"""
    local = State(state)
    with client_of(local, local.merchant(name)) as client:
        answer = client.create_key([scope.strip() for scope in scopes.split(",")])
    out.result(answer, lambda: _shown(answer))


def keys(name: Name, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """The merchant's API keys, without their texts, oldest first.

    Example: loyalty merchant keys cafe"""
    local = State(state)
    with client_of(local, local.merchant(name)) as client:
        found = list(client.items("/v1/keys"))
    rows = [(k["id"], ", ".join(k["scopes"]), moment(k["created_at"]), _until(k)) for k in found]
    out.result(found, lambda: table(f"API keys of {name}", ("key", "scopes", "since", "works"), rows))


def rotate(
    name: Name,
    key: Annotated[int | None, typer.Argument(min=1, help="The key's number; by default this machine's own.")] = None,
    grace: Annotated[int, duration("The old key works so long, e.g. 2h.", "1d")] = DAY,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """A new key with the scopes of an old one, which works for some time more. This machine's own is kept here; any
    other is shown once.

    Example: loyalty merchant rotate cafe 7 --grace 2h"""
    local = State(state)
    record = local.merchant(name)
    with client_of(local, record) as client:
        own = _own(list(client.items("/v1/keys")))
        answer = client.send(calls.post_keys_by_id_rotate(key or own, {"grace": grace}))
    if key in (None, own):
        local.save_merchant(replace(record, api_key=answer["key"]))
        kept = {field: value for field, value in answer.items() if field != "key"}
        out.result(kept, lambda: facts("This machine uses a new key", [("key", answer["id"]), ("old key", own)]))
    else:
        out.result(answer, lambda: _shown(answer))


def revoke(name: Name, key: Key, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """End a key at once, for instance of a till that was lost.

    Example: loyalty merchant revoke cafe 7"""
    local = State(state)
    with client_of(local, local.merchant(name)) as client:
        if key == _own(list(client.items("/v1/keys"))):
            raise CommandError(f"{key} is the key of this machine itself", f"loyalty merchant rotate {name} --grace 0s")
        client.send(calls.delete_keys_by_id(key))
    answer = {"key": key, "revoked": True}
    out.result(answer, lambda: facts(None, answer.items()))


def _own(found: list[Json]) -> int:
    return next(int(each["id"]) for each in found if each["current"])


def _until(key: Json) -> str:
    if key["revoked_at"]:
        return f"revoked {moment(key['revoked_at'])}"
    if key["expires_at"]:
        return f"until {moment(key['expires_at'])}"
    return "yes; this machine's own" if key["current"] else "yes"


def _shown(answer: Document) -> Table:
    named = [("key", answer["key"]), ("number", answer["id"]), ("scopes", ", ".join(answer["scopes"]))]
    return facts("API key, shown this once", named)
