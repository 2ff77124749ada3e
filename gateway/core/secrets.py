"""Everything secret that the gateway itself needs, derived from one master key."""

from __future__ import annotations

import hashlib
import hmac

from nacl.secret import SecretBox


class Secrets:
    """Keyed digests and encryption at rest. `master` has at least 32 bytes and comes from the environment or a file."""

    def __init__(self, master: bytes) -> None:
        if len(master) < 32:
            raise ValueError("the master secret needs at least 32 bytes")
        self._master = master
        self._box = SecretBox(self.mac("box", b""))

    def mac(self, label: str, data: bytes) -> bytes:
        """HMAC-SHA256 of `data`, 32 bytes; a `label` for each use keeps digests of different uses apart."""
        return hmac.digest(self._master, len(label).to_bytes(1, "big") + label.encode() + data, hashlib.sha256)

    def box(self, plain: bytes) -> bytes:
        """Encrypts and authenticates `plain` (XSalsa20-Poly1305, random nonce; 40 bytes longer)."""
        return bytes(self._box.encrypt(plain))

    def unbox(self, sealed: bytes) -> bytes:
        """Reverses `box`; raises nacl.exceptions.CryptoError when it was made with another key or changed."""
        return bytes(self._box.decrypt(sealed))
