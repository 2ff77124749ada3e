"""Which functions of the contracts have a proof, and that every promise has its planted fault (tests/forge/proofs)."""

from __future__ import annotations

import json
import re

import pytest

from scripts.planted_faults import planted_sources
from scripts.planted_proofs import FAULTS
from scripts.prove_contracts import ARTIFACTS, LONG, PROOFS, all_proofs

PROMISES = {"Token": ["TokenPromises.sol"], "Hub": ["HubPromises.sol", "HubTerms.t.sol", "HubMoney.sol"]}


@pytest.mark.parametrize(("contract", "prefix"), [("LoyaltyToken", "Token"), ("CampaignHub", "Hub")])
def test_every_function_that_changes_anything_is_proved(contract: str, prefix: str) -> None:
    abi = json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]
    assert {item["type"] for item in abi} <= {"function", "event", "error", "constructor"}, "a fallback needs a proof"
    changing = [
        item["name"] for item in abi if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    ]
    assert len(changing) == len(set(changing)), "a proof is known by its function's name"
    proved = {proof.name.split("_")[1] for proof in all_proofs() if proof.contract.startswith(prefix)}
    assert proved == set(changing)


def test_every_promise_has_a_planted_fault() -> None:
    broken = {re.sub(r"(Token|Hub)\S* ", r"\1 ", fault.found) for fault in FAULTS}
    promises = {
        f"{prefix} {number}"
        for prefix, files in PROMISES.items()
        for file in files
        for number in re.findall(r"keeps\((\d+),", (PROOFS / file).read_text())
    }
    assert promises == broken


def test_planted_faults_fit_the_sources_and_name_proofs() -> None:
    planted_sources(FAULTS)
    names = {f"{proof.contract}.{proof.name.removeprefix('check_')}" for proof in all_proofs()}
    assert {fault.found.split()[0] for fault in FAULTS} <= names
    assert {str(proof) for proof in all_proofs()} >= LONG
