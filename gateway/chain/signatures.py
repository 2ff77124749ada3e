"""Wallets' signatures: secp256k1, 65 bytes r ‖ s ‖ v as wallets give them. What passes here passes in the contracts."""

from __future__ import annotations

from coincurve import PrivateKey, PublicKey

from gateway.chain.hexes import keccak256

HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Address (20 bytes) that signed the 32-byte `digest`, or None when the signature is none: wrong length, v other
    than 27 or 28, high s (EIP-2), or no point."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception:  # coincurve raises bare Exception besides ValueError
        return None
    return _address(key)


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """(r, vs) of ERC-2098, 32 bytes each, of a signature that `recover` accepts."""
    vs = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32], vs.to_bytes(32, "big")


def expanded(r: bytes, vs: bytes) -> bytes:
    """The 65-byte signature that `compact` made (r, vs) of."""
    number = int.from_bytes(vs, "big")
    return r + (number & (1 << 255) - 1).to_bytes(32, "big") + bytes([27 + (number >> 255)])


def personal(message: bytes) -> bytes:
    """Digest of a message as `personal_sign` signs it (EIP-191, version 0x45)."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def sign(private_key: bytes, digest: bytes) -> bytes:
    """65-byte signature of the 32-byte `digest`, low s, deterministic (RFC 6979)."""
    signature = PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def address_of(private_key: bytes) -> bytes:
    """Address (20 bytes) of a private key; ValueError when it is none."""
    return _address(PrivateKey(private_key).public_key)


def _address(key: PublicKey) -> bytes:
    return keccak256(key.format(compressed=False)[1:])[12:]
