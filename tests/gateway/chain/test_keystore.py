from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account

from gateway.chain import keystore
from gateway.chain.signatures import address_of


def test_a_key_comes_back_with_its_password_only(tmp_path: Path) -> None:
    path = tmp_path / "relayer.json"
    address = keystore.create(path, "correct horse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = keystore.load(path, "correct horse")
    assert address_of(key) == address
    assert key.hex() not in path.read_text()
    assert bytes(Account.decrypt(json.loads(path.read_text()), "correct horse")) == key
    with pytest.raises(keystore.KeystoreError, match=r"relayer\.json"):
        keystore.load(path, "wrong horse")
    with pytest.raises(FileExistsError):
        keystore.create(path, "another")
    assert keystore.load(path, "correct horse") == key


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '"text"', '{"crypto": 1}', "\x00"])
def test_what_is_no_keystore_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "relayer.json"
    path.write_text(content)
    with pytest.raises(keystore.KeystoreError):
        keystore.load(path, "password")
    with pytest.raises(keystore.KeystoreError):
        keystore.load(tmp_path / "missing.json", "password")
