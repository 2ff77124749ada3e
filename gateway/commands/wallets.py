"""A holder's keys on this machine: the wallet's key, and the X25519 keys to which codes are sealed. All encrypted."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey
from nacl.secret import SecretBox

from gateway.chain import keystore
from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.signatures import address_of
from gateway.commands.console import CommandError
from gateway.commands.state import State, password, write_private
from gateway.identity.wallets import addresses
from gateway.loyalty.redemptions.sealing import unseal


@dataclass(frozen=True)
class Opened:
    """What was in a box."""

    code: str
    salt: bytes

    @property
    def commitment(self) -> bytes:
        """What the chain must show for it: keccak256(salt ‖ code)."""
        return keccak256(self.salt + self.code.encode())


class SealKeys:
    """The secret halves of the keys to which this wallet's codes are sealed; one a redemption, kept for ever.

    Encrypted under a key that comes from the wallet's own: who opened the wallet has them.
    """

    def __init__(self, path: Path, wallet_key: bytes) -> None:
        self.path = path
        self._box = SecretBox(hmac.digest(wallet_key, b"loyalty: seal keys", hashlib.sha256))

    def fresh(self) -> bytes:
        """The public half of a new key; on disk before anybody can seal to it."""
        key = PrivateKey.generate()
        keys = self._load()
        keys[to_hex(bytes(key.public_key))] = to_hex(bytes(key))
        write_private(self.path, bytes(self._box.encrypt(json.dumps(keys).encode())))
        return bytes(key.public_key)

    def open(self, sealed: bytes) -> Opened | None:
        """The code in a box that is sealed to one of these keys, or None."""
        # Newest first: the box that just came is most likely sealed to the newest key.
        for secret in reversed(list(self._load().values())):
            with contextlib.suppress(CryptoError):
                salt, code = unseal(from_hex(secret), sealed)
                return Opened(code.decode("ascii"), salt)
        return None

    def _load(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        try:
            keys: dict[str, str] = json.loads(self._box.decrypt(self.path.read_bytes()))
        except CryptoError:
            raise CommandError(f"{self.path} was not written by this wallet or is damaged") from None
        return keys


@dataclass(frozen=True)
class Wallet:
    """An opened wallet."""

    name: str
    key: bytes
    seals: SealKeys

    @property
    def address(self) -> bytes:
        return address_of(self.key)


def create(state: State, name: str, kind: str = "wallets") -> bytes:
    """A new key under `name`, asking for a password; its address. Refused when there is one of that name."""
    path = state.keystore(kind, name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        raise CommandError(f"there is a key named {name!r} already: {path}")
    return keystore.create(path, password(confirm=True))


def ensure(state: State, name: str, kind: str = "wallets") -> bytes:
    """The address of the key under `name`, made now if there is none."""
    known = dict(listed(state, kind))
    return from_hex(known[name]) if name in known else create(state, name, kind)


def load_key(state: State, name: str, kind: str = "wallets") -> bytes:
    """The private key under `name`, asking for the password."""
    path = state.keystore(kind, name)
    if not path.exists():
        known = ", ".join(found for found, _ in listed(state, kind)) or "none yet"
        command = "wallet" if kind == "wallets" else "merchant"
        raise CommandError(f"no key {name!r} in {path.parent} (known: {known})", f"loyalty {command} new {name}")
    try:
        return keystore.load(path, password())
    except keystore.KeystoreError as error:
        raise CommandError(str(error)) from None


def open_wallet(state: State, name: str) -> Wallet:
    """The wallet under `name`, asking for the password."""
    return of_key(state, name, load_key(state, name))


def of_key(state: State, name: str, key: bytes) -> Wallet:
    """A wallet whose key comes from elsewhere; its sealing keys are kept under `name`."""
    return Wallet(name, key, SealKeys(state.wallets / f"{name}.seals", key))


def listed(state: State, kind: str = "wallets") -> Iterator[tuple[str, str]]:
    """(name, address) of every key of a kind, without any password."""
    for path in sorted((state.root / kind).glob("*.key.json")):
        yield path.name.removesuffix(".key.json"), checksum(keystore.address(path))


def parsed(text: str) -> bytes:
    """An address that somebody typed; CommandError where a checksum shows that it was mistyped."""
    try:
        return addresses.parse(text)
    except ValueError as error:
        raise CommandError(f"{text}: {error}", code="bad-address") from None


def address_of_name(state: State, name: str) -> str:
    """The address of a wallet of this machine, without its password, or the address that `name` is."""
    if name.startswith("0x"):
        return checksum(parsed(name))
    for known, address in listed(state):
        if known == name:
            return address
    raise CommandError(f"no wallet {name!r}", f"loyalty wallet new {name}")
