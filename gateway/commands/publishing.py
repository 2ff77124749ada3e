"""Puts a signed offer before the gateway."""

from __future__ import annotations

from gateway.chain.hexes import keccak256, to_hex
from gateway.client import Client, Json
from gateway.client.types import OfferOut


def source_of(codes: str) -> tuple[str, str | None]:
    """Where an offer's codes come from, as the gateway calls it, and their pattern."""
    known = {"pool": "pool", "links": "pool", "signed": "signed"}
    return (known[codes], None) if codes in known else ("generated", codes)


def publish(client: Client, text: str, signature: str, codes: str = "pool", low_stock: int = 20) -> OfferOut:
    """Publishes a signed document. `codes`: a `pool` that is uploaded, one of `links`, `signed`, or a pattern."""
    source, pattern = source_of(codes)
    body: Json = {"document": text, "signature": signature, "low_stock": low_stock, "source": source}
    body |= {} if pattern is None else {"pattern": pattern}
    return client.create_offer(body, idempotency_key=f"offer-{to_hex(keccak256(text.encode()))[2:]}")
