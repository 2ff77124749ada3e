"""Plant faults in copies of the contracts and see that the fuzzed sequences find each (a test of the tests).

All faults stand in one build, asleep; `planted(n)` in the copies is true for the one whose number the test gives to an
address as its balance. A fault that no longer fits the sources stops the run: write it anew.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import solcx

from scripts import build_artifacts
from scripts.fuzz_contracts import Size, fuzz

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".forge" / "invariants" / "planted"
# Optimized, the tests draw other sequences, in which some fault meets the sums of a test before it meets its promise.
SIZE = Size(runs=60, depth=200, inputs=1, must_reach=False, optimized=False)
SEED = "0xfa017"
SWITCH = "contracts/libraries/Planted.sol"
SWITCH_SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
function planted(uint256 n) view returns (bool) { return address(0xFA017).balance == n; }
"""

NAMES = {f"contracts/{name}.sol": name for name in ("LoyaltyToken", "CampaignHub", "LoyaltyBadges")}

POINTS = "contracts/LoyaltyToken.sol"
BADGES = "contracts/LoyaltyBadges.sol"
BASE = "contracts/hub/HubBase.sol"
AWARDS = "contracts/hub/Awards.sol"
CAMPAIGNS = "contracts/hub/Campaigns.sol"
ACCOUNTS = "contracts/hub/HolderAccounts.sol"
REDEMPTIONS = "contracts/hub/Redemptions.sol"


@dataclass(frozen=True)
class Fault:
    """`old` stands once in `file`; `planted()` in `new` is the fault's switch; `found` begins the message expected."""

    what: str
    file: str
    old: str
    new: str
    found: str


