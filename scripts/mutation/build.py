"""Put many mutants into one build of the contracts, asleep (as scripts/planted_faults.py does with its faults).

A function with mutants gets a body for each, and runs the one whose number an address has as its balance. A mutant
outside of bodies (a constant, a modifier) changes its file, and is built alone; whether it compiles is asked of many at
once, each in a copy of the sources. Only the contracts that a mutant is in are built.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import solcx
from solcx.exceptions import SolcError

from scripts import build_artifacts
from scripts.planted_faults import NAMES, ROOT, planted_sources

BADGES = "contracts/interfaces/ILoyaltyBadges.sol"
PLANTED = 'import {{planted}} from "{up}libraries/Planted.sol";\n'


@dataclass(frozen=True)
class Mutant:
    """`new` stands in `file` (bytes `start` to `end`) instead of `old`; `body` is the span of the function's body."""

    name: str
    file: str
    contract: str
    function: str
    line: int
    operator: str
    old: str
    new: str
    start: int
    end: int
    body: tuple[int, int] | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Mutant:
        return cls(**{**row, "body": tuple(row["body"]) if row["body"] else None})

    def __str__(self) -> str:
        old, new = (re.sub(r"\s+", " ", text) for text in (self.old, self.new))
        return f"{self.file}:{self.line} {self.function} {self.operator}: {old} => {new or '(nothing)'}"


Numbered = Mapping[int, Mutant]
Spans = dict[str, list[tuple[int, int, int]]]


class DoesNotCompile(Exception):
    """The numbers of mutants that the compiler refuses; empty when it does not tell which."""

    def __init__(self, numbers: set[int], message: str):
        super().__init__(message)
        self.numbers = numbers


def sources(mutants: Numbered) -> tuple[dict[str, str], Spans]:
    """The sources with the mutants in them; by file the span in bytes of each, with its number."""
    texts = planted_sources(())
    # As `_with_bodies` does with what implements it.
    texts[BADGES] = re.sub(r"\bpure\b", "view", texts[BADGES])
    spans: Spans = defaultdict(list)
    for file in sorted({mutant.file for mutant in mutants.values()}):
        here = {number: mutant for number, mutant in mutants.items() if mutant.file == file}
        texts[file], spans[file] = _with_bodies(file, (ROOT / file).read_bytes(), here)
    return texts, spans


def _with_bodies(file: str, original: bytes, mutants: Numbered) -> tuple[str, list[tuple[int, int, int]]]:
    by_body: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, mutant in mutants.items():
        if mutant.body:
            by_body[mutant.body].append(number)
    up = "../" if file.count("/") > 1 else "./"
    first_import = original.find(b"\nimport ") + 1 or original.index(b"\n", original.index(b"pragma")) + 1
    # Same length, so that spans stay where they are; a body that may look at the switch is not pure.
    original = re.sub(rb"\bpure\b", b"view", original)
    out = bytearray(original[:first_import] + PLANTED.format(up=up).encode())
    spans, at = [], first_import
    for (first, last), numbers in sorted(by_body.items()):
        out += original[at:first] + b"{\n"
        for number in numbers:
            m = mutants[number]
            out += f"if (planted({number})) ".encode()
            begin = len(out)
            out += original[first : m.start] + m.new.encode() + original[m.end : last]
            spans.append((begin, len(out), number))
            out += b"\nelse "
        out += original[first:last] + b"\n}"
        at = last
    out += original[at:]
    return out.decode(), spans


def balanced(text: str) -> bool:
    """False: the parser would lose its way, and blame others. Comments and strings do not count."""
    text = re.sub(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', "", text, flags=re.DOTALL)
    waiting = []
    for sign in re.findall(r"[(){}\[\]]", text):
        if sign in "({[":
            waiting.append(sign)
        elif not waiting or waiting.pop() + sign not in ("()", "{}", "[]"):
            return False
    return not waiting


def stands_alone(mutant: Mutant) -> bool:
    return mutant.body is None


def plausible(mutant: Mutant) -> bool:
    original = (ROOT / mutant.file).read_bytes()
    first, last = mutant.body or (0, len(original))
    return balanced((original[first : mutant.start] + mutant.new.encode() + original[mutant.end : last]).decode())


# ---------------------------------------------------------------- what is in what


def _reached(file: str, texts: Mapping[str, str]) -> set[str]:
    """`file` and what it imports of ours."""
    found, waiting = set[str](), [file]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            names = re.findall(r'(?m)^import [^;]*"(\.[^"]+)";', texts[file])
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(file), name)) for name in names]
    return found


