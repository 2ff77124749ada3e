"""Codes that a till checks without a network: signed with the merchant's key at the gateway. Pure.

    payload   = 01 ‖ offer (4 bytes) ‖ end (3 bytes, full hours since 1970) ‖ serial (7 random bytes)
    signature = Ed25519 (RFC 8032) over the bytes "loyalty code" ‖ 00 ‖ payload
    text      = base32 (RFC 4648, without padding) of payload ‖ signature: 127 characters, few enough for any QR code

Numbers are big-endian. Capitals, spaces and hyphens do not matter. The same payload is the same code: a till that works
offline remembers payloads until their end. Nothing in it tells of who bought it or when; see docs/howto for other
languages.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

CONTEXT = b"loyalty code\x00"
VERSION = 1
PAYLOAD, SIGNATURE, SERIAL, LENGTH = 15, 64, 7, 127
HOUR = 3_600
Fault = Literal["malformed", "forged", "other-offer", "expired"]


class BadToken(ValueError):
    """Not a code that is good now; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True)
class Token:
    """Offer, end in Unix seconds (a full hour), and what tells two codes of an offer apart."""

    offer: int
    ends_at: int
    serial: bytes

    @property
    def payload(self) -> bytes:
        head = bytes([VERSION]) + self.offer.to_bytes(4, "big") + (self.ends_at // HOUR).to_bytes(3, "big")
        return head + self.serial


def make(seed: bytes, token: Token) -> str:
    """The signed text; `seed` is the 32 bytes of the Ed25519 key."""
    signature = SigningKey(seed).sign(CONTEXT + token.payload).signature
    return base64.b32encode(token.payload + signature).decode().rstrip("=")


def public_key(seed: bytes) -> bytes:
    """The 32 bytes that tills check with."""
    return bytes(SigningKey(seed).verify_key)


def verify(key: bytes, text: str, now: int | None = None, offer: int | None = None) -> Token:
    """The token in `text` when the merchant's public `key` signed it, it is of this `offer` and has not ended `now`;
    what is None is not asked. Raises BadToken. Whether it was used before only the gateway and the till know."""
    bare = text.upper().replace(" ", "").replace("-", "")
    try:
        raw = base64.b32decode(bare + "=" * (-len(bare) % 8)) if len(bare) == LENGTH and bare.isascii() else b""
    except binascii.Error:
        raw = b""
    # One text for one code: the unused bits of the last character are zero.
    if len(raw) != PAYLOAD + SIGNATURE or base64.b32encode(raw).decode().rstrip("=") != bare or raw[0] != VERSION:
        raise BadToken("malformed")
    payload, signature = raw[:PAYLOAD], raw[PAYLOAD:]
    try:
        VerifyKey(key).verify(CONTEXT + payload, signature)
    except BadSignatureError:
        raise BadToken("forged") from None
    token = Token(int.from_bytes(payload[1:5], "big"), int.from_bytes(payload[5:8], "big") * HOUR, payload[8:])
    if offer is not None and token.offer != offer:
        raise BadToken("other-offer")
    if now is not None and token.ends_at < now:
        raise BadToken("expired")
    return token
