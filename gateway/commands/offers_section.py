"""The offers of a campaign's file: from readable terms to signed documents, and what has to be done to have them so.

An offer is known by its `ref`, among those that are paid from the campaign or from wallets. What differs from what is
published is published anew and the old one is closed; orders that were accepted go on. One that is paid from wallets is
no campaign's; its document says in whose file it stands, so that two files cannot replace each other's. Codes are
secrets and are not in the file: `loyalty codes upload`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.chain.hexes import to_hex
from gateway.chain.signatures import personal, sign
from gateway.client import Client, Document, Json, calls
from gateway.commands.console import CommandError, parse_duration
from gateway.commands.file_changes import Change
from gateway.commands.publishing import publish, source_of
from gateway.core.limits import MAX_ID
from gateway.core.problems import INVALID_REQUEST, Problem
from gateway.identity.wallets.fields import Points
from gateway.loyalty.offers import documents, prices
from gateway.loyalty.offers.documents import MAX_STOCK, Limit
from gateway.loyalty.offers.rewards import Reward
from gateway.loyalty.rules.calendar import Zone
from gateway.loyalty.rules.parts import Rank, Slug

CODES = r"^(pool|links|signed|[A-Z0-9#@*%./_-]{1,64})$"
Number = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RungItem(_Part):
    """At least this rank on a ladder, of this campaign where no other is named."""

    ladder: Slug
    rank: Annotated[Rank, Field(ge=1)]
    campaign: Number | None = None


class PriceItem(RungItem):
    """What it costs from that rung on, in hundredths of a point."""

    price: Points


class OfferItem(_Part):
    """One offer. `price` in hundredths of a point; `first` and `last` day (both included) in the `zone`; `code_valid`
    from delivery, e.g. 90d. `codes`: a `pool` that is uploaded, a pool of `links`, `signed`, or a pattern, which an
    offer keeps. `low_stock`: the merchant is told when so many codes or fewer are left."""

    ref: Slug
    title: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=2_000)] = ""
    reward: Reward
    price: Points
    paid_from: Literal["campaign", "wallet"] = "campaign"
    first: date
    last: date
    zone: Zone = "UTC"
    code_valid: Annotated[str, StringConstraints(strict=True, pattern=r"^[1-9][0-9]{0,5}[mhd]$")] = "90d"
    prices: Annotated[list[PriceItem], Field(max_length=20)] = []
    only: RungItem | None = None
    limits: Annotated[list[Limit], Field(max_length=5)] = []
    stock: Annotated[int, Field(strict=True, ge=1, le=MAX_STOCK)] | None = None
    codes: Annotated[str, StringConstraints(strict=True, pattern=CODES)] = "pool"
    low_stock: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 20
    closed: Annotated[bool, Field(strict=True)] = False


@dataclass(frozen=True)
class Publisher:
    """The merchant who signs; `key` asks for the password, and only when something is published."""

    id: int
    address: str
    key: Callable[[], bytes]


def plan(publisher: Publisher, client: Client, now: Document, wanted: Sequence[OfferItem], dry: bool) -> list[Change]:
    """What has to be done."""
    refs = [item.ref for item in wanted]
    if len(set(refs)) != len(refs):
        raise CommandError("offers: one ref stands twice", code="invalid-file")
    chain, code_key = client.chain(), str(client.code_key(publisher.id)["key"])
    there: dict[str, list[Json]] = {}
    for offer in client.items("/v1/offers", merchant_id=publisher.id, closed="true"):
        if _concerns(offer, now):
            there.setdefault(str(json.loads(offer["document"]).get("ref")), []).append(offer)
    changes: list[Change] = []
    for place, item in enumerate(wanted):
        text = document(item, int(now["id"]), publisher, chain, code_key)
        try:
            documents.parse(text)
            own = _own(item, int(now["id"]), text, there.get(item.ref, []))
            changes += _changes(publisher, client, item, text, own)
        except Problem as problem:
            reason = f"offers[{place}]: {problem.field}: {problem.detail or 'out of range'}"
            raise CommandError(reason, code="invalid-file") from None
    others = [offer for ref, offers in there.items() if ref not in refs for offer in offers if offer["active"]]
    return changes + [_left_out(client, int(now["id"]), offer) for offer in others]


def _concerns(offer: Json, now: Document) -> bool:
    """Whether an offer is paid from this campaign's points, or from anybody's wallet."""
    return json.loads(offer["document"]).get("campaign") in (None, now["id"])


def _own(item: OfferItem, campaign: int, text: str, there: Sequence[Json]) -> list[Json]:
    """What is published under the ref by this file, or by another one that says the same; CommandError where another
    one says something else, and it is open."""
    own = []
    for offer in there:
        file_of = json.loads(offer["document"]).get("file_of") or campaign
        if file_of == campaign or (_same(offer, text) and not item.closed):
            own.append(offer)
        elif offer["active"] and item.paid_from == "wallet":
            other = "open" if item.closed else "with other terms"
            reason = f"offers: the file of campaign {file_of} has {item.ref}, number {offer['id']}, {other}"
            hint = "close it there" if item.closed else "take another ref: offers that are paid from wallets share them"
            raise CommandError(reason, hint, "ref-taken")
    return own


def _same(offer: Json, text: str) -> bool:
    """Whether a published document says what this one does, in whosever file it stands."""
    published, wanted = json.loads(offer["document"]), json.loads(text)
    return bool(published | {"file_of": None} == wanted | {"file_of": None})


def _left_out(client: Client, campaign: int, offer: Json) -> Change:
    number, terms = offer["id"], json.loads(offer["document"])
    ref = terms.get("ref") or terms.get("title")
    if terms.get("campaign") != campaign:
        what = f"offer number {number} ({ref}) is not in the file and stays: it is paid from wallets, not this campaign"
        return Change("offers", what)
    close = partial(client.write, "POST", f"/v1/offers/{number}/close")
    return Change("offers", f"close offer number {number} ({ref}): it is not in the file", close)


def document(item: OfferItem, campaign: int, publisher: Publisher, chain: Document, code_key: str) -> str:
    """The canonical document of an offer: of the same item always the same."""
    values: Json = {
        "version": 2,
        "merchant": publisher.address,
        "hub": chain["hub"],
        "chain_id": chain["chain_id"],
        "ref": item.ref,
        "title": item.title,
        "description": item.description,
        "reward": item.reward.model_dump(mode="json", exclude_none=True),
        "price": item.price,
        "campaign": campaign if item.paid_from == "campaign" else None,
        "starts_at": midnight(item.first, item.zone),
        "ends_at": midnight(item.last + timedelta(days=1), item.zone),
        "code_valid": parse_duration(item.code_valid),
        "zone": item.zone,
        "prices": [each.model_dump() | {"campaign": each.campaign or campaign} for each in item.prices],
        "limits": [each.model_dump() for each in item.limits],
        "links": item.codes == "links",
    }
    if item.paid_from == "wallet":
        values["file_of"] = campaign
    if item.only is not None:
        values["only"] = item.only.model_dump() | {"campaign": item.only.campaign or campaign}
    if item.stock is not None:
        values["stock"] = item.stock
    if item.codes == "signed":
        values["code_key"] = code_key
    return documents.canonical(values)


def midnight(day: date, zone: str) -> int:
    """When a day begins there, Unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp())


