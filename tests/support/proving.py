"""How wallets prove in tests that they ask themselves."""

from __future__ import annotations

from gateway.chain.hexes import to_hex
from gateway.chain.signatures import address_of, personal, sign
from gateway.identity.wallets import proofs


def proof(key: bytes, chain_id: int, at: int, what: str = proofs.SHOW, of: bytes | None = None) -> dict[str, str]:
    """The header with which the key's wallet says `what`, or with which it claims to be the wallet `of`."""
    message = proofs.message(address_of(key) if of is None else of, chain_id, at, what)
    return {proofs.HEADER: f"{at}.{to_hex(sign(key, personal(message.encode())))}"}
