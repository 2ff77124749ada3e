"""What slither and forge lint say of the contracts, held against tests/static/accepted.yaml; and ERC conformance.

Fails on a finding that is not accepted there with a reason, and on an accepted one that is no finding any more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
ACCEPTED = ROOT / "tests" / "static" / "accepted.yaml"
OUT = ".forge/static/out"
BUILT = ["--ignore-compile", "--foundry-out-directory", OUT]

Finding = tuple[str, str]  # rule, place


def run(*command: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    """SystemExit with what it said when a tool itself fails: no finding must ever mean that nobody looked."""
    environment = os.environ | {"FOUNDRY_OUT": OUT, "FOUNDRY_CACHE_PATH": ".forge/static/cache"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def tool(name: str) -> str:
    return str(ROOT / ".venv-prove" / "bin" / name)


# ------------------------------------------------------------------- slither


def slither() -> set[Finding]:
    done = run(
        tool("slither"), ".", *BUILT, "--filter-paths", "node_modules|contracts/test", "--json", "-", codes=(0, 255)
    )
    # Where slither cannot read, it finds nothing. (It cannot read OpenZeppelin's lock, in transient storage.)
    unread = set(re.findall(r"Impossible to generate IR for (\S+) \(contracts/", done.stderr))
    if unread:
        raise SystemExit(f"slither does not understand {', '.join(sorted(unread))}")
    answer = json.loads(done.stdout)
    if not answer["success"]:
        raise SystemExit(f"slither: {answer['error']}")
    return {(item["check"], place(item["elements"][0])) for item in answer["results"]["detectors"]}


def place(element: dict[str, Any]) -> str:
    """`Contract.function` or `Contract.function.variable`: no line, which changes when another does."""
    names = [element["name"]]
    while (element := element.get("type_specific_fields", {}).get("parent") or {}).get("type") in (
        "contract",
        "function",
    ):
        names.append(element["name"])
    return ".".join(reversed(names))


# ---------------------------------------------------------------- forge lint


def lint() -> set[Finding]:
    return set(_lint_lines(run("forge", "lint", "contracts", "--json", codes=(0, 1)).stderr))


def _lint_lines(told: str) -> Iterator[Finding]:
    for line in told.splitlines():
        item = json.loads(line)
        for span in item["spans"]:
            if span["is_primary"]:
                yield item["code"]["code"], f"{Path(span['file_name']).name}: {span['text'][0]['text'].strip()}"


# ----------------------------------------------------------------------- ERCs


def erc_problems(erc: str) -> list[str]:
    """What slither-check-erc misses, a box that it leaves unticked, unless accepted; and what it no longer misses."""
    done = run(tool("slither-check-erc"), ".", "LoyaltyToken", "--erc", erc, *BUILT)
    told = done.stdout + done.stderr
    ticked, missed = told.count("[✓]"), set(re.findall(r"^\s*\[ \] (.*)$", told, re.MULTILINE))
    known = {text for name, text in accepted("erc") if name == erc}
    explained = "".join(f"; explained: {text}" for text in sorted(missed & known))
    print(f"{erc}: {ticked} checks hold, {len(missed)} of {ticked + len(missed)} do not{explained}")
    problems = [f"{erc}: {text}" for text in sorted(missed - known)]
    problems += [f"{erc}: holds by now, {text}" for text in sorted(known - missed)]
    return problems if ticked else [f"{erc}: nothing was checked"]


# ----------------------------------------------------------------------- main


def accepted(of: str) -> set[Finding]:
    rules: dict[str, dict[str, Any]] = yaml.safe_load(ACCEPTED.read_text())[of]
    for rule, entry in rules.items():
        if not entry["why"].strip():
            raise SystemExit(f"{ACCEPTED.name}: {rule} has no reason")
    return {(rule, where) for rule, entry in rules.items() for where in entry["at"]}


def main() -> int:
    run("forge", "build", "--force", "--build-info", "contracts")
    problems = []
    for name, found in (("slither", slither()), ("lint", lint())):
        known = accepted(name)
        print(f"{name}: {len(found)} findings, {len(found & known)} of them explained")
        problems += [f"{name}: {rule} at {where}" for rule, where in sorted(found - known)]
        problems += [f"{name}: no finding any more, {rule} at {where}" for rule, where in sorted(known - found)]
    for erc in ("ERC20", "ERC2612"):
        problems += erc_problems(erc)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
