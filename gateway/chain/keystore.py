"""Private keys on disk, encrypted with a password: the version 3 JSON keystore that every Ethereum tool reads."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from eth_account import Account

from gateway.chain.signatures import address_of


class KeystoreError(Exception):
    """The file is missing, is no keystore, or the password is wrong. The text names the file, never its content."""


def create(path: Path, password: str) -> bytes:
    """Makes a new random key, writes it to a new file that only its owner can read, returns its address (20 bytes).

    FileExistsError when there is a file already: a key is never overwritten.
    """
    key = secrets.token_bytes(32)
    content = json.dumps(Account.encrypt(key, password))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return address_of(key)


def files(path: Path) -> list[Path]:
    """The keystore files that `path` stands for: itself, or all `*.json` of a folder; KeystoreError when it has none.

    Keys in one folder share one password.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.json"))
    if not found:
        raise KeystoreError(f"{path.name}: a folder without keystores")
    return found


def addresses(path: Path) -> list[bytes]:
    """The addresses of `files`, in their order; KeystoreError as there, or when one of them names none."""
    return list(map(address, files(path)))


def load(path: Path, password: str) -> bytes:
    """The private key (32 bytes) in the keystore file; KeystoreError when it cannot be had."""
    try:
        return bytes(Account.decrypt(json.loads(path.read_text()), password))
    except OSError:
        raise KeystoreError(f"{path.name}: cannot be read") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeystoreError(f"{path.name}: no keystore, or the wrong password") from None


def address(path: Path) -> bytes:
    """The address (20 bytes) that the keystore file names, without its password; KeystoreError when it names none."""
    try:
        return bytes.fromhex(json.loads(path.read_text())["address"].removeprefix("0x"))
    except OSError:
        raise KeystoreError(f"{path.name}: cannot be read") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeystoreError(f"{path.name}: no keystore") from None
