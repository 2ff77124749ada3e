"""Mutants that do the same as the original by the rules of the language. Only what the text shows beyond doubt.

A rule that is too wide hides a survivor: each has its counterexamples in tests/mutation/test_rules.py.
"""

from __future__ import annotations

import re
from functools import cache

from scripts.mutation.build import Mutant
from scripts.planted_faults import ROOT

# Below this there is nothing: no type of the contracts has a sign, and None is the first of its kind.
LEAST = re.compile(r"(0|address\(0\)|\w+\.None)(?=\s*$|\s*\)|\s*;|\s*&&|\s*\|\||\s*\?)")
SAME_AT_THE_LEAST = ({"!=", ">"}, {"==", "<="})
OPERATOR = re.compile(r"\s(==|!=|<=|>=|<|>)\s")
DECLARED = re.compile(r"(uint\d* \w+) = 0")
WIDE = re.compile(r"for \(uint256 (\w+) = 0;")
COUNTING = r"for \(uint256 {i} = 0; {i} < {n}; \+\+{i}\)\s*\{{"


def why_equivalent(mutant: Mutant) -> str:
    """In a sentence; empty when no rule says so."""
    old, new = mutant.old.strip(), mutant.new.strip()
    if (found := DECLARED.fullmatch(old)) and new == found[1]:
        return "A number begins at zero."
    if old.replace(" constant ", " immutable ", 1) == new != old:
        return "Set once, to the same."
    if re.fullmatch(r"\+\+\w+", old) and new == f"{old[2:]}++" and _is_statement(mutant):
        return "Nobody reads the value of the expression."
    if (loop := WIDE.match(old)) and new == old.replace("uint256", "uint128", 1) and _is_index(old, loop[1]):
        return "No list has 2^128 entries."
    before, after = OPERATOR.split(old), OPERATOR.split(new)
    changed = [place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other]
    if len(before) != len(after) or len(changed) != 1 or changed[0] % 2 == 0:
        return ""
    (place,) = changed
    if (
        {before[place], after[place]} in SAME_AT_THE_LEAST
        and _is_least(before, place, mutant)
        and _apart(before, mutant)
    ):
        return "Nothing is below the least."
    if (before[place], after[place]) == ("<", "!=") and len(before) == 3 and _counts_up(mutant, before[0], before[2]):
        return "The counter rises by one from zero and meets the end."
    return ""


def _is_least(parts: list[str], place: int, mutant: Mutant) -> bool:
    right = parts[place + 1]
    if place + 2 == len(parts):  # the mutant ends here, the expression may go on
        right += _source(mutant.file)[mutant.end :].decode()[:40]
    return LEAST.match(right) is not None and _has_no_signs() and _none_is_first()


def _apart(parts: list[str], mutant: Mutant) -> bool:
    """No comparison is compared: `>` binds more closely than `!=`."""
    before = _source(mutant.file)[: mutant.start].decode()
    return not re.search(r"[=!]=\s*$", before) and all(re.search(r"&&|\|\|", part) for part in parts[2:-1:2])


def _is_statement(mutant: Mutant) -> bool:
    source = _source(mutant.file)
    before, after = source[: mutant.start].decode().rstrip(), source[mutant.end :].decode()
    in_for = re.search(r"for \([^;{}]*;[^;{}]*;$", before) is not None and after.startswith(")")
    # After a brace, a parenthesis or a semicolon a statement begins, save in a loop's head.
    return in_for or (before[-1:] in "{};)" and after.startswith(";") and not re.search(r"for \([^;{}]*;$", before))


def _is_index(loop: str, counter: str) -> bool:
    """Beside the loop's head it only says which entry, or which bit of a word."""
    head = rf"for \(uint256 {counter} = 0; {counter} < \w+(\.length)?; \+\+{counter}\)"
    body, heads = re.subn(head, "", loop, count=1)
    rest = re.sub(rf"\[{counter}\]|\(?\b1 << {counter}\b\)?", "", body)
    return heads == 1 and not re.search(rf"\b{counter}\b|assembly", rest)


def _counts_up(mutant: Mutant, counter: str, end: str) -> bool:
    """It is the condition of a loop that changes neither the counter nor the end."""
    if not re.fullmatch(r"\w+", counter) or not re.fullmatch(r"\w+(\.length)?", end):
        return False
    text = _source(mutant.file).decode()
    head = COUNTING.format(i=counter, n=re.escape(end))
    at = len(_source(mutant.file)[: mutant.start].decode())
    loop = next((loop for loop in re.finditer(head, text) if loop.start() < at < loop.end()), None)
    if loop is None or "assembly" in text:
        return False
    body = _block(text, loop.end() - 1)
    names = "|".join({counter, end.removesuffix(".length")})
    changes = rf"(\+\+|--)({names})\b|\b({names})(\+\+|--|\s*([-+*/%|&^]|<<|>>)?=(?!=)|\.(push|pop)\b)|\bdelete\b"
    tuples = rf"\([^()=]*\b({names})\b[^()=]*\)\s*=(?!=)"
    return not re.search(changes, body) and not re.search(tuples, body)


def _block(text: str, opening: int) -> str:
    depth = 0
    for place in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[opening : place + 1]
    return text[opening:]


@cache
def _source(file: str) -> bytes:
    return (ROOT / file).read_bytes()


@cache
def _everything() -> str:
    return "".join(path.read_text() for path in sorted((ROOT / "contracts").rglob("*.sol")))


def _has_no_signs() -> bool:
    return re.search(r"\bint\d*\b", _everything()) is None


def _none_is_first() -> bool:
    return all(first == "None" for first in re.findall(r"\benum \w+ \{\s*(\w+)", _everything()))
