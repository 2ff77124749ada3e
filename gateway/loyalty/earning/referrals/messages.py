"""What a newcomer signs. Pure: the command line signs it without a database."""

from __future__ import annotations

from gateway.chain.hexes import checksum


def message(wallet: bytes, referrer: bytes, campaign: int, chain_id: int) -> str:
    """What the newcomer signs (EIP-191)."""
    return f"{checksum(wallet)} was brought to campaign {campaign} on chain {chain_id} by {checksum(referrer)}"
