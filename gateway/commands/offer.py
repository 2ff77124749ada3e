"""`loyalty offer …`: documents signed by the merchant; what a holder checks of them before signing an order."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.signatures import address_of, personal, recover, sign
from gateway.chain.typed_data import Domains
from gateway.client import Client, Document, Json
from gateway.commands import offer_terms, wallets
from gateway.commands.console import (
    AsJson,
    CommandError,
    Group,
    amounts,
    duration,
    facts,
    moment,
    out,
    points,
    table,
)
from gateway.commands.merchant import KIND
from gateway.commands.merchant_keys import client_of
from gateway.commands.orders import domains_of
from gateway.commands.publishing import publish
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.core.durations import DAY
from gateway.core.problems import Problem
from gateway.loyalty.offers.documents import canonical, parse
from gateway.loyalty.offers.rewards import Kind

app = typer.Typer(cls=Group, help="Offers: what points buy.", no_args_is_help=True)

RUNG = ("campaign", "ladder", "rank", "price")
Id = Annotated[int, typer.Argument(min=1, help="The offer's id at the gateway.")]
TierPrices = Annotated[
    list[str] | None, typer.Option(help="Cheaper from a rung on, LADDER:RANK=POINTS, e.g. status:2=250")
]
Merchant = Annotated[str, typer.Option(help="The merchant of this machine whose offer it is.")]


def document(
    key: bytes,
    domains: Domains,
    title: str,
    price: int,
    ends_at: int,
    *,
    reward: Json,
    description: str = "",
    campaign: int | None = None,
    starts_at: int | None = None,
    code_valid: int = 90 * DAY,
    **terms: Any,
) -> tuple[str, str]:
    """(canonical document, EIP-191 signature) of a merchant's offer. Hundredths of a point, Unix seconds, seconds;
    `terms`: the other ones of documents.Full. CommandError when they do not fit."""
    values: Json = {
        "version": 2,
        "merchant": checksum(address_of(key)),
        "hub": checksum(domains.hub),
        "chain_id": domains.chain_id,
        "title": title,
        "description": description,
        "reward": reward,
        "price": price,
        "campaign": campaign,
        "starts_at": int(time.time()) if starts_at is None else starts_at,
        "ends_at": ends_at,
        "code_valid": code_valid,
        **terms,
    }
    text = canonical(values)
    try:
        parse(text)
    except Problem as problem:
        raise CommandError(f"{problem.field}: {problem.detail or 'out of range'}", code="invalid-offer") from None
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
    price: Annotated[int, amounts("Points, e.g. 250.00")],
    kind: Annotated[Kind, typer.Option(help="What kind of reward it is: `loyalty offer kinds`.")] = "product",
    reward: Annotated[list[str] | None, typer.Option(help="A term of the reward, NAME=VALUE; again for each.")] = None,
    description: Annotated[str, typer.Option(help="More about it.")] = "",
    campaign: Annotated[int | None, typer.Option(min=1, help="Paid from accounts of this campaign.")] = None,
    tier_price: TierPrices = None,
    only: Annotated[str | None, typer.Option(help="For this rung and higher ones alone, e.g. status:3")] = None,
    ladders_of: Annotated[int | None, typer.Option(min=1, help="Whose ladders these are; default --campaign.")] = None,
    limit: Annotated[list[str] | None, typer.Option(help="At most so many a wallet, e.g. 1/week or 3/ever.")] = None,
    stock: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    zone: Annotated[str, typer.Option(parser=offer_terms.zone, help="Where days and weeks begin.")] = "UTC",
    first: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From this day on; default now.")] = None,
    lasts: Annotated[int, duration("From its start to its end, e.g. 90d.", "365d")] = 365 * DAY,
    code_valid: Annotated[int, duration("A code can be used so long.", "90d")] = 90 * DAY,
    codes: Annotated[str, typer.Option(help="pool, links, signed, or a pattern: CAFE-****-****-****-%")] = "pool",
    low_stock: Annotated[int, typer.Option(min=0, help="Webhooks tell when so many codes are left.")] = 20,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Sign an offer with the merchant's key and publish it. Codes of a pool are uploaded: `loyalty codes upload`.

    A tenth off wine, at most once a week. Example: loyalty offer create --merchant cafe --title "A tenth off wine"
    --price 300 --kind percentage --reward percent=10 --reward categories=wine --campaign 1 --limit 1/week
    --tier-price status:2=250 --codes 'WINE-****-****-****-%'"""
    local = State(state)
    record = local.merchant(merchant)
    rungs = [offer_terms.tier_price(text) for text in tier_price or ()]
    terms: Json = {"prices": rungs, "limits": [offer_terms.limit(text) for text in limit or ()], "zone": zone}
    terms |= {"only": offer_terms.rung(only)} if only else {}
    terms |= {"stock": stock} if stock else {}
    for each in (*rungs, *([terms["only"]] if only else ())):
        if ladders_of is None and campaign is None:
            raise CommandError("whose ladder is that?", "--ladders-of 1", "invalid-offer")
        each["campaign"] = ladders_of or campaign
    given = offer_terms.reward(kind, reward or (), zone)
    starts_at = int(time.time()) if first is None else int(first.replace(tzinfo=ZoneInfo(zone)).timestamp())
    with client_of(local, record) as client:
        terms |= {"links": True} if codes == "links" else {}
        terms |= {"code_key": str(client.code_key(record.id)["key"])} if codes == "signed" else {}
        text, signature = document(
            wallets.load_key(local, merchant, KIND),
            domains_of(client.chain()),
            title,
            price,
            starts_at + lasts,
            reward=given,
            description=description,
            campaign=campaign,
            starts_at=starts_at,
            code_valid=code_valid,
            **terms,
        )
        answer = publish(client, text, signature, codes, low_stock)
    out.result(answer, lambda: describe(answer))


