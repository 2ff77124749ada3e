"""What the tests say of one mutant: tests/contracts, the likeliest to notice it first, then forge's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from scripts.fuzz_contracts import FIXED_SEED
from scripts.mutation.build import Mutant
from scripts.planted_faults import ROOT

TOO_LONG = 900  # seconds, on a machine that does much else
COMMON = {
    "FOUNDRY_PROFILE": "invariants",
    "FOUNDRY_FUZZ_SEED": FIXED_SEED,
    "FOUNDRY_FUZZ_RUNS": "8",
    "FOUNDRY_INVARIANT_RUNS": "8",
    "FOUNDRY_INVARIANT_DEPTH": "150",
    "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0",
    "FOUNDRY_GAS_LIMIT": "3000000000",  # ends the loops that have no end any more
}
BADGES = "contracts/LoyaltyBadges.sol"
SUITES = {
    "sequences": ("invariants", "--match-contract=HostileAssetTest"),
    "liveness": ("invariants", "--match-contract=LivenessTest"),
    "differential": ("differential",),
    "tampering": ("tampering",),
}
ORDER = {
    "contracts/LoyaltyToken.sol": ("differential", "tampering", "sequences", "liveness"),
    "contracts/libraries/Orders.sol": ("tampering", "differential", "sequences", "liveness"),
    BADGES: ("tampering",),
}
OTHERS = ("sequences", "liveness", "tampering")
# Which of tests/contracts are about a file; the others follow.
UNITS = {
    "contracts/LoyaltyToken.sol": ("token_issuing", "token_orders", "token_standard"),
    "contracts/libraries/Orders.sol": ("token_orders", "hub_accounts", "hub_moves"),
    BADGES: ("badges", "hostile"),
    "contracts/libraries/Accounts.sol": ("hub_awards", "hub_accounts"),
    "contracts/hub/Awards.sol": ("hub_awards", "hostile"),
    "contracts/hub/Campaigns.sol": ("hub_terms", "hub_money"),
    "contracts/hub/HolderAccounts.sol": ("hub_accounts", "hub_moves", "hub_expiry", "hostile"),
    "contracts/hub/Redemptions.sol": ("hub_redemptions",),
}


def suites(file: str) -> tuple[str, ...]:
    return ORDER.get(file, OTHERS)


def killer(mutant: Mutant, number: int, work: Path) -> str:
    """The first suite that fails with mutant `number` of the artifacts in `work` awake; empty when none does."""
    return next((suite for suite in suites(mutant.file) if fails(suite, number, work)), "")


def fails(suite: str, number: int, work: Path) -> bool:
    folder, *only = SUITES[suite]
    failures = work / f"failures-{number}"
    environment = COMMON | {
        "FOUNDRY_SRC": f"tests/forge/{folder}",
        "FOUNDRY_TEST": f"tests/forge/{folder}",
        "FOUNDRY_OUT": f".forge/{folder}/out",
        "FOUNDRY_CACHE_PATH": f".forge/{folder}/cache",
        "FOUNDRY_FUZZ_FAILURE_PERSIST_DIR": str(failures),
        "FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR": str(failures),
        "FUZZED_ARTIFACTS": work.relative_to(ROOT).as_posix(),
        "FUZZED_FAULT": str(number),
    }
    command = ["forge", "test", "--color", "never", "--fail-fast", "--threads", "1", *only]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=TOO_LONG
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        shutil.rmtree(failures, ignore_errors=True)
    if run.returncode and not re.search(r"^\[FAIL", run.stdout, re.MULTILINE):
        raise SystemExit(f"{suite} could not be run: {run.stdout}{run.stderr}")
    return bool(run.returncode)


@cache
def unit_tests(file: str) -> list[str]:
    """tests/contracts, those about `file` first; of the badges, which nothing else knows, only these."""
    first = [f"tests/contracts/test_{name}.py" for name in UNITS.get(file, ())]
    if file == BADGES:
        return first
    rest = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "contracts").glob("test_*.py"))
    return first + [path for path in rest if path not in first]


class Units:
    """A process that has loaded what tests/contracts need."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-um", "scripts.mutation.units"]
        self._run = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._to, self._out = cast("IO[str]", self._run.stdin), cast("IO[str]", self._run.stdout)
        while (line := self._out.readline()) != "ready\n":
            if not line:
                raise SystemExit("tests/contracts could not be run")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to.close()
        self._run.wait()

    def fail(self, number: int, work: Path, file: str) -> str:
        """The first test that fails, or empty."""
        print(number, work, *unit_tests(file), file=self._to, flush=True)
        if not (answer := self._out.readline()):
            raise SystemExit(f"tests/contracts could not be run with {number} of {work}")
        return answer.strip()
