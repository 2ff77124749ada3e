"""Signed codes: the vectors of docs/howto, and everything that must not pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.loyalty.offers import tokens
from gateway.loyalty.offers.schemas import SIGNED_CODE as TOKEN
from gateway.loyalty.offers.tokens import BadToken, Token, verify

SEED = bytes(range(32))
KEY = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
FIRST = Token(1, 1_767_232_800, bytes.fromhex("01020304050607"))
LARGEST = Token(2**32 - 1, (2**24 - 1) * 3_600, b"\xff" * 7)
VECTORS = {
    FIRST: TOKEN,
    LARGEST: (
        "AH7777777777777777777777KUSNDE7PSUH4PBLIS7NSL3NGVUD3UTKI4A7FFTEUFV5X4T35N7FKYBBGGP4JLE57TID53E5LVBK5UXGGMVQJM3FFXFEC"
        "RYZU5ZQWIBA"
    ),
}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.mark.parametrize(("token", "text"), VECTORS.items())
def test_vectors(token: Token, text: str) -> None:
    page = (Path(__file__).parents[3] / "docs/howto/check-codes-offline.md").read_text()
    assert all(literal in page for literal in (text, KEY.hex(), SEED.hex(), FIRST.payload.hex()))
    assert tokens.public_key(SEED) == KEY
    assert tokens.make(SEED, token) == text
    assert verify(KEY, text) == token
    assert verify(KEY, " ".join((text[:40].lower(), text[40:])).replace(" ", " - ")) == token


def fault(text: str, key: bytes = KEY, now: int | None = None, offer: int | None = None) -> str:
    with pytest.raises(BadToken) as bad:
        verify(key, text, now, offer)
    return bad.value.fault


def test_what_is_not_good() -> None:
    assert fault(TOKEN, tokens.public_key(b"x" * 32)) == "forged"
    assert fault(TOKEN, offer=2) == "other-offer"
    assert fault(TOKEN, now=FIRST.ends_at + 1) == "expired"
    assert verify(KEY, TOKEN, now=FIRST.ends_at, offer=1) == FIRST
    for text in (
        "",
        "A",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN[:-1] + "J",
        "1" * 127,
        "ſ" * 127,
        TOKEN[:-1] + "=",
        "\x00" * 127,
    ):
        assert fault(text) == "malformed"


@given(st.integers(0, 126), st.sampled_from(ALPHABET))
def test_no_character_may_differ(place: int, other: str) -> None:
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    if changed != TOKEN:
        assert fault(changed) in {"forged", "malformed"}