@app.command()
def kinds(as_json: AsJson = False) -> None:
    """The kinds of rewards, and how each is typed for `loyalty offer create`.

    Example: loyalty offer kinds"""
    rows = [(kind, offer_terms.example(kind).partition(" --reward ")[2]) for kind in offer_terms.EXAMPLES]
    told = {kind: list(terms) for kind, terms in offer_terms.EXAMPLES.items()}
    out.result(told, lambda: table("Kinds of rewards", ("--kind", "--reward"), rows))


@app.command("list")
def list_(
    campaign: Annotated[int | None, typer.Option(min=0, help="Paid from this campaign; 0: from the wallet.")] = None,
    points_of: Annotated[int | None, typer.Option(min=1, help="What points of this campaign buy.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="This kind of reward only.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Offers that points buy now.

    Example: loyalty offer list --campaign 1"""
    with Client(State(state).endpoints()["gateway"]) as client:
        found = list(client.items("/v1/offers", campaign=campaign, points_of=points_of, kind=kind))
    rows = [
        (
            offer["id"],
            json.loads(offer["document"])["title"],
            points(offer["price"]),
            offer["campaign"] or "wallet",
            moment(offer["ends_at"]),
            offer["availability"],
        )
        for offer in found
    ]
    out.result(found, lambda: table("Offers", ("id", "title", "price", "paid from", "until", "left"), rows))


@app.command()
def show(offer: Id, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """One offer, with the merchant's signature checked.

    Example: loyalty offer show 3"""
    with Client(State(state).endpoints()["gateway"]) as client:
        answer = checked(client.get(f"/v1/offers/{offer}"), domains_of(client.chain()))
    out.result(answer, lambda: describe(answer))


@app.command()
def close(offer: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take no new orders; accepted ones go on.

    Example: loyalty offer close 3 --merchant cafe"""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("POST", f"/v1/offers/{offer}/close")
    out.result(answer, lambda: describe(answer))


@app.command("open")
def open_(offer: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take orders again after it was closed.

    Example: loyalty offer open 3 --merchant cafe"""
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
            ("until", moment(offer["ends_at"])),
            ("left", offer["availability"]),
            ("open", "yes" if offer["active"] else "no"),
            ("hash", offer["hash"]),
        ],
    )
