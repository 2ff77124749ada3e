from __future__ import annotations

import secrets

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from gateway.chain.hexes import checksum, keccak256
from gateway.chain.signatures import HALF_ORDER, address_of, personal, recover, sign

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = keccak256(b"an order")


def test_signs_and_recovers_as_eth_account_does() -> None:
    key = secrets.token_bytes(32)
    account = Account.from_key(key)
    assert checksum(address_of(key)) == account.address
    signature = sign(key, DIGEST)
    assert signature == bytes(account.unsafe_sign_hash(DIGEST).signature)
    assert recover(DIGEST, signature) == address_of(key)
    assert recover(keccak256(b"another"), signature) != address_of(key)


def test_a_wallets_message() -> None:
    account = Account.create()
    message = "an offer, 10 €".encode()
    signature = bytes(account.sign_message(encode_defunct(message)).signature)
    assert recover(personal(message), signature) == bytes.fromhex(account.address[2:])


def test_the_mirrored_signature_is_refused() -> None:
    key = secrets.token_bytes(32)
    signature = sign(key, DIGEST)
    s = int.from_bytes(signature[32:64], "big")
    assert s <= HALF_ORDER
    mirrored = signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([27 + 28 - signature[64]])
    assert Account._recover_hash(DIGEST, signature=mirrored) == checksum(address_of(key))
    assert recover(DIGEST, mirrored) is None


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        bytes(65),
        b"\xff" * 65,
        bytes(64) + b"\x1b",
        b"\x01" * 64,
        b"\x01" * 66,
        b"\xff" * 32 + b"\x01" * 32 + b"\x1b",
    ],
)
def test_nonsense_recovers_nobody(bad: bytes) -> None:
    assert recover(DIGEST, bad) is None


@pytest.mark.parametrize("v", [0, 1, 26, 29, 31])
def test_only_27_and_28_are_taken(v: int) -> None:
    assert recover(DIGEST, sign(b"\x01" * 32, DIGEST)[:64] + bytes([v])) is None