def _changes(publisher: Publisher, client: Client, item: OfferItem, text: str, there: Sequence[Json]) -> list[Change]:
    same = next((offer for offer in there if _same(offer, text) and not item.closed), None)
    old = [offer for offer in there if offer["active"] and offer != same]
    changes = [] if same is None else [*_again(client, item, same)]
    if same is None and not item.closed:
        words = "; ".join([item.reward.say(), *prices.say(documents.parse(text))])
        what = f"publish offer {item.ref}" + (f" instead of number {old[-1]['id']}" if old else "")
        changes.append(Change("offers", what, partial(_publish, publisher, client, item, text), {"in_words": words}))
    for offer in old:
        close = partial(client.write, "POST", f"/v1/offers/{offer['id']}/close")
        changes.append(Change("offers", f"close offer number {offer['id']} ({item.ref})", close))
    return changes


def _again(client: Client, item: OfferItem, offer: Json) -> Iterator[Change]:
    """What a published offer lacks that its document does not say. A Problem for what it keeps: after a restore, codes
    that were made are found again by their pattern."""
    there = client.send(calls.get_offers_by_id_codes(offer["id"]))
    if (offer["source"], there["pattern"]) != source_of(item.codes):
        kept = there["pattern"] or offer["source"]
        raise INVALID_REQUEST.at(
            "codes", f"number {offer['id']} keeps its own ({kept}); close it, and take another ref"
        )
    if not offer["active"]:
        reopen = partial(client.write, "POST", f"/v1/offers/{offer['id']}/open")
        yield Change("offers", f"open offer number {offer['id']} again ({item.ref})", reopen)
    if there["low_stock"] != item.low_stock:
        what = f"tell when {item.low_stock} codes of offer number {offer['id']} ({item.ref}) are left"
        watch = calls.put_offers_by_id_codes(offer["id"], {"low_stock": item.low_stock})
        yield Change("offers", what, partial(client.send, watch))


def _publish(publisher: Publisher, client: Client, item: OfferItem, text: str) -> Document:
    signature = to_hex(sign(publisher.key(), personal(text.encode())))
    return publish(client, text, signature, item.codes, item.low_stock)
