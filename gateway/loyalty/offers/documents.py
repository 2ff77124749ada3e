"""The offer document: what a merchant signs and every order names by its hash. Pure.

Canonical JSON: UTF-8, keys sorted, no whitespace, integers only, so that one offer has one hash.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.identity.wallets.fields import Address, CampaignId, Moment, Points
from gateway.loyalty.offers.errors import OFFER_MALFORMED

MAX_BYTES = 8_192
MAX_VALID = 5 * 366 * 86_400


class Document(BaseModel):
    """Terms of an offer. `price` in hundredths of a point, times in Unix seconds, `code_valid` in seconds from
    delivery. `campaign` null: paid from the wallet; else from accounts of that campaign."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    merchant: Address
    hub: Address
    chain_id: Annotated[int, Field(strict=True, ge=1)]
    title: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=2_000)]
    kind: Literal["percentage", "fixed", "product", "experience", "partner", "gift_card", "access_code", "ticket"]
    price: Points
    campaign: CampaignId | None
    starts_at: Moment
    ends_at: Moment
    code_valid: Annotated[int, Field(strict=True, ge=60, le=MAX_VALID)]


def canonical(values: object) -> str:
    """The one text of these JSON values."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


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
        document = Document.model_validate(values)
    except ValidationError as error:
        raise OFFER_MALFORMED.at(_field(error)) from None
    if document.starts_at >= document.ends_at:
        raise OFFER_MALFORMED.at("document.ends_at", "not after starts_at")
    return document


def _refuse(_text: str) -> NoReturn:
    raise ValueError


def _field(error: ValidationError) -> str:
    first = error.errors()[0]
    # The name of an unexpected field is the sender's word and is not given back.
    known = first["loc"] and first["loc"][0] in Document.model_fields
    return f"document.{first['loc'][0]}" if known else "document"
