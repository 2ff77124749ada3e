"""The npm compiler behind `scripts/solc` answers as the native one would, as far as py-solc-x, Ape and forge ask."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = json.loads((ROOT / "package.json").read_text())["dependencies"]["solc"]


def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command = [str(ROOT / "scripts" / "solc"), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)


def request(source: str, *outputs: str) -> str:
    selection = {"*": {"*": list(outputs), "": ["ast"]}}
    sources = {"Main.sol": {"content": f"pragma solidity {PINNED};\n{source}"}}
    return json.dumps({"language": "Solidity", "sources": sources, "settings": {"outputSelection": selection}})


def errors(answer: dict[str, Any]) -> list[str]:
    return [error["message"] for error in answer.get("errors", []) if error["severity"] == "error"]


def test_names_the_pinned_version_as_the_native_compiler_does() -> None:
    assert f"Version: {PINNED}+commit." in run("--version").stdout


def test_resolves_imports_from_disk_and_writes_a_large_answer_whole() -> None:
    source = 'import "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";'
    paths = ("--base-path", str(ROOT), "--include-path", str(ROOT / "node_modules"), "--allow-paths", f"{ROOT},/tmp")
    done = run("--standard-json", *paths, stdin=request(source, "abi", "evm.bytecode.object", "metadata"))
    assert len(done.stdout) > 1_000_000  # far more than a pipe holds
    answer = json.loads(done.stdout)
    assert errors(answer) == []
    assert any(file.endswith("/ERC20Permit.sol") for file in answer["contracts"])


@pytest.mark.parametrize("attached", [True, False])
def test_reads_a_request_from_a_file(tmp_path: Path, attached: bool) -> None:
    (tmp_path / "Other.sol").write_text("contract Other {}")
    (tmp_path / "request.json").write_text(request('import "Other.sol";', "abi"))
    base = [f"--base-path={tmp_path}"] if attached else ["--base-path", str(tmp_path)]
    answer = json.loads(run(*base, "--standard-json", str(tmp_path / "request.json")).stdout)
    assert errors(answer) == []
    assert answer["contracts"]["Other.sol"] == {"Other": {"abi": []}}


def test_refuses_an_import_that_is_nowhere_or_in_two_places(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "Twice.sol").write_text("contract Twice {}")
    paths = ("--base-path", str(folders[0]), "--include-path", str(folders[1]))
    twice = json.loads(run("--standard-json", *paths, stdin=request('import "Twice.sol";', "abi")).stdout)
    assert "Ambiguous import" in errors(twice)[0]
    nowhere = json.loads(run("--standard-json", *paths, stdin=request('import "Nowhere.sol";', "abi")).stdout)
    assert "File not found" in errors(nowhere)[0]


@pytest.mark.parametrize("arguments", [["--optimise"], [], ["--standard-json", "--base-path"], ["--bin", "x.sol"]])
def test_refuses_what_it_does_not_know(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
