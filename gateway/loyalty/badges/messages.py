"""What a wallet signs beside its wish for a badge. Pure: the command line signs it without a database."""

from __future__ import annotations


def withdrawal(campaign: int, badge: int) -> str:
    """What a proof allows (`proofs.message`) that takes a wish back."""
    return f"withdraw the wish for badge {badge} in campaign {campaign} of"
