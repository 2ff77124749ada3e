"""Symbolic proofs of the contracts (tests/forge/proofs): each promise, for every input of one call, by halmos.

What is proved is the committed bytecode. A proof counts when halmos followed every path to its end and a solver
answered that none breaks a promise; a timeout, an `unknown` or a path that could not be followed is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "gateway" / "chain" / "artifacts"
PROOFS = ROOT / "tests" / "forge" / "proofs"
OUT = ".forge/proofs/out"
HALMOS = ROOT / ".venv-prove" / "bin" / "halmos"
SOLVER = f"{ROOT / '.venv-prove' / 'bin' / 'python'} {ROOT / 'scripts' / 'smt'}"

# Of every list and text that a call takes; docs/promises.md names them as assumptions.
LENGTHS = {
    "Token": "signature=65,entries={0,1,2},payments={0,1},witnesses={0,1},witnessType=32",
    "Hub": "signature=65,entries={0,1},holders={0,1},orders={0,1}",
}
SOLVER_SECONDS = 600
# Minutes each: proved with --long, and then as long as the bytecode stays what it is.
LONG = {
    "HubAccount.enter",
    "HubAccount.enterBySig",
    "HubAccount.move",
    "HubAccount.moveBySig",
    "HubRedemption.spend",
    "HubRedemption.spendBatch",
}
REACHED = 100  # Symbolic.sol: shows, by failing, that the call succeeds for some input

RESULT = re.compile(r"\[(\w+)\].* (check_\w+)\(.*\(paths: (\d+), time: ([\d.]+)s")


@dataclass(frozen=True)
class Proof:
    contract: str
    name: str  # check_<function> or check_<function>_<case>

    def __str__(self) -> str:
        return f"{self.contract.removesuffix('Proofs')}.{self.name.removeprefix('check_')}"


@dataclass(frozen=True)
class Outcome:
    proof: Proof
    result: str  # PASS, FAIL (a counterexample), TIMEOUT, ERROR
    paths: int
    seconds: float
    output: str


# ---------------------------------------------------------------------- proofs


def all_proofs() -> list[Proof]:
    """Every proof, by the files in tests/forge/proofs."""
    found = []
    for path in sorted(PROOFS.glob("*.t.sol")):
        contract = None
        for name in re.findall(r"^contract (\w+) |^    function (check_\w+)\(", path.read_text(), re.MULTILINE):
            contract = name[0] or contract
            if name[1] and contract:
                found.append(Proof(contract, name[1]))
    return found


def bytecode(folder: Path = ARTIFACTS) -> dict[str, str]:
    """The environment that gives the proofs what they are about."""
    return {
        name: json.loads((folder / f"{file}.json").read_text())["bytecode"]
        for name, file in (("PROVED_TOKEN", "LoyaltyToken"), ("PROVED_HUB", "CampaignHub"))
    }


def environment() -> dict[str, str]:
    return {
        "FOUNDRY_PROFILE": "invariants",
        "FOUNDRY_SRC": "tests/forge/proofs",
        "FOUNDRY_TEST": "tests/forge/proofs",
        "FOUNDRY_OUT": OUT,
        "FOUNDRY_CACHE_PATH": ".forge/proofs/cache",
        "FOUNDRY_LINT_LINT_ON_BUILD": "false",
    }


def build() -> None:
    """As halmos does at each start, which then finds nothing left to compile."""
    command = ["forge", "build", "--ast", "--extra-output", "storageLayout", "metadata"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | environment(), capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)


def prove(
    contract: str, names: Iterable[str], codes: Mapping[str, str], promise: int = 0, fault: int = 0
) -> Iterator[Outcome]:
    """Run proofs of one contract, of one promise (0: of all), with a planted fault awake (0: none)."""
    missing = set(names)
    (lengths,) = (lengths for prefix, lengths in LENGTHS.items() if contract.startswith(prefix))
    command = [str(HALMOS), "--contract", contract, "--match-test", rf"^({'|'.join(sorted(missing))})\("]
    command += ["--no-status", "--forge-build-out", OUT, "--array-lengths", lengths]
    command += ["--solver-command", SOLVER]
    command += ["--solver-timeout-assertion", f"{SOLVER_SECONDS}s", "--solver-threads", "1"]
    if promise:
        command.append("--early-exit")
    settings = environment() | dict(codes) | {"PROVED_PROMISE": str(promise), "PROVED_FAULT": str(fault)}
    settings["PYTHONUNBUFFERED"] = "1"
    output = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        for line in run.stdout or ():
            output += line
            if told := RESULT.search(re.sub(r"\x1b\[\d+m", "", line)):
                result, name, paths, seconds = told.groups()
                missing.discard(name)
                yield Outcome(Proof(contract, name), result, int(paths), float(seconds), output)
                output = ""
    yield from (Outcome(Proof(contract, name), "ERROR", 0, 0, output) for name in sorted(missing))


# ------------------------------------------------------------------------ main


def chosen(names: Iterable[str], long: bool) -> list[Proof]:
    """Proofs whose name contains one of `names`; when there are none, those that take long, or all others."""
    proofs = all_proofs()
    if names:
        wanted = [proof for proof in proofs if any(name in str(proof) for name in names)]
    else:
        wanted = [proof for proof in proofs if (str(proof) in LONG) == long]
    if not wanted:
        raise SystemExit(f"no such proof; there are: {', '.join(map(str, proofs))}")
    return wanted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names, e.g. Token.transfer; default: all but LONG")
    parser.add_argument("--long", action="store_true", help="only LONG, which take minutes each")
    parser.add_argument("--verbose", action="store_true", help="print what halmos says of each")
    options = parser.parse_args()
    proofs = chosen(options.names, options.long)
    build()
    codes = bytecode()
    start = time.monotonic()
    outcomes: list[Outcome] = []

    def run(contract: str) -> None:
        for outcome in prove(contract, [proof.name for proof in proofs if proof.contract == contract], codes):
            outcomes.append(outcome)
            word = "proved" if outcome.result == "PASS" else outcome.result
            told = f"{outcome.proof!s:34} {outcome.paths:4} paths {outcome.seconds:6.1f} s"
            print(f"{len(outcomes):2} of {len(proofs)} {word:7} {told}", flush=True)
            if options.verbose or outcome.result != "PASS":
                print(outcome.output, flush=True)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(run, sorted({proof.contract for proof in proofs})))
    failed = [outcome for outcome in outcomes if outcome.result != "PASS"]
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{len(outcomes) - len(failed)} of {len(proofs)} proofs, {sum(outcome.paths for outcome in outcomes):,} paths, "
        f"{time.monotonic() - start:.0f} s ({spent.ru_utime + spent.ru_stime:.0f} s of processor time)"
    )
    return 1 if failed or len(outcomes) != len(proofs) else 0


if __name__ == "__main__":
    sys.exit(main())
