"""What a wallet signs to be given a rung. Pure: the command line signs it without a database."""

from __future__ import annotations

from gateway.chain.hexes import checksum


def message(wallet: bytes, campaign: int, chain_id: int, ladder: str, rung: str) -> str:
    """What the holder signs (EIP-191)."""
    return f"{checksum(wallet)} asks for rung {rung} of {ladder} in campaign {campaign} on chain {chain_id}"
