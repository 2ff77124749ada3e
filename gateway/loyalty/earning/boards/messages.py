"""What a wallet signs for a leaderboard. Pure: the command line signs it without a database."""

from __future__ import annotations

from gateway.chain.hexes import checksum


def message(wallet: bytes, campaign: int, chain_id: int, pseudonym: str | None, at: int) -> str:
    """What a wallet signs (EIP-191) to play under a name, or (None) to leave."""
    board = f"the leaderboard of campaign {campaign} on chain {chain_id}"
    if pseudonym is None:
        return f"{checksum(wallet)} leaves {board} at {at}"
    return (
        f"{checksum(wallet)} plays as {pseudonym} on {board} at {at}; its points there can be compared with the chain"
    )
