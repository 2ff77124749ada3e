"""`loyalty offer …`: documents signed by the merchant; what a holder checks of them before signing an order."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.signatures import address_of, personal, recover, sign
from gateway.chain.typed_data import Domains
from gateway.client import Client, Document, Json
from gateway.client.types import OfferOut
from gateway.commands import wallets
from gateway.commands.campaign import DAY, day
from gateway.commands.console import (
    AsJson,
    CommandError,
    Group,
    facts,
    out,
    parse_duration,
    parse_points,
    points,
    table,
)
from gateway.commands.merchant import KIND, client_of
from gateway.commands.orders import domains_of
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.loyalty.offers.documents import canonical
from gateway.loyalty.offers.rewards import Kind

app = typer.Typer(cls=Group, help="Offers: what points buy.", no_args_is_help=True)

RUNG = ("campaign", "ladder", "rank", "price")
Id = Annotated[int, typer.Argument(min=1, help="The offer's id at the gateway.")]
Merchant = Annotated[str, typer.Option(help="The merchant of this machine whose offer it is.")]


def document(
    key: bytes,
    domains: Domains,
    title: str,
    price: int,
    ends_at: int,
    *,
    description: str = "",
    kind: Kind = "product",
    campaign: int | None = None,
    starts_at: int | None = None,
    code_valid: int = 90 * DAY,
) -> tuple[str, str]:
    """(canonical document, EIP-191 signature) of a merchant's offer. Hundredths of a point, Unix seconds, seconds."""
    values: Json = {
        "merchant": checksum(address_of(key)),
        "hub": checksum(domains.hub),
        "chain_id": domains.chain_id,
        "title": title,
        "description": description,
        "kind": kind,
        "price": price,
        "campaign": campaign,
        "starts_at": int(time.time()) if starts_at is None else starts_at,
        "ends_at": ends_at,
        "code_valid": code_valid,
    }
    text = canonical(values)
    return text, to_hex(sign(key, personal(text.encode())))


def checked(offer: Json, domains: Domains) -> Json:
    """The offer as the gateway lists it, after everything that a holder signs was compared with the merchant's own
    signed document; CommandError when something does not fit."""
    text = str(offer["document"])
    values = json.loads(text)
    signer = recover(personal(text.encode()), from_hex(offer["signature"]))
    rungs = [(each["campaign"], each["ladder"], each["rank"], each["price"]) for each in values.get("prices", [])]
    fits = {
        "hash": keccak256(text.encode()) == from_hex(offer["hash"]),
        "merchant": from_hex(values["merchant"]) == from_hex(offer["merchant"]) == signer,
        "price": values["price"] == offer["price"],
        "prices": rungs == [tuple(each[name] for name in RUNG) for each in offer["prices"]],
        "campaign": values["campaign"] == offer["campaign"],
        "hub": from_hex(values["hub"]) == domains.hub and values["chain_id"] == domains.chain_id,
    }
    wrong = [name for name, fit in fits.items() if not fit]
    if wrong:
        raise CommandError(f"the offer does not fit its signed document: {', '.join(wrong)}", code="offer-forged")
    return offer


@app.command()
def create(
    merchant: Merchant,
    title: Annotated[str, typer.Option(help="What it is.")],
    price: Annotated[int, typer.Option(parser=parse_points, metavar="POINTS", help="Points, e.g. 250.00")],
    description: Annotated[str, typer.Option(help="More about it.")] = "",
    kind: Annotated[Kind, typer.Option(help="What kind of reward it is.")] = "product",
    campaign: Annotated[int | None, typer.Option(min=1, help="Paid from accounts of this campaign.")] = None,
    lasts: Annotated[int, typer.Option(parser=parse_duration, help="From now to its end, e.g. 90d.")] = 365 * DAY,
    code_valid: Annotated[int, typer.Option(parser=parse_duration, help="A code can be used so long.")] = 90 * DAY,
    pattern: Annotated[str | None, typer.Option(help="Generate codes, e.g. CAFE-****-****-****-%")] = None,
    stock: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    wallet_limit: Annotated[int | None, typer.Option(min=1, help="At most so many a wallet.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Sign an offer with the merchant's key and publish it. Without --pattern upload codes: `loyalty codes upload`."""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        key = wallets.load_key(local, merchant, KIND)
        ends_at = int(time.time()) + lasts
        text, signature = document(
            key,
            domains_of(client.chain()),
            title,
            price,
            ends_at,
            description=description,
            kind=kind,
            campaign=campaign,
            code_valid=code_valid,
        )
        answer = publish(client, text, signature, pattern, stock, wallet_limit)
    out.result(answer, lambda: describe(answer))


def publish(
    client: Client,
    text: str,
    signature: str,
    pattern: str | None = None,
    stock: int | None = None,
    wallet_limit: int | None = None,
) -> OfferOut:
    """Publishes a signed document; codes come from a pool unless there is a pattern."""
    body: Json = {"document": text, "signature": signature, "source": "generated" if pattern else "pool"}
    optional = {"pattern": pattern, "stock_limit": stock, "wallet_limit": wallet_limit}
    body.update({name: value for name, value in optional.items() if value is not None})
    return client.create_offer(body, idempotency_key=f"offer-{to_hex(keccak256(text.encode()))[2:]}")


@app.command("list")
def list_(
    campaign: Annotated[int | None, typer.Option(min=0, help="Paid from this campaign; 0: from the wallet.")] = None,
    points_of: Annotated[int | None, typer.Option(min=1, help="What points of this campaign buy.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="This kind of reward only.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Offers that points buy now."""
    with Client(State(state).endpoints()["gateway"]) as client:
        found = list(client.items("/v1/offers", campaign=campaign, points_of=points_of, kind=kind))
    rows = [
        (
            offer["id"],
            json.loads(offer["document"])["title"],
            points(offer["price"]),
            offer["campaign"] or "wallet",
            day(offer["ends_at"]),
            offer["availability"],
        )
        for offer in found
    ]
    out.result(found, lambda: table("Offers", ("id", "title", "price", "paid from", "until", "left"), rows))


@app.command()
def show(offer: Id, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """One offer, with the merchant's signature checked."""
    with Client(State(state).endpoints()["gateway"]) as client:
        answer = checked(client.get(f"/v1/offers/{offer}"), domains_of(client.chain()))
    out.result(answer, lambda: describe(answer))


@app.command()
def close(offer: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take no new orders; accepted ones go on."""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("POST", f"/v1/offers/{offer}/close")
    out.result(answer, lambda: describe(answer))


@app.command("open")
def open_(offer: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take orders again after it was closed."""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("POST", f"/v1/offers/{offer}/open")
    out.result(answer, lambda: describe(answer))


def describe(offer: Document) -> Any:
    """An offer for people."""
    values = json.loads(offer["document"])
    return facts(
        "Offer",
        [
            ("id", offer["id"]),
            ("title", values["title"]),
            ("description", values["description"]),
            ("terms", "; ".join(offer["words"])),
            ("price", points(offer["price"])),
            ("paid from", f"campaign {offer['campaign']}" if offer["campaign"] else "wallet"),
            ("merchant", offer["merchant"]),
            ("until", day(offer["ends_at"])),
            ("left", offer["availability"]),
            ("open", "yes" if offer["active"] else "no"),
            ("hash", offer["hash"]),
        ],
    )
