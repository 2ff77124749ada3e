"""Claim codes: what they look like and what is kept of them. Pure."""

from __future__ import annotations

import base64
import hashlib

from gateway.core.secrets import Secrets

#: 128 bits: nobody guesses one, and 26 characters fit on a receipt.
SIZE = 16


def code_of(secrets: Secrets, merchant_id: int, key_hash: bytes) -> str:
    """The code of the action that the merchant reported under this key: 26 characters of base32.

    Derived, so that the first answer can be given again without keeping the code; from the merchant's own key rather
    than from a row's number, which a database restored from a backup gives out a second time.
    """
    digest = secrets.mac("claim", merchant_id.to_bytes(8, "big") + key_hash)
    return base64.b32encode(digest[:SIZE]).decode().rstrip("=")


def hash_of(code: str) -> bytes:
    """What is kept of a code, in any case of its letters."""
    return hashlib.sha256(code.upper().encode()).digest()
