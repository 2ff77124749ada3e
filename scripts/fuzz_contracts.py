"""Random sequences of calls against the contracts (tests/forge/invariants), in one of three sizes.

Prints which verbs succeeded and which refusals were met. The larger sizes fail when a verb never succeeded or an error
of the interfaces was never met: a promise that nobody tried to break is not shown.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "gateway" / "chain" / "artifacts"
SUCCESS = "0x00000000"
EXECUTED = "0x00000001"  # an order of a batch
ASSET_PAUSED = "0x" + keccak(text="AssetPaused()")[:4].hex()  # the test's own asset

# Not met by sequences; each has a test of its own in tests/contracts.
TOO_LARGE = {"BatchTooLong", "LengthMismatch", "SupplyOverflow", "ZeroPar"}
BATCHES = ("receiveBatch", "redeemBatch", "spendBatch")
REENTRIES = ("guarded call", "cashOut", "transfer", "leave", "release", "setStay", "spend")


@dataclass(frozen=True)
class Size:
    """Of each of the two worlds: sequences, calls a sequence; and inputs of each fuzzed liveness test.

    To compile the tests with the optimizer takes twice as long, and a third off each call: good for a few thousand.
    """

    runs: int
    depth: int
    inputs: int
    must_reach: bool
    optimized: bool = True


SIZES = {
    "quick": Size(runs=4, depth=150, inputs=8, must_reach=False, optimized=False),
    "full": Size(runs=80, depth=400, inputs=256, must_reach=True),
    "long": Size(runs=2_000, depth=1_000, inputs=10_000, must_reach=True),
}
FIXED_SEED = "0x5eed"  # of the quick size, so that `make test` does the same each time

Outcomes = dict[str, Counter[str]]


def fuzz(size: Size, seed: str, outcomes: Path, *only: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run forge once, with `only` as further arguments; `outcomes` gets lines of `verb error count`."""
    outcomes.parent.mkdir(parents=True, exist_ok=True)
    outcomes.unlink(missing_ok=True)
    built = ".forge/invariants/optimized" if size.optimized else ".forge/invariants"
    environment |= {
        "FOUNDRY_PROFILE": "invariants",
        "FOUNDRY_OPTIMIZER": str(size.optimized).lower(),
        "FOUNDRY_OUT": f"{built}/out",
        "FOUNDRY_CACHE_PATH": f"{built}/cache",
        "FOUNDRY_FUZZ_SEED": seed,
        "FOUNDRY_FUZZ_RUNS": str(size.inputs),
        "FOUNDRY_INVARIANT_RUNS": str(size.runs),
        "FOUNDRY_INVARIANT_DEPTH": str(size.depth),
        "FUZZED_OUTCOMES": str(outcomes.relative_to(ROOT)),
    }
    command = ["forge", "test", "--color", "never", *only]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)


# ------------------------------------------------------------------- outcomes


def abi_items(kind: str) -> list[dict[str, Any]]:
    found = []
    for contract in ("LoyaltyToken", "CampaignHub"):
        abi = json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]
        found += [{**item, "contract": contract} for item in abi if item["type"] == kind]
    return found


def selector(item: Any) -> str:
    return "0x" + keccak(text=abi_to_signature(item))[:4].hex()


def read(outcomes: Path) -> Outcomes:
    """By verb (`LoyaltyToken.mint`) how often it ended with which error; SUCCESS and EXECUTED as they are."""
    names = {selector(item): item["name"] for item in abi_items("error")} | {ASSET_PAUSED: "AssetPaused"}
    verbs = {selector(item): f"{item['contract']}.{item['name']}" for item in abi_items("function")}
    verbs |= {f"0x{number:08x}": f"asset re-entering: {name}" for number, name in enumerate(REENTRIES)}
    met: Outcomes = defaultdict(Counter)
    for line in outcomes.read_text().splitlines():
        if line:
            verb, error, count = line.split()
            met[verbs[verb]][names.get(error, error)] += int(count)
    return met


def never_reached(met: Outcomes) -> list[str]:
    """Verbs that never succeeded, and errors of the interfaces that were never met."""
    verbs = [item for item in abi_items("function") if item["stateMutability"] == "nonpayable"]
    missing = []
    for item in verbs:
        wanted = EXECUTED if item["name"] in BATCHES else SUCCESS
        if not met[f"{item['contract']}.{item['name']}"][wanted]:
            missing.append(f"{item['contract']}.{item['name']} never succeeded")
    interfaces = "".join(
        (ROOT / "contracts" / "interfaces").joinpath(f"I{name}.sol").read_text()
        for name in ("LoyaltyToken", "CampaignHub")
    )
    own = {item["name"] for item in abi_items("error") if f"error {item['name']}(" in interfaces}
    everything = {error for errors in met.values() for error in errors}
    missing += [f"{name} was never met" for name in sorted(own - everything - TOO_LARGE)]
    missing += [f"the asset never re-entered: {name}" for name in REENTRIES if not met[f"asset re-entering: {name}"]]
    return missing


def show(met: Outcomes) -> None:
    for verb in sorted(met):
        errors = met[verb].copy()
        good = errors.pop(SUCCESS, 0)
        executed = f" ({errors.pop(EXECUTED)} orders)" if errors[EXECUTED] else ""
        refusals = ", ".join(f"{name} {count}" for name, count in errors.most_common() if count)
        print(f"  {verb:36} {good:7,}{executed}  {refusals}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--seed", help="a number from an earlier run, to repeat it")
    options = parser.parse_args()
    size = SIZES[options.size]
    seed = options.seed or (FIXED_SEED if options.size == "quick" else "0x" + secrets.token_hex(8))

    outcomes = ROOT / ".forge" / "invariants" / "outcomes" / f"{options.size}.txt"
    print(f"2 worlds x {size.runs} sequences x {size.depth} calls, seed {seed}", flush=True)
    run = fuzz(size, seed, outcomes)
    if run.returncode:
        print(run.stdout, run.stderr, sep="\n")
        return run.returncode
    print("\n".join(line for line in run.stdout.splitlines() if line.startswith(("[PASS]", "Ran "))))
    met = read(outcomes)
    show(met)
    missing = never_reached(met) if size.must_reach else []
    print("\n".join(missing), file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
