"""What tests/contracts say of mutants. Ape is loaded once; each mutant is a fork, on a quicker EVM (quick.py).

Reads `number folder of artifacts | test files` lines; writes for each the test that failed, or an empty line.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import sys
from pathlib import Path

import ape
import pytest

from scripts.mutation import quick

OPTIONS = ["-x", "-q", "--tb=short", "-p", "no:warnings"]
for name in ("ape_test", "cacheprovider", "xdist", "schemathesis", "hypothesispytest"):
    OPTIONS += ["-p", f"no:{name}"]


def first_failure(number: int, work: Path, files: list[str], people: list[quick.Person]) -> str:
    """`file::test`, or empty."""
    told = work / f"units-{number}.txt"
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        failed = re.search(r"^(?:FAILED|ERROR) tests/contracts/(\S+)", told.read_text(), re.MULTILINE)
        if bool(status) != bool(failed):
            raise SystemExit(f"{status}: {told.read_text()}")
        return failed[1] if failed else ""
    out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    for name in ("LoyaltyToken", "CampaignHub", "LoyaltyBadges"):
        quick.codes[name] = bytes.fromhex(json.loads((work / f"{name}.json").read_text())["bytecode"][2:])
    status = pytest.main([*OPTIONS, *files], plugins=[quick.Plugin(number, people)])
    sys.stdout.flush()
    os._exit(int(status))


def main() -> None:
    ape.project.load_contracts()
    shutil.rmtree("contracts/.cache", ignore_errors=True)  # Ape's copies of dependencies are no sources of ours
    people = quick.people()
    # With nothing changed all must pass; and whatever they import every fork has already.
    if pytest.main([*OPTIONS, "tests/contracts"], plugins=[quick.Plugin(0, people)]):
        raise SystemExit("the tests fail without any mutant")
    gc.freeze()  # a fork that collects garbage copies all pages
    print("ready", flush=True)
    for line in sys.stdin:
        number, work, *files = line.split()
        print(first_failure(int(number), Path(work), files, people), flush=True)


if __name__ == "__main__":
    main()
