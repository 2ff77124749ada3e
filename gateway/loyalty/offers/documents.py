"""The offer document: what a merchant signs and every order names by its hash. Pure.

Canonical JSON: UTF-8, keys sorted, no whitespace, integers only, so that one offer has one hash. Version 2 says what
the reward is and all its terms; documents of version 1 (which do not name a version) name its kind only and stay valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Literal, NoReturn, get_args

from pydantic import Field, ValidationError

from gateway.core.durations import DAY
from gateway.identity.wallets.fields import Address, Bytes32, CampaignId, Moment, Points
from gateway.loyalty.offers.errors import OFFER_MALFORMED
from gateway.loyalty.offers.rewards import Kind, Money, Part, Reward
from gateway.loyalty.rules.calendar import Zone
from gateway.loyalty.rules.parts import Rank, Slug

MAX_BYTES = 8_192
MAX_VALID = 5 * 366 * DAY
MAX_STOCK = 10_000_000
Period = Literal["day", "week", "month", "year", "ever"]


class Rung(Part):
    """At least this rank on a ladder of a campaign."""

    campaign: CampaignId
    ladder: Slug
    rank: Annotated[Rank, Field(ge=1)]


class TierPrice(Rung):
    """What the offer costs from that rung on, in hundredths of a point."""

    price: Points


class Limit(Part):
    """At most so many codes a wallet in each period (local time in the offer's zone; weeks from Monday)."""

    times: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    per: Period


class _Terms(Part):
    """`price` in hundredths of a point, times in Unix seconds, `code_valid` in seconds from delivery. `campaign` null:
    paid from the wallet; else from accounts of that campaign."""

    merchant: Address
    hub: Address
    chain_id: Annotated[int, Field(strict=True, ge=1)]
    title: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=2_000)]
    price: Points
    campaign: CampaignId | None
    starts_at: Moment
    ends_at: Moment
    code_valid: Annotated[int, Field(strict=True, ge=60, le=MAX_VALID)]


class Plain(_Terms):
    """Version 1."""

    kind: Kind

    @property
    def prices(self) -> tuple[TierPrice, ...]:
        return ()

    @property
    def only(self) -> Rung | None:
        return None

    @property
    def limits(self) -> tuple[Limit, ...]:
        return ()

    @property
    def zone(self) -> str:
        return "UTC"


class Full(_Terms):
    """Version 2. `ref`: the merchant's own name for the offer. `file_of`: the campaign in whose file it stands, where
    no campaign pays. `prices`: cheaper from these rungs on; anybody may pay the `price`. `only`: for those on that
    rung. `stock`: at most so many codes in all. `links`: the codes are https links. `code_key`: the codes are signed
    with this Ed25519 key (tokens.py)."""

    version: Literal[2]
    ref: Slug | None = None
    file_of: CampaignId | None = None
    reward: Reward
    prices: Annotated[tuple[TierPrice, ...], Field(max_length=20)] = ()
    only: Rung | None = None
    limits: Annotated[tuple[Limit, ...], Field(max_length=5)] = ()
    zone: Zone = "UTC"
    stock: Annotated[int, Field(strict=True, ge=1, le=MAX_STOCK)] | None = None
    links: Annotated[bool, Field(strict=True)] = False
    code_key: Bytes32 | None = None

    @property
    def kind(self) -> Kind:
        return self.reward.kind


Document = Plain | Full
#: Names that may be given back when a term is wrong; any other is the sender's word.
_NAMES = {
    name
    for model in (Plain, Full, Rung, TierPrice, Limit, Money, *get_args(get_args(Reward)[0]))
    for name in model.model_fields
}


def canonical(values: object) -> str:
    """The one text of these JSON values."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@lru_cache(maxsize=1_024)
def parse(text: str) -> Document:
    """The terms in `text`; raises `offer-malformed` with the field when it is not canonical or out of range."""
    try:
        if len(text.encode()) > MAX_BYTES:
            raise OFFER_MALFORMED.at("document", f"at most {MAX_BYTES} bytes")
        values = json.loads(text, parse_float=_refuse, parse_constant=_refuse)
        if not isinstance(values, dict) or canonical(values) != text:
            raise OFFER_MALFORMED.at("document", "JSON object with sorted keys, no whitespace and no escapes")
    except (ValueError, RecursionError):
        raise OFFER_MALFORMED.at("document", "not JSON with integers only") from None
    try:
        document = Full.model_validate(values) if "version" in values else Plain.model_validate(values)
    except ValidationError as error:
        raise OFFER_MALFORMED.at(_field(error)) from None
    for field, wrong, reason in _misfits(document):
        if wrong:
            raise OFFER_MALFORMED.at(f"document.{field}", reason)
    return document


def campaigns(document: Document) -> dict[str, int]:
    """The campaigns that it names, by field: the one that pays, and those whose rungs count."""
    named = {} if document.campaign is None else {"document.campaign": document.campaign}
    named |= {f"document.prices[{place}].campaign": each.campaign for place, each in enumerate(document.prices)}
    return named | ({"document.only.campaign": document.only.campaign} if document.only else {})


def _misfits(document: Document) -> Iterator[tuple[str, bool, str]]:
    """(field, whether it is wrong, why) of terms that must fit each other."""
    yield "ends_at", document.starts_at >= document.ends_at, "not after starts_at"
    rungs = [(each.campaign, each.ladder, each.rank) for each in document.prices]
    yield "prices", len(set(rungs)) != len(rungs), "the same rung twice"
    yield "limits", len({each.per for each in document.limits}) != len(document.limits), "the same period twice"
    for place, each in enumerate(document.prices):
        yield f"prices[{place}].price", each.price >= document.price, "not below the price"
    yield "links", isinstance(document, Full) and document.links and document.code_key is not None, "codes are signed"


def _refuse(_text: str) -> NoReturn:
    raise ValueError


def _field(error: ValidationError) -> str:
    """The path of the first wrong term, as far as its names are ours; the kind of a reward, by which pydantic found its
    model, is no part of the path."""
    path, (*loc,) = "document", error.errors()[0]["loc"]
    if loc[0] == "reward":
        del loc[1:2]
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in _NAMES:
            path += f".{part}"
    return path
