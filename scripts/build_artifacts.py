"""Compile the contracts into `gateway/chain/artifacts/`, so that whoever runs the gateway needs no compiler.

`--check` compiles again and compares with what is committed. Both check the size limits of EIP-170 and EIP-3860.
"""

import argparse
import hashlib
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import solcx
import yaml
from solcx.exceptions import SolcError, SolcNotInstalled

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "gateway" / "chain" / "artifacts"
CONTRACTS = ("LoyaltyToken", "CampaignHub", "LoyaltyBadges", "MockUSDC")
MAX_DEPLOYED = 24_576  # bytes, EIP-170
MAX_CREATION = 49_152  # bytes, EIP-3860

Artifact = dict[str, Any]


class BuildError(Exception):
    """What is wrong, in words for a person."""


def settings() -> tuple[str, dict[str, Any]]:
    """Compiler version and standard-JSON settings of ape-config.yaml; BuildError when foundry.toml differs."""
    ape = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    forge = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    pairs = {
        "evm_version": (ape["evm_version"], forge["evm_version"]),
        "optimizer": (ape["optimize"], forge["optimizer"]),
        "optimizer runs": (ape["optimization_runs"], forge["optimizer_runs"]),
        "via_ir": (ape.get("via_ir", False), forge.get("via_ir", False)),
        "solc": (ape["version"], json.loads((ROOT / "package.json").read_text())["dependencies"]["solc"]),
    }
    for name, (one, other) in pairs.items():
        if one != other:
            raise BuildError(f"{name}: ape-config.yaml says {one}, foundry.toml or package.json says {other}")
    chosen: dict[str, Any] = {
        "optimizer": {"enabled": ape["optimize"], "runs": ape["optimization_runs"]},
        "evmVersion": ape["evm_version"],
        # Ape has its own copy of OpenZeppelin, see ape-config.yaml; forge's other libraries are for tests.
        "remappings": [line for line in forge["remappings"] if line.startswith("@openzeppelin/")],
    }
    if ape.get("via_ir"):
        chosen["viaIR"] = True
    return ape["version"], chosen


def source_of(contract: str) -> str:
    """Path of the file that holds `contract`, from the project's root."""
    found = sorted((ROOT / "contracts").rglob(f"{contract}.sol"))
    if len(found) != 1:
        raise BuildError(f"{contract}.sol: expected once under contracts/, found {len(found)} times")
    return found[0].relative_to(ROOT).as_posix()


def compile_all() -> dict[str, Artifact]:
    """Every contract's artifact, by name."""
    version, chosen = settings()
    files = {contract: source_of(contract) for contract in CONTRACTS}
    outputs = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"]
    request = {
        "language": "Solidity",
        "sources": {file: {"content": (ROOT / file).read_text()} for file in sorted(files.values())},
        "settings": chosen | {"outputSelection": {file: {name: outputs} for name, file in files.items()}},
    }
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".cache" / "solcx"))
    try:
        answer = solcx.compile_standard(request, base_path=ROOT, solc_version=version)
    except SolcNotInstalled as error:
        raise BuildError(f"no Solidity compiler {version}: run `make setup`") from error
    except SolcError as error:
        raise BuildError(str(error)) from error
    for warning in answer.get("errors", []):
        if warning.get("sourceLocation", {}).get("file", "").startswith("contracts/"):
            print(warning["formattedMessage"].strip(), file=sys.stderr)
    return {name: artifact(name, answer["contracts"][file][name]) for name, file in files.items()}


def artifact(name: str, compiled: dict[str, Any]) -> Artifact:
    metadata = json.loads(compiled["metadata"])
    metadata["settings"].pop("compilationTarget")
    return {
        "contractName": name,
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + compiled["evm"]["deployedBytecode"]["object"],
        "compiler": metadata["compiler"]["version"],
        "settings": metadata["settings"],
        "sourceHash": source_hash(sorted(metadata["sources"])),
    }


def source_hash(files: list[str]) -> str:
    """SHA-256 over the path and the SHA-256 of each source that went into a contract, libraries included."""
    lines = [f"{hashlib.sha256((ROOT / file).read_bytes()).hexdigest()}  {file}\n" for file in files]
    return "0x" + hashlib.sha256("".join(lines).encode()).hexdigest()


def rendered(content: Artifact) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def bytes_of(code: str) -> int:
    return len(code) // 2 - 1


def size_problems(built: dict[str, Artifact]) -> list[str]:
    """Print each contract's sizes; what breaks a limit."""
    problems = []
    for name, content in built.items():
        deployed, creation = bytes_of(content["deployedBytecode"]), bytes_of(content["bytecode"])
        print(
            f"{name:<14} deployed {deployed:>6,} of {MAX_DEPLOYED:,} bytes, creation {creation:>6,} of {MAX_CREATION:,}"
        )
        if deployed > MAX_DEPLOYED:
            problems.append(f"{name}: {deployed - MAX_DEPLOYED:,} bytes over the limit of EIP-170")
        if creation > MAX_CREATION:
            problems.append(f"{name}: {creation - MAX_CREATION:,} bytes over the limit of EIP-3860")
    return problems


def differences(built: dict[str, Artifact]) -> list[str]:
    """In what the committed artifacts differ from what the sources give."""
    problems = [f"{path.name}: belongs to no contract" for path in ARTIFACTS.glob("*.json") if path.stem not in built]
    for name, content in built.items():
        path = ARTIFACTS / f"{name}.json"
        if not path.is_file():
            problems.append(f"{name}.json: missing")
            continue
        committed = json.loads(path.read_text())
        fields = [key for key in content | committed if content.get(key) != committed.get(key)]
        if fields:
            problems.append(f"{name}.json: not what the sources give, differs in {', '.join(fields)}")
        elif path.read_text() != rendered(content):
            problems.append(f"{name}.json: same content, other formatting")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the contracts into gateway/chain/artifacts/.")
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts, write nothing")
    check = parser.parse_args().check
    try:
        built = compile_all()
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    problems = size_problems(built)
    if check:
        stale = differences(built)
        problems += [*stale, "run `make artifacts` and commit the result"] if stale else []
    else:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        for name, content in built.items():
            (ARTIFACTS / f"{name}.json").write_text(rendered(content))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
