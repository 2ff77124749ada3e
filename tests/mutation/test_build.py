"""Mutants that share a build: each in a body of its own, and nothing else changed."""

from __future__ import annotations

from scripts.mutation import build
from scripts.mutation.build import Mutant

FILE = "contracts/libraries/Entries.sol"


def mutant(old: str, new: str) -> Mutant:
    source = (build.ROOT / FILE).read_bytes()
    start = source.index(old.encode())
    first = source.rindex(b"{\n", 0, start)
    body = (first, source.index(b"}", start) + 1)
    return Mutant(new, FILE, "", "", 1, "AOR", old, new, start, start + len(old), body)


def test_each_has_a_body_of_its_own_and_the_original_is_the_last() -> None:
    one = mutant("uint96(uint256(Entry.unwrap(entry)))", "uint95")
    two = mutant("uint96(uint256(Entry.unwrap(entry)))", "uint97")
    texts, spans = build.sources({1: one, 2: two})
    text = texts[FILE]
    pieces = (
        "if (planted(1)) {\n    return uint95;",
        "else if (planted(2)) {\n    return uint97;",
        "else {\n    return uint96(",
    )
    at = [text.index(piece) for piece in pieces]
    assert at == sorted(at)
    for first, last, number in spans[FILE]:
        assert text.encode()[first:last].decode() == f"{{\n    return uint9{3 + 2 * number};\n}}"


def test_the_compiler_blames_the_right_one() -> None:
    _, spans = build.sources({1: mutant("uint96(", "uint95("), 2: mutant("uint96(", "uint97(")})
    (first, _, number) = spans[FILE][1]
    error = {"severity": "error", "sourceLocation": {"file": FILE, "start": first + 5}}
    assert build._blamed([error, {"severity": "warning"}], spans) == {number} == {2}


def test_what_would_lead_the_parser_astray_is_not_built() -> None:
    assert build.balanced('{ f(")"); // }\n }')
    assert not build.balanced("{ if (//a) b();\n }")
    assert not build.balanced("{ (] }")


def test_only_the_contracts_that_a_file_is_in_are_built() -> None:
    texts = build.planted_sources(())
    hub, token, badges = "contracts/CampaignHub.sol", "contracts/LoyaltyToken.sol", "contracts/LoyaltyBadges.sol"
    assert set(build.touched({"contracts/hub/Awards.sol"}, texts)) == {hub}
    assert set(build.touched({"contracts/libraries/Orders.sol"}, texts)) == {hub, token}
    assert set(build.touched({badges}, texts)) == {badges}


def test_outside_of_bodies_each_has_copies_of_its_own() -> None:
    texts, spans = build.in_copies({4: mutant("uint96(", "uint95("), 5: mutant("uint96(", "uint97(")})
    assert "uint95(" in texts[f"4/{FILE}"]
    assert "uint97(" not in texts[f"4/{FILE}"]
    error = {"severity": "error", "sourceLocation": {"file": "5/contracts/hub/Awards.sol", "start": 99}}
    assert build._blamed([error], spans) == {5}
