"""What a badge's number on the chain is made of, and what the contract says of it. Pure."""

from __future__ import annotations

import base64
import json

HOLDER, BADGE = 160, 32


def token_id(campaign: int, badge: int, holder: bytes) -> int:
    """The number of a holder's (20 bytes) badge: campaign (64 bits), badge of the campaign (32), holder."""
    return campaign << (HOLDER + BADGE) | badge << HOLDER | int.from_bytes(holder, "big")


def parts(number: bytes) -> tuple[int, int, bytes]:
    """Campaign, badge of the campaign and holder of a 32-byte number."""
    return int.from_bytes(number[:8], "big"), int.from_bytes(number[8:12], "big"), number[12:]


def alike(number: bytes) -> tuple[bytes, bytes]:
    """The first and the last number of the same badge of the same campaign, whoever has it."""
    return number[:12] + bytes(20), number[:12] + b"\xff" * 20


def uri(campaign: int, badge: int) -> str:
    """What `tokenURI` answers: made by the contract, so that it needs no server."""
    traits = [{"trait_type": "campaign", "value": campaign}, {"trait_type": "badge", "value": badge}]
    told = {"name": f"Badge {badge} of campaign {campaign}", "attributes": traits}
    text = json.dumps(told, separators=(",", ":"))
    return "data:application/json;base64," + base64.b64encode(text.encode()).decode()
