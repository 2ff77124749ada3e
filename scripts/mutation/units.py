"""What tests/contracts say of the mutants that the tests in forge let live. Ape is loaded once; each mutant is a fork.

Reads `number folder of artifacts | test files` lines; writes for each the test that failed, or an empty line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import ape
import eth.vm.forks.shanghai.computation as shanghai
import eth.vm.forks.spurious_dragon.computation as spurious_dragon
import pytest
from ape.contracts import ContractContainer
from eth_pydantic_types import HexBytes
from ethpm_types import ContractType

SWITCH = "0x00000000000000000000000000000000000FA017"  # its balance is the number of the mutant that is awake
# Sequences, which forge has tried already, and slow.
SLOW = ("test_same_as_stock", "test_wound_up_to_zero", "test_256_payments_fit_and_set_every_bit")


def wake(number: int, work: Path) -> None:
    """In this process the contracts are the copies in `work`, with mutant `number` awake."""
    codes = {
        name: HexBytes(json.loads((work / f"{name}.json").read_text())["bytecode"])
        for name in ("LoyaltyToken", "CampaignHub", "LoyaltyBadges")
    }
    original, deploy = ContractType.get_deployment_bytecode, ContractContainer.deploy

    def bytecode(self: ContractType) -> Any:
        return codes.get(self.name or "") or original(self)

    def deployed(self: ContractContainer, *arguments: Any, **named: Any) -> Any:
        if not ape.chain.provider.get_balance(SWITCH):
            ape.accounts.test_accounts[9].transfer(SWITCH, number)
        return deploy(self, *arguments, **named)

    patch = pytest.MonkeyPatch()
    patch.setattr(ContractType, "get_deployment_bytecode", bytecode)
    patch.setattr(ContractContainer, "deploy", deployed)
    patch.setattr(spurious_dragon, "EIP170_CODE_SIZE_LIMIT", 1 << 24)
    patch.setattr(shanghai, "MAX_INITCODE_SIZE", 1 << 24)


def first_failure(number: int, work: Path, files: list[str]) -> str:
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
    wake(number, work)
    options = [
        "-x",
        "-q",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--network",
        "ethereum:local:test",
    ]
    status = pytest.main([*options, "-k", " and ".join(f"not {name}" for name in SLOW), *files])
    sys.stdout.flush()
    os._exit(int(status))


def main() -> None:
    ape.project.load_contracts()
    shutil.rmtree("contracts/.cache", ignore_errors=True)  # Ape's copies of dependencies are no sources of ours
    print("ready", flush=True)
    for line in sys.stdin:
        number, work, *files = line.split()
        print(first_failure(int(number), Path(work), files), flush=True)


if __name__ == "__main__":
    main()
