"""What a wallet signs for points at once. Pure: the command line signs it without a database."""

from __future__ import annotations

from gateway.chain.hexes import checksum


def message(wallet: bytes, campaign: int, chain_id: int, at: int) -> str:
    """What the wallet signs (EIP-191); `at` in Unix seconds."""
    return (
        f"{checksum(wallet)} wants its points of campaign {campaign} on chain {chain_id} at {at}, alone and not among "
        "others; who knows what was earned and when can tell whose wallet this is"
    )
