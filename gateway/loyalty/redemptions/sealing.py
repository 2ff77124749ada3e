"""A code in a box that only the holder opens, and the commitment to it that the chain keeps. Pure but for randomness.

plain = salt (32 bytes) ‖ length of the code (1) ‖ code, padded with zeros to 127; box = libsodium sealed box of it
(X25519, XSalsa20-Poly1305), 208 bytes, the same for every code. commitment = keccak256(salt ‖ code). Nobody else can
guess the salt: a bare hash of a code is found by trying all codes. It follows from our master secret and the order, so
that a restored database recognises on the chain which code it had sold.
"""

from __future__ import annotations

from dataclasses import dataclass

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from gateway.chain.hexes import keccak256
from gateway.core.secrets import Secrets
from gateway.loyalty.redemptions.errors import SEAL_KEY_REFUSED

SALT, MAX_CODE = 32, 127


def salt_of(secrets: Secrets, order: bytes) -> bytes:
    """The salt of the order with this EIP-712 digest, 32 bytes: an order gets one code, so no salt is used twice."""
    return secrets.mac("salt", order)


def commitment(salt: bytes, code: bytes) -> bytes:
    """What the chain keeps of a code, 32 bytes."""
    return keccak256(salt + code)


@dataclass(frozen=True)
class Sealed:
    """A box of 208 bytes and its commitment of 32."""

    box: bytes
    commitment: bytes


def seal(seal_key: bytes, salt: bytes, code: bytes) -> Sealed:
    """Seals 1 to 127 bytes of code to an X25519 public key; `seal-key-refused` for a point of small order, with which
    anybody could open the box."""
    if len(salt) != SALT or not 1 <= len(code) <= MAX_CODE:
        raise ValueError("a salt of 32 bytes and a code of 1 to 127")
    plain = salt + bytes([len(code)]) + code.ljust(MAX_CODE, b"\0")
    try:
        box = SealedBox(PublicKey(seal_key)).encrypt(plain)
    except (CryptoError, ValueError):
        raise SEAL_KEY_REFUSED.at("seal_key") from None
    return Sealed(bytes(box), commitment(salt, code))


def unseal(private_key: bytes, box: bytes) -> tuple[bytes, bytes]:
    """(salt, code) of a box, for who has the private key; nacl.exceptions.CryptoError when it is not for this key."""
    plain = SealedBox(PrivateKey(private_key)).decrypt(box)
    length = plain[SALT]
    return plain[:SALT], plain[SALT + 1 : SALT + 1 + length]