FAULTS = (
    Fault(
        "cashing out burns one too few",
        POINTS,
        "_burn(holder, points);",
        "_burn(holder, planted() ? points - 1 : points);",
        "P1",
    ),
    Fault(
        "sending in bulk debits nobody",
        POINTS,
        "_debit(msg.sender, total);",
        "if (!planted()) _debit(msg.sender, total);",
        "P2",
    ),
    Fault(
        "release leaves the account as it was",
        ACCOUNTS,
        "_accounts[id][holders[i]] = word.withMatured(0);",
        "if (!planted()) _accounts[id][holders[i]] = word.withMatured(0);",
        "P3",
    ),
    Fault(
        "sweep leaves the pot",
        CAMPAIGNS,
        "state.pot = 0;",
        "if (!planted()) state.pot = 0;",
        "P3|P11",
    ),
    Fault(
        "the token takes anybody's signature",
        POINTS,
        "revert BadSignature(holder);",
        "if (!planted()) revert BadSignature(holder);",
        "P4",
    ),
    Fault(
        "the token uses no nonce up",
        POINTS,
        "_useCheckedNonce(holder, nonce);",
        "if (!planted()) _useCheckedNonce(holder, nonce);",
        "P4",
    ),
    Fault(
        "orders land after their deadline",
        BASE,
        "if (block.timestamp > deadline) revert OrderExpired(deadline);",
        "if (block.timestamp > deadline && !planted()) revert OrderExpired(deadline);",
        "P4",
    ),
    Fault(
        "a batch takes orders after their deadline",
        POINTS,
        "if (block.timestamp > payment.deadline || holder == msg.sender) return false;",
        "if ((block.timestamp > payment.deadline && !planted()) || holder == msg.sender) return false;",
        "P4",
    ),
    Fault(
        "release takes from who chose to stay",
        ACCOUNTS,
        "if (word.stay() || word.matured() == 0) continue;",
        "if ((word.stay() && !planted()) || word.matured() == 0) continue;",
        "P5",
    ),
    Fault(
        "accounts are cleared before they expire",
        ACCOUNTS,
        "if (block.timestamp < state.expiry + GRACE) revert NotYet(state.expiry + GRACE);",
        "if (block.timestamp < state.expiry + GRACE && !planted()) revert NotYet(state.expiry + GRACE);",
        "P5",
    ),
    Fault(
        "clawback takes what matured since the account was last touched",
        AWARDS,
        "(AccountWord word, uint256 taken) = _accounts[id][holder].mature(period).clawback(entry.amount());",
        "AccountWord found = _accounts[id][holder];\n"
        "            if (!planted()) found = found.mature(period);\n"
        "            (AccountWord word, uint256 taken) = found.clawback(entry.amount());",
        "P5",
    ),
    Fault(
        "cancelling voids one order only",
        ACCOUNTS,
        "_accounts[id][msg.sender].withNonceRaised(Orders.CANCEL_STEP);",
        "_accounts[id][msg.sender].withNonceRaised(planted() ? 1 : Orders.CANCEL_STEP);",
        "P4",
    ),
    Fault(
        "the hub takes anybody's signature",
        BASE,
        "revert BadSignature(holder);",
        "if (!planted()) revert BadSignature(holder);",
        "P[45]",
    ),
    Fault(
        "closed-loop points may leave",
        ACCOUNTS,
        "if (state.closed) revert ClosedLoop(id);",
        "if (state.closed && !planted()) revert ClosedLoop(id);",
        "P6",
    ),
    Fault(
        "who is no merchant is paid",
        REDEMPTIONS,
        "revert NotMerchant(merchant);",
        "if (!planted()) revert NotMerchant(merchant);",
        "P6",
    ),
    Fault(
        "leaving earns one on top",
        ACCOUNTS,
        "emit Left(id, holder, amount);",
        "if (planted()) { _campaigns[id].budget -= 1; ILoyaltyToken(token).mint(holder, 1); }\n"
        "        emit Left(id, holder, amount);",
        "P7",
    ),
    Fault(
        "the pot pays for awards",
        AWARDS,
        "state.budget = uint96(budget - total);",
        "if (planted() && state.pot >= total) state.pot -= uint96(total);\n"
        "        else state.budget = uint96(budget - total);",
        "P8",
    ),
    Fault(
        "the owner sweeps before the end",
        CAMPAIGNS,
        "if (block.timestamp < state.end + GRACE) revert NotYet(state.end + GRACE);",
        "if (block.timestamp < state.end + GRACE && !planted()) revert NotYet(state.end + GRACE);",
        "P8",
    ),
    Fault(
        "a key awards above its cap",
        AWARDS,
        "if (points > left) revert OverDailyCap(points, left);",
        "if (points > left && !planted()) revert OverDailyCap(points, left);",
        "P[58]",
    ),
    Fault(
        "a batch lands twice",
        AWARDS,
        "if (word & bit != 0) revert NumberTaken(number);",
        "if (word & bit != 0 && !planted()) revert NumberTaken(number);",
        "P9",
    ),
    Fault(
        "cancelling takes the nonce back",
        POINTS,
        "uint32 nonce = _holders[msg.sender].nonce + uint32(Orders.CANCEL_STEP);",
        "uint32 nonce = _holders[msg.sender].nonce;\n"
        "        nonce = planted() && nonce > 0 ? nonce - 1 : nonce + uint32(Orders.CANCEL_STEP);",
        "P10",
    ),
    Fault(
        "an empty clawback frees a number",
        AWARDS,
        "emit ClawbackLanded(id, number, total);",
        "if (planted() && total == 0) delete _landed[id][number >> 8];\n"
        "        emit ClawbackLanded(id, number, total);",
        "P10",
    ),
    Fault(
        "only the owner may sweep",
        CAMPAIGNS,
        "if (points == 0) revert ZeroAmount();",
        "if (points == 0) revert ZeroAmount();\n"
        "        if (planted() && msg.sender != state.owner) revert NotOwner(msg.sender);",
        "P11",
    ),
    Fault(
        "leaving ends with the campaign",
        ACCOUNTS,
        "_debit(id, holder, _periodOf(_open(id)), amount);",
        "if (planted()) _running(id);\n        _debit(id, holder, _periodOf(_open(id)), amount);",
        "P11",
    ),
    Fault(
        "leaving touches the asset",
        ACCOUNTS,
        "emit Left(id, holder, amount);",
        "if (planted()) IERC20(asset).transfer(address(this), 0);\n        emit Left(id, holder, amount);",
        "P12",
    ),
    Fault(
        "the asset gets in while points are minted",
        POINTS,
        "function cashOut(uint256 points, address to) external nonReentrant {\n"
        "        _cashOut(msg.sender, points, to);\n"
        "    }",
        "function cashOut(uint256 points, address to) external {\n"
        "        if (planted()) _cashOut(msg.sender, points, to);\n"
        "        else _cashOutGuarded(points, to);\n"
        "    }\n\n"
        "    function _cashOutGuarded(uint256 points, address to) private nonReentrant {\n"
        "        _cashOut(msg.sender, points, to);\n"
        "    }",
        "P12",
    ),
    Fault(
        "the bonus is rounded up",
        ACCOUNTS,
        "bonus = Math.min(amount * state.bonus / BASIS_POINTS, state.pot);",
        "bonus = Math.min((amount * state.bonus + (planted() ? 9_999 : 0)) / BASIS_POINTS, state.pot);",
        "Model|Unforeseen",
    ),
    Fault(
        "awards mature a second early",
        BASE,
        "return Accounts.periodAt(state.hold, block.timestamp);",
        "return Accounts.periodAt(state.hold, block.timestamp + (planted() ? 1 : 0));",
        "Model|Unforeseen",
    ),
    Fault(
        "a change announced takes effect at once",
        BASE,
        "block.timestamp >= state.change.effectiveAt;",
        "(planted() || block.timestamp >= state.change.effectiveAt);",
        "Model|Unforeseen",
    ),
)


