"""Every function of the token has its proof, every promise its planted fault (tests/forge/proofs)."""

from __future__ import annotations

import json
import re

from scripts.planted_faults import planted_sources
from scripts.planted_proofs import FAULTS
from scripts.prove_contracts import ARTIFACTS, PROOFS, all_proofs


def test_every_function_that_changes_anything_is_proved() -> None:
    abi = json.loads((ARTIFACTS / "LoyaltyToken.json").read_text())["abi"]
    assert {item["type"] for item in abi} <= {"function", "event", "error", "constructor"}, "a fallback needs a proof"
    changing = [
        item["name"] for item in abi if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    ]
    assert len(changing) == len(set(changing)), "a proof is known by its function's name"
    proved = {proof.name.split("_")[1] for proof in all_proofs() if proof.contract == "TokenProofs"}
    assert proved == set(changing)


def test_every_promise_has_a_planted_fault() -> None:
    promises = re.findall(r"keeps\((\d+),", (PROOFS / "TokenPromises.sol").read_text())
    assert set(promises) == {fault.found.split()[1] for fault in FAULTS}


def test_planted_faults_fit_the_sources_and_name_proofs() -> None:
    planted_sources(FAULTS)
    names = {f"{proof.contract}.{proof.name.removeprefix('check_')}" for proof in all_proofs()}
    assert {fault.found.split()[0] for fault in FAULTS} <= names