def touched(files: set[str], texts: Mapping[str, str]) -> dict[str, set[str]]:
    """The contracts that have any of `files` in them, with all their files."""
    reached = {contract: _reached(contract, texts) for contract in NAMES}
    return {contract: all_ for contract, all_ in reached.items() if all_ & files}


def in_copies(mutants: Numbered) -> tuple[dict[str, str], Spans]:
    """For each mutant a copy of what it touches, in a folder of its number."""
    texts: dict[str, str] = {}
    spans: Spans = {}
    original = planted_sources(())
    for number, mutant in mutants.items():
        source = (ROOT / mutant.file).read_bytes()
        changed = original | {
            mutant.file: (source[: mutant.start] + mutant.new.encode() + source[mutant.end :]).decode()
        }
        for file in set[str]().union(*touched({mutant.file}, original).values()):
            texts[f"{number}/{file}"] = changed[file]
            spans[f"{number}/{file}"] = [(0, 1 << 30, number)]
    return texts, spans


# ------------------------------------------------------------------------ compile


def compile_(
    texts: Mapping[str, str], spans: Spans, wanted: Mapping[str, str], outputs: Sequence[str]
) -> dict[str, Any]:
    """The compiler's answer by file and contract; DoesNotCompile when it refuses."""
    version, settings = build_artifacts.settings()
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {file: {"content": text} for file, text in texts.items()},
        "settings": settings
        | {
            "optimizer": {"enabled": False},
            "outputSelection": {file: {name: list(outputs)} for file, name in wanted.items()},
        },
    }
    try:
        return dict(solcx.compile_standard(request, base_path=ROOT, solc_version=version).get("contracts", {}))
    except SolcError as error:
        told = json.loads(error.stdout_data or "{}").get("errors", [])
        raise DoesNotCompile(_blamed(told, spans), str(error)[:600]) from error


def _blamed(errors: Sequence[Mapping[str, Any]], spans: Mapping[str, Sequence[tuple[int, int, int]]]) -> set[int]:
    numbers = set()
    for error in errors:
        place = error.get("sourceLocation") or {}
        if error["severity"] == "error" and place:
            numbers |= {
                number for first, last, number in spans.get(place["file"], []) if first <= place["start"] < last
            }
    return numbers


def build(mutants: Numbered, work: Path) -> None:
    """Artifacts with all of them in `work`, unoptimized; a contract that none of them is in as it is committed."""
    folder = ""
    if any(stands_alone(mutant) for mutant in mutants.values()):
        (number,) = mutants
        folder = f"{number}/"
        texts, spans = in_copies(mutants)
    else:
        texts, spans = sources(mutants)
    original = planted_sources(())
    wanted = {f"{folder}{file}": NAMES[file] for file in touched({m.file for m in mutants.values()}, original)}
    contracts = compile_(texts, spans, wanted, ["evm.bytecode.object"])
    work.mkdir(parents=True, exist_ok=True)
    for file, name in NAMES.items():
        if f"{folder}{file}" in wanted:
            code = "0x" + contracts[f"{folder}{file}"][name]["evm"]["bytecode"]["object"]
        else:
            code = json.loads((build_artifacts.ARTIFACTS / f"{name}.json").read_text())["bytecode"]
        (work / f"{name}.json").write_text(json.dumps({"bytecode": code}))


def valid(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Those that compile, as far as types go; either all of them or none stand alone."""
    kept = dict(enumerate((mutant for mutant in mutants if plausible(mutant)), start=1))
    while kept:
        texts, spans = in_copies(kept) if stands_alone(kept[min(kept)]) else sources(kept)
        try:
            compile_(texts, spans, dict.fromkeys(texts, "*"), ["abi"])
        except DoesNotCompile as refused:
            if not refused.numbers:
                raise
            kept = {number: mutant for number, mutant in kept.items() if number not in refused.numbers}
        else:
            break
    return list(kept.values())
