"""Mutants that do the same as the original by the rules of the language. Only what the text shows beyond doubt.

A rule that is too wide hides a survivor: each has its counterexamples in tests/mutation/test_rules.py.
"""

from __future__ import annotations

import re
from functools import cache

from scripts.mutation.build import Mutant
from scripts.planted_faults import ROOT

# Below this there is nothing (no type of the contracts has a sign), or above it: the first and the last of a kind.
END = r"(?=\s*$|\s*\)|\s*;|\s*&&|\s*\|\||\s*\?)"
ZERO = re.compile(rf"(0|address\(0\)){END}")
NAMED = re.compile(rf"(\w+)\.(\w+){END}")
SAME_AT_THE_LEAST = ({"!=", ">"}, {"==", "<="})
SAME_AT_THE_GREATEST = ({"!=", "<"}, {"==", ">="})
OPERATOR = re.compile(r"\s(==|!=|<=|>=|<|>)\s")
DECLARED = re.compile(r"(uint\d* \w+) = 0")
WIDE = re.compile(r"for \(uint256 (\w+) = 0;")
COUNTING = r"for \(uint256 {i} = 0; {i} < {n}; \+\+{i}\)\s*\{{"


def why_equivalent(mutant: Mutant) -> str:
    """In a sentence; empty when no rule says so."""
    old, new = mutant.old.strip(), _without_echo(mutant)
    if (found := DECLARED.fullmatch(old)) and new == found[1]:
        return "A number begins at zero."
    if old.replace(" constant ", " immutable ", 1) == new != old:
        return "Set once, to the same."
    if re.fullmatch(r"\+\+\w+", old) and new == f"{old[2:]}++" and _is_statement(mutant):
        return "Nobody reads the value of the expression."
    if (loop := WIDE.match(old)) and new == old.replace("uint256", "uint128", 1) and _is_index(old, loop[1]):
        return "No list has 2^128 entries."
    if (found := DECLARED.fullmatch(old)) and new == old.replace("uint256", "uint128", 1) and _is_index_here(mutant):
        return "No list has 2^128 entries."
    before, after = OPERATOR.split(old), OPERATOR.split(new)
    changed = [place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other]
    if len(before) != len(after) or len(changed) != 1 or changed[0] % 2 == 0:
        return ""
    (place,) = changed
    signs, right = {before[place], after[place]}, _right(before, place, mutant)
    if signs in SAME_AT_THE_LEAST and _is_least(right) and _apart(before, mutant):
        return "Nothing is below the least."
    if signs in SAME_AT_THE_GREATEST and _is_greatest(right) and _apart(before, mutant):
        return "Nothing is above the greatest."
    if (before[place], after[place]) == ("<", "!=") and len(before) == 3 and _counts_up(mutant, before[0], before[2]):
        return "The counter rises by one from zero and meets the end."
    return ""


def _without_echo(mutant: Mutant) -> str:
    """`A || B` where B stands already, as slither leaves it: asked twice, if it is no call and all of the condition."""
    new, source = mutant.new.strip(), _source(mutant.file)
    before, after = source[: mutant.start].decode(), source[mutant.end :].decode()
    for echo in re.finditer(r" (\|\||&&) [^()&|+=-]+$", new):
        if before.endswith("(") and after.startswith(f"{echo[0]})"):
            return new[: echo.start()]
    return new


def _right(parts: list[str], place: int, mutant: Mutant) -> str:
    """What is compared with; where the mutant ends the expression may go on."""
    end = _source(mutant.file)[mutant.end :].decode()[:40] if place + 2 == len(parts) else ""
    return parts[place + 1] + end


def _is_least(right: str) -> bool:
    if named := NAMED.match(right):
        return named[2] == (_kind(named[1]) or [""])[0]
    return ZERO.match(right) is not None and re.search(r"\bint\d*\b", _everything()) is None


def _is_greatest(right: str) -> bool:
    named = NAMED.match(right)
    return named is not None and named[2] == (_kind(named[1]) or [""])[-1]


def _kind(name: str) -> list[str]:
    """The values of an enum, in order."""
    found = re.findall(rf"\benum {name} \{{(.*?)\}}", _everything(), re.DOTALL)
    return re.findall(r"\w+", found[0]) if len(found) == 1 and "/" not in found[0] else []


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


def _is_index_here(mutant: Mutant) -> bool:
    text = _source(mutant.file).decode()
    at = len(_source(mutant.file)[: mutant.start].decode()) - len("for (")
    if not (head := re.compile(r"for \([^{}]*\{").match(text, at)):
        return False
    return _is_index(head[0][:-1] + _block(text, head.end() - 1), mutant.old.split()[1])


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
