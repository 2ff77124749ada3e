"""List the mutants of the contracts as JSON, by slither-mutate's operators. Runs in .venv-prove, where slither is.

slither-mutate itself builds and tries one mutant after the other, which would take days here; only its operators are
used. Of them FHR is left out: visibility and purity change nothing that can be seen, or do not compile. Two are our
own, since slither leaves alone what stands outside of bodies: MOD drops a modifier, CON adds one to a constant.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slither import Slither
from slither.tools.mutator.mutators import all_mutators

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"FHR"}
MODIFIERS = re.compile(rb"\b(nonReentrant|onlyFor\(merchant\))\s*(?=\{|returns)")
CONSTANT = re.compile(rb"constant (\w+) = ([\w ()<*-]+);")


def main() -> None:
    logging.disable()
    unit = Slither(str(ROOT), ignore_compile=True, foundry_out_directory=".forge/out").compilation_units[0]
    mutants: dict[tuple[str, int, int, str], dict[str, Any]] = {}
    for contract in unit.contracts:
        file = Path(contract.source_mapping.filename.absolute).relative_to(ROOT).as_posix()
        if file.startswith("contracts/") and not file.startswith(("contracts/test/", "contracts/interfaces/")):
            for mutant in [*slithers(unit, contract, file), *our_own(contract, file)]:
                mutants.setdefault((file, mutant["start"], mutant["end"], mutant["new"]), mutant)
    ordered = sorted(mutants.values(), key=lambda m: (m["file"], m["start"], m["end"], m["operator"], m["new"]))
    named = Counter[str]()
    for mutant in ordered:
        what = "|".join(str(mutant[key]) for key in ("file", "function", "operator", "old", "new"))
        named[what] += 1
        mutant["name"] = hashlib.sha256(f"{what}|{named[what]}".encode()).hexdigest()[:12]
    json.dump(ordered, sys.stdout, indent=1)


def slithers(unit: Any, contract: Any, file: str) -> Iterator[dict[str, Any]]:
    source = (ROOT / file).read_bytes()
    kinds: list[Any] = [kind for _, kind in inspect.getmembers(all_mutators, inspect.isclass)]
    for kind in kinds:
        if kind.NAME in LEFT_OUT:
            continue
        found = kind(unit, 30, "", "", contract, None, False, ROOT, [])._mutate()
        for patches in found.get("patches", {}).values():
            for patch in patches:
                start, end = patch["start"], patch["end"]
                old, new = source[start:end].decode(), patch["new_string"].rstrip()
                if old != new:
                    yield mutant(contract, file, source, kind.NAME, start, end, new)


def our_own(contract: Any, file: str) -> Iterator[dict[str, Any]]:
    source = (ROOT / file).read_bytes()
    first, last = span(contract)
    for found in MODIFIERS.finditer(source, first, last):
        yield mutant(contract, file, source, "MOD", *found.span(1), "")
    for found in CONSTANT.finditer(source, first, last):
        yield mutant(contract, file, source, "CON", *found.span(2), f"({found[2].decode()}) + 1")


def mutant(contract: Any, file: str, source: bytes, operator: str, start: int, end: int, new: str) -> dict[str, Any]:
    """`body` is the span of the enclosing function's body, and null where the change is outside of one."""
    function, body = "", None
    for candidate in contract.functions_and_modifiers_declared:
        first, last = span(candidate)
        if first <= start and end <= last and not candidate.is_constructor_variables:
            function, opening = candidate.name, source.index(b"{", first)
            body = [opening, last] if opening < start else None
    return {
        "file": file,
        "contract": contract.name,
        "function": function,
        "line": source[:start].count(b"\n") + 1,
        "operator": operator,
        "old": source[start:end].decode(),
        "new": new,
        "start": start,
        "end": end,
        "body": body,
    }


def span(declared: Any) -> tuple[int, int]:
    place = declared.source_mapping
    return place.start, place.start + place.length


if __name__ == "__main__":
    main()
