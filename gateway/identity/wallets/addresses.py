"""Wallet addresses as people write them: 0x-hex with the EIP-55 checksum in the case of its letters."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.chain.hexes import checksum
from gateway.identity.wallets.errors import RECIPIENT_REFUSED

#: The zero address: what is minted comes from it, what is burnt goes to it, and no key has it.
NOBODY = bytes(20)
_HEX = re.compile(r"0x[0-9a-fA-F]{40}")


def parse(text: object) -> bytes:
    """The 20 bytes of an address in all lower, all upper or EIP-55 case; ValueError for anything else.

    A checksum that does not fit is a typing error, and points sent there would be lost.
    """
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise ValueError("an address is 0x and 40 hex digits")
    digits = text[2:]
    address = bytes.fromhex(digits)
    if digits not in (digits.lower(), digits.upper()) and text != checksum(address):
        raise ValueError("the address has a wrong checksum")
    return address


def refuse_recipient(address: bytes, refused: Iterable[bytes], field: str) -> None:
    """Raises `recipient-refused` for the zero address and for each of `refused` (the contracts)."""
    if address == NOBODY or address in refused:
        raise RECIPIENT_REFUSED.at(field)
