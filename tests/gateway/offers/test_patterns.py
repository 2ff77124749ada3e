from __future__ import annotations

import random
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.problems import Problem
from gateway.loyalty.offers import patterns


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("", "pattern-malformed"),
        ("****-****-****%%", "pattern-malformed"),
        ("cafe-************", "pattern-malformed"),
        ("CAFÉ-************", "pattern-malformed"),
        ("************\n", "pattern-malformed"),
        ("*" * 65, "pattern-malformed"),
        ("####-####-####-####-##%", "pattern-too-weak"),
        ("**********-*", "pattern-too-weak"),
        ("CAFE%", "pattern-too-weak"),
    ],
)
def test_bad_patterns(pattern: str, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        patterns.validate(pattern)
    assert (refusal.value.refusal.code, refusal.value.field) == (code, "pattern")


@pytest.mark.parametrize("pattern", ["****-****-****-%", "#" * 19, "@" * 14, "SHOP-@@@@-@@@@-####-####%", "*" * 64])
def test_good_patterns(pattern: str) -> None:
    patterns.validate(pattern)
    made = patterns.generate(pattern, secrets.randbelow)
    assert len(made) == len(pattern)
    for sign, character in zip(pattern, made, strict=True):
        if sign == patterns.CHECK:
            assert character in patterns.alphabet(pattern)
        else:
            assert character in patterns.DRAWN.get(sign, sign)


def test_every_character_is_drawn() -> None:
    chance = random.Random(1)
    made = {patterns.generate("*" * 12, chance.randrange) for _ in range(200)}
    assert len(made) == 200
    assert set("".join(made)) == set(patterns.DIGITS + patterns.LETTERS)


@pytest.mark.parametrize(("digits", "check"), [("7992739871", "3"), ("4539148803436467"[:-1], "7"), ("0", "0")])
def test_over_digits_it_is_the_luhn_check(digits: str, check: str) -> None:
    assert patterns.check_character(digits, patterns.DIGITS) == check


@given(st.text(alphabet=patterns.DRAWN["*"], min_size=1, max_size=30), st.data())
def test_the_check_finds_every_single_wrong_character(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from(sorted(set(patterns.DRAWN["*"]) - {text[place]})))
    changed = text[:place] + wrong + text[place + 1 :]
    characters = patterns.DRAWN["*"]
    assert patterns.check_character(text, characters) != patterns.check_character(changed, characters)
