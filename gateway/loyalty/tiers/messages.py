"""What a wallet signs to be given a rung. Pure: the command line signs it without a database."""

from __future__ import annotations

from datetime import date

from gateway.chain.hexes import checksum


def message(wallet: bytes, campaign: int, chain_id: int, ladder: str, rung: str, until: date) -> str:
    """What the holder signs (EIP-191): to the end of the day `until` it may be given."""
    place = f"in campaign {campaign} on chain {chain_id}"
    return f"{checksum(wallet)} asks for rung {rung} of {ladder} {place}, until {until.isoformat()}"
