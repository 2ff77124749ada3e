"""Wallets of a replay's customers, derived from one random seed that never leaves this machine."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache

from gateway.chain.hexes import to_hex
from gateway.chain.signatures import address_of

#: Order of secp256k1.
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


class Crowd:
    """`seed` has 32 bytes. The same label always has the same wallet; without the seed nobody can tell which."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.address = cache(self._address)

    def key(self, label: str) -> bytes:
        """The private key of `label`."""
        counter = 0
        while True:
            key = self._mac(f"key:{counter}:{label}")
            if 0 < int.from_bytes(key) < ORDER:
                return key
            counter += 1

    def _address(self, label: str) -> str:
        """The wallet of `label`, 0x-hex."""
        return to_hex(address_of(self.key(label)))

    def chosen(self, label: str, percent: int) -> bool:
        """True for the same `percent` of all labels every time."""
        return int.from_bytes(self._mac(f"chosen:{label}")[:8]) % 100 < percent

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self._seed, text.encode(), hashlib.sha256)