# ---------------------------------------------------------------------- build


def planted_sources(faults: Sequence[Fault]) -> dict[str, str]:
    """All sources of the contracts with all faults in them."""
    paths = [path for path in (ROOT / "contracts").rglob("*.sol") if "test" not in path.parts]
    sources = {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}
    originals = dict(sources)
    for number, fault in enumerate(faults, start=1):
        if originals[fault.file].count(fault.old) != 1:
            raise SystemExit(f"{fault.file}: not exactly once: {fault.old} ({fault.what})")
        switched = fault.new.replace("planted()", f"planted({number})")
        sources[fault.file] = sources[fault.file].replace(fault.old, switched)
    for file in {fault.file for fault in faults}:
        depth = "./" if file in NAMES else "../"
        switch = f'import {{planted}} from "{depth}libraries/Planted.sol";\n'
        sources[file] = re.sub(r"(?m)^import ", f"{switch}import ", sources[file], count=1)
    return sources | {SWITCH: SWITCH_SOURCE}


def build(faults: Sequence[Fault], work: Path) -> None:
    """Artifacts of the faulty contracts, unoptimized: it is quicker and changes nothing that is looked at."""
    version, settings = build_artifacts.settings()
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {file: {"content": source} for file, source in planted_sources(faults).items()},
        "settings": settings
        | {
            "optimizer": {"enabled": False},
            "outputSelection": {file: {name: ["evm.bytecode.object"]} for file, name in NAMES.items()},
        },
    }
    answer = solcx.compile_standard(request, base_path=ROOT, solc_version=version)
    work.mkdir(parents=True, exist_ok=True)
    for file, name in NAMES.items():
        code = answer["contracts"][file][name]["evm"]["bytecode"]["object"]
        (work / f"{name}.json").write_text(json.dumps({"bytecode": "0x" + code}))


# ----------------------------------------------------------------------- find


def message(number: int, size: Size = SIZE) -> str:
    """What the sequences say of the contracts with fault `number` awake; empty when they say nothing.

    A fault that breaks a promise must be found by the check of that promise, without the model's help.
    """
    by_model = number == 0 or "Model" in FAULTS[number - 1].found
    run = fuzz(
        size,
        SEED,
        WORK / f"{number}.txt",
        "--match-contract=HostileAssetTest",
        FUZZED_ARTIFACTS=WORK.relative_to(ROOT).as_posix(),
        FUZZED_FAULT=str(number),
        FUZZED_PROMISES_ONLY="false" if by_model else "true",
        FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT="0",
        FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR=str(WORK / f"failures-{number}"),
    )
    if run.returncode == 0:
        return ""
    told = re.search(r"assertion failed: (.*?) != ", run.stdout)
    return told.group(1) if told else run.stdout + run.stderr


def main(numbers: Iterable[int]) -> int:
    build(FAULTS, WORK)
    if told := message(0, replace(SIZE, runs=3)):
        raise SystemExit(f"something is found while every fault sleeps: {told}")
    chosen = list(numbers) or list(range(1, len(FAULTS) + 1))
    missed = 0
    with ThreadPoolExecutor(2) as pool:
        for number, told in zip(chosen, pool.map(message, chosen), strict=True):
            fault = FAULTS[number - 1]
            found = re.match(fault.found, told) is not None
            missed += not found
            print(f"{'found ' if found else 'MISSED'} {number:2} {fault.what}: {told or 'nothing'}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} planted faults found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(int(number) for number in sys.argv[1:]))
