"""Types of schema fields that carry the chain's bytes: strict on the way in, one spelling on the way out."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway.chain.hexes import checksum, to_hex
from gateway.core.limits import FIRST_SECOND, LAST_SECOND, MAX_HUNDREDTHS, MAX_ID
from gateway.identity.wallets import addresses


def _blob(size: int) -> BeforeValidator:
    pattern = re.compile(f"0x[0-9a-fA-F]{{{2 * size}}}")

    def parse(text: object) -> bytes:
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise ValueError(f"0x and {2 * size} hex digits")
        return bytes.fromhex(text[2:])

    return BeforeValidator(parse)


def _schema(size: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^0x[0-9a-fA-F]{{{2 * size}}}$"})


_OUT = PlainSerializer(to_hex, return_type=str)

Address = Annotated[
    bytes,
    BeforeValidator(addresses.parse),
    PlainSerializer(checksum, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$", "description": "EIP-55, or one case"}),
]
Bytes32 = Annotated[bytes, _blob(32), _OUT, _schema(32)]
#: Bytes of any length, on the way out only.
Words = Annotated[bytes, _OUT, WithJsonSchema({"type": "string", "pattern": "^0x([0-9a-f]{2})*$"})]
#: r ‖ s ‖ v as wallets give it.
Signature = Annotated[bytes, _blob(65), _OUT, _schema(65)]

#: Hundredths of a point.
Points = Annotated[int, Field(strict=True, ge=1, le=MAX_HUNDREDTHS)]
#: Number of a campaign on the hub.
CampaignId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
#: Number of a row.
RowId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
Nonce = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
#: Unix seconds, UTC.
Moment = Annotated[int, Field(strict=True, ge=FIRST_SECOND, le=LAST_SECOND)]
