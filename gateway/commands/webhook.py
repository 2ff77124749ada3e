"""`loyalty webhook …`: where the gateway tells a merchant what has happened."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from gateway.client import calls
from gateway.commands.console import AsJson, Group, facts, moment, out, table
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir

app = typer.Typer(cls=Group, help="Webhooks: signed messages to a merchant.", no_args_is_help=True)

Merchant = Annotated[str, typer.Option(help="The merchant of this machine that is told.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="A public https address, e.g. https://shop.example/hooks/loyalty")],
    merchant: Merchant,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send the merchant's events to an address from now on. The signing secret is shown once.

    Example: loyalty webhook add https://shop.example/hooks/loyalty --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.send(calls.post_webhooks({"url": url}))
    shown = [(name, answer[name]) for name in ("id", "url", "secret")]
    out.result(answer, lambda: facts("Webhook; its secret is shown this once", shown))


@app.command("list")
def list_(merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """The merchant's webhooks. One that answered 410 Gone is switched off.

    Example: loyalty webhook list --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        found = list(client.items("/v1/webhooks"))
    rows = [(w["id"], w["url"], "on" if w["active"] else "off", moment(w["created_at"])) for w in found]
    out.result(found, lambda: table(f"Webhooks of {merchant}", ("webhook", "url", "state", "since"), rows))


@app.command()
def remove(
    webhook: Annotated[int, typer.Argument(min=1, help="Its number, see `loyalty webhook list`.")],
    merchant: Merchant,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Forget a webhook and the messages that still wait for it.

    Example: loyalty webhook remove 1 --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        client.send(calls.delete_webhooks_by_id(webhook))
    answer = {"webhook": webhook, "removed": True}
    out.result(answer, lambda: facts(None, answer.items()))


@app.command()
def messages(
    merchant: Merchant,
    most: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """What was delivered, waits or was given up, newest first.

    Example: loyalty webhook messages --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        found = list(islice(client.items("/v1/webhooks/deliveries", limit=min(most, 200)), most))
    rows = [
        (m["id"], m["webhook"], m["type"], m["state"], m["attempts"], moment(m["next_at"]) if m["next_at"] else "")
        for m in found
    ]
    columns = ("message", "webhook", "type", "state", "attempts", "next")
    out.result(found, lambda: table(f"Messages to {merchant}", columns, rows))


@app.command()
def replay(
    message: Annotated[int, typer.Argument(min=1, help="Its number, see `loyalty webhook messages`.")],
    merchant: Merchant,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send a message once more, under its old id.

    Example: loyalty webhook replay 12 --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.send(calls.post_webhooks_deliveries_by_id_replay(message))
    out.result(answer, lambda: facts("Message", [(name, answer[name]) for name in ("id", "type", "state")]))
