"""What others would use, in tests/gas/contracts: compiled with our settings, measured on the same chain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from scripts import build_artifacts
from tests.gas.bench import (
    AWARD_SIZES,
    FAR,
    ORDER_SIZES,
    Artifact,
    Bench,
    Contract,
    Figures,
    amounts,
    holders,
    packed,
    sign,
    signers,
)
from tests.gas.ours import OFFER, SEAL_KEY

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "contracts"
FORWARD_REQUEST = "address from, address to, uint256 value, uint256 gas, uint256 nonce, uint48 deadline, bytes data"
#: Gas that a signer of a forwarded request allows for it.
ALLOWED = 150_000


def compiled() -> dict[str, Artifact]:
    import solcx  # only `make gas` needs a compiler

    version, settings = build_artifacts.settings()
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".cache" / "solcx"))
    sources = {path.relative_to(ROOT).as_posix(): {"content": path.read_text()} for path in FOLDER.glob("*.sol")}
    outputs = {"outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}}}
    remappings = {"remappings": [*settings["remappings"], "solady/=node_modules/solady/"]}
    request = {"language": "Solidity", "sources": sources, "settings": settings | remappings | outputs}
    answer = solcx.compile_standard(request, base_path=ROOT, solc_version=version)
    return {
        name: {"abi": contract["abi"], "bytecode": "0x" + contract["evm"]["bytecode"]["object"]}
        for contracts in answer["contracts"].values()
        for name, contract in contracts.items()
    }


def measure(bench: Bench) -> Figures:
    artifacts = compiled()
    return _mints(bench, artifacts) | _redemptions(bench, artifacts)


# ---------------------------------------------------------------------- mints


def _mints(bench: Bench, artifacts: dict[str, Artifact]) -> Figures:
    points = bench.deploy(artifacts["OzPoints"])
    multi = bench.deploy(artifacts["OzMulti"])
    packed_points = bench.deploy(artifacts["SoladyPoints"])
    airdrop = bench.deploy(artifacts["Airdrop"])
    owner = bench.people[0]
    bench.gas(owner, points, "mint", owner, 10**12)
    bench.gas(owner, points, "approve", airdrop.address, 2**256 - 1)
    bench.gas(owner, points, "mint", airdrop.address, 1)
    bench.gas(owner, packed_points, "mintPacked", packed(holders("somebody", 1)))

    ways: dict[str, Any] = {
        "OpenZeppelin, a mint a transaction": lambda to: sum(
            bench.gas(owner, points, "mint", holder, amount)
            for holder, amount in zip(to, amounts(len(to)), strict=True)
        ),
        "OpenZeppelin, mint loop": lambda to: bench.gas(owner, points, "mintMany", to, amounts(len(to))),
        "Solady, packed mint loop": lambda to: bench.gas(owner, packed_points, "mintPacked", packed(to)),
        "airdrop of an OpenZeppelin token": lambda to: bench.gas(
            owner, airdrop, "drop", points.address, to, amounts(len(to)), sum(amounts(len(to)))
        ),
        "OpenZeppelin ERC-1155, mint loop": lambda to: bench.gas(owner, multi, "mintMany", 1, to, amounts(len(to))),
    }
    figures: Figures = {}
    for name, mint in ways.items():
        groups = {size: holders(f"{name} {size}", size) for size in AWARD_SIZES}
        figures[f"{name}, fresh"] = {size: mint(group) for size, group in groups.items()}
        figures[f"{name}, existing"] = {size: mint(group) for size, group in groups.items()}
    return figures


# ---------------------------------------------------------------- redemptions


def _redemptions(bench: Bench, artifacts: dict[str, Artifact]) -> Figures:
    forwarder = bench.deploy(artifacts["ERC2771Forwarder"], "Forwarder")
    rewards = bench.deploy(artifacts["OzRewards"], forwarder.address)
    merchant, relayer = bench.people[2], bench.people[3]
    bench.gas(relayer, rewards, "mint", merchant, 1)
    commitments = iter(range(1, 10_000))

    def redeem(function: str) -> bytes:
        commitment = (next(commitments) << 128 | 2**127).to_bytes(32, "big")
        return rewards.data(function, merchant, 500, OFFER, SEAL_KEY, commitment)

    ways: dict[str, Any] = {
        "plain burn": lambda: rewards.data("burn", 500),
        "merchant paid, told in a log": lambda: redeem("redeem"),
        "merchant paid, record stored": lambda: redeem("redeemOnRecord"),
    }
    figures: Figures = {}
    for name, call in ways.items():
        first: dict[int, int] = {}
        later: dict[int, int] = {}
        for size in ORDER_SIZES:
            people = signers(f"{name} {size}", size)
            for person in people:
                bench.gas(relayer, rewards, "mint", person.address, 2_000)
            for nonce, batch in enumerate((first, later)):
                requests = [_request(person, forwarder, rewards, nonce, call()) for person in people]
                batch[size] = bench.gas(relayer, forwarder, "executeBatch", requests, relayer)
        figures[f"forwarder, {name}, batch, first order"] = first
        figures[f"forwarder, {name}, batch"] = later
        (person,) = signers(f"{name} 1", 1)
        single = bench.gas(relayer, forwarder, "execute", _request(person, forwarder, rewards, 2, call()))
        figures[f"forwarder, {name}, single"] = {1: single}
    return figures


def _request(
    person: LocalAccount, forwarder: Contract, target: Contract, nonce: int, data: bytes
) -> tuple[str, str, int, int, int, bytes, bytes]:
    message = {"from": person.address, "to": target.address, "value": 0, "gas": ALLOWED, "nonce": nonce}
    message |= {"deadline": FAR, "data": data}
    signature = sign(person, forwarder, "Forwarder", {"ForwardRequest": FORWARD_REQUEST}, message)[2]
    return (person.address, target.address, 0, ALLOWED, FAR, data, signature)
