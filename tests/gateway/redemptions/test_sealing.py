from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey

from gateway.chain.hexes import keccak256
from gateway.core.problems import Problem
from gateway.loyalty.redemptions.sealing import MAX_CODE, seal, unseal

KEY = PrivateKey.generate()
PUBLIC, SECRET = bytes(KEY.public_key), bytes(KEY)


@given(salt=st.binary(min_size=32, max_size=32), code=st.binary(min_size=1, max_size=MAX_CODE))
def test_what_is_sealed_comes_out_and_every_box_is_as_long(salt: bytes, code: bytes) -> None:
    sealed = seal(PUBLIC, salt, code)
    assert len(sealed.box) == 208
    assert unseal(SECRET, sealed.box) == (salt, code)
    assert sealed.commitment == keccak256(salt + code)


def test_only_its_key_opens_a_box_and_only_untouched() -> None:
    sealed = seal(PUBLIC, bytes(32), b"CODE")
    with pytest.raises(CryptoError):
        unseal(bytes(PrivateKey.generate()), sealed.box)
    with pytest.raises(CryptoError):
        unseal(SECRET, sealed.box[:-1] + bytes([sealed.box[-1] ^ 1]))
    assert seal(PUBLIC, bytes(32), b"CODE").box != sealed.box


@pytest.mark.parametrize("code", [b"", b"x" * 128])
def test_a_code_of_another_length_is_our_own_mistake(code: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 127"):
        seal(PUBLIC, bytes(32), code)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_points_of_small_order_are_refused(point: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        seal(point, bytes(32), b"CODE")
    assert refusal.value.refusal.code == "seal-key-refused"
