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


def checksum(address: bytes) -> str:
    """An address of 20 bytes as people see it, in the mixed case of EIP-55."""
    text = address.hex()
    digest = keccak_256(text.encode()).hexdigest()
    return "0x" + "".join(c.upper() if int(d, 16) > 7 else c for c, d in zip(text, digest, strict=False))
