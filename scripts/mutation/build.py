"""Put many mutants into one build of the contracts, asleep (as scripts/planted_faults.py does with its faults).

A function with mutants gets a body for each, and runs the one whose number an address has as its balance. A mutant
outside of bodies (a constant, a modifier) changes its file, and is built alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import solcx
from solcx.exceptions import SolcError

from scripts import build_artifacts
from scripts.planted_faults import ROOT, planted_sources

NAMES = {f"contracts/{name}.sol": name for name in ("LoyaltyToken", "CampaignHub", "LoyaltyBadges")}
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


class DoesNotCompile(Exception):
    """The numbers of mutants that the compiler refuses; empty when it does not tell which."""

    def __init__(self, numbers: set[int], message: str):
        super().__init__(message)
        self.numbers = numbers


def sources(mutants: Numbered) -> tuple[dict[str, str], dict[str, list[tuple[int, int, int]]]]:
    """The sources with the mutants in them; by file the span in bytes of each, with its number."""
    texts = planted_sources(())
    # As `_with_bodies` does with what implements it.
    texts[BADGES] = re.sub(r"\bpure\b", "view", texts[BADGES])
    spans: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for file in sorted({mutant.file for mutant in mutants.values()}):
        here = {number: mutant for number, mutant in mutants.items() if mutant.file == file}
        original = (ROOT / file).read_bytes()
        if any(mutant.body is None for mutant in here.values()):
            ((number, mutant),) = here.items()
            texts[file] = (original[: mutant.start] + mutant.new.encode() + original[mutant.end :]).decode()
            spans[file] = [(0, len(original) * 2, number)]
        else:
            texts[file], spans[file] = _with_bodies(file, original, here)
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


def compile_(mutants: Numbered, outputs: Sequence[str]) -> dict[str, Any]:
    """The compiler's answer by file and contract; DoesNotCompile when it refuses."""
    texts, spans = sources(mutants)
    version, settings = build_artifacts.settings()
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {file: {"content": text} for file, text in texts.items()},
        "settings": settings
        | {
            "optimizer": {"enabled": False},
            "outputSelection": {file: {name: list(outputs)} for file, name in NAMES.items()},
        },
    }
    try:
        return dict(solcx.compile_standard(request, base_path=ROOT, solc_version=version)["contracts"])
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
    """Artifacts with all of them, unoptimized, in `work`."""
    contracts = compile_(mutants, ["evm.bytecode.object"])
    work.mkdir(parents=True, exist_ok=True)
    for file, name in NAMES.items():
        code = contracts[file][name]["evm"]["bytecode"]["object"]
        (work / f"{name}.json").write_text(json.dumps({"bytecode": "0x" + code}))


def valid(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Those that compile, as far as types go."""
    kept = [mutant for mutant in mutants if plausible(mutant)]
    while True:
        try:
            compile_(dict(enumerate(kept, start=1)), ["abi"])
        except DoesNotCompile as refused:
            if not refused.numbers:
                raise
            kept = [mutant for number, mutant in enumerate(kept, start=1) if number not in refused.numbers]
        else:
            return kept
