"""scripts/deploy.py on a fresh chain: the file says what stands there, and what is refused leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.chain.deployment import Deployment
from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.rpc import Rpc
from tests.gateway.chain.world import connect
from tests.support.anvil import Anvil, anvil

ROOT = Path(__file__).parents[2]
TREASURY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NOBODY = "0x" + "17" * 20
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with anvil() as node:
        yield node


def deploy(node: Anvil, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As the README says, with the first of anvil's accounts."""
    command = [ROOT / ".venv/bin/ape", "run", "deploy", "--network", node.url, "--account", "TEST::0"]
    return subprocess.run(
        [*command, "--output", output, *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(output.parent)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def view(rpc: Rpc, contract: bytes, function: str) -> bytes:
    call = {"to": to_hex(contract), "data": to_hex(keccak256(function.encode())[:4])}
    return from_hex(rpc.call("eth_call", call, "latest"))


def test_what_is_deployed_is_what_the_file_says(node: Anvil, tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    node.mine(3)
    options = ("--name", "Harbour Points", "--par", "250", "--treasury", TREASURY, "--fee-bps", "150")
    run = deploy(node, file, *options)
    assert run.returncode == 0, run.stdout + run.stderr
    deployment, rpc = Deployment.load(file), connect(node.url)
    deployment.verify(rpc)
    assert (deployment.chain_id, deployment.par, deployment.token_name) == (31_337, 250, "Harbour Points")
    assert deployment.deploy_block == 4
    assert deployment.badges is not None
    assert b"Harbour Points" in view(rpc, deployment.token, "name()")
    assert checksum(view(rpc, deployment.hub, "treasury()")[12:]) == TREASURY
    assert int.from_bytes(view(rpc, deployment.hub, "feeBps()")) == 150
    assert all(checksum(contract) in run.stdout for contract in deployment.contracts)

    head, written = node.rpc("eth_blockNumber"), file.read_text()
    again = deploy(node, file)
    assert (again.returncode, "exists; a deployment is not overwritten" in again.stderr) == (2, True), again.stderr
    assert (node.rpc("eth_blockNumber"), file.read_text()) == (head, written)


def test_an_asset_that_is_no_contract_is_refused(node: Anvil, tmp_path: Path) -> None:
    head = node.rpc("eth_blockNumber")
    run = deploy(node, tmp_path / "deployment.json", "--asset", NOBODY)
    assert (run.returncode, "no contract at" in run.stderr) == (2, True), run.stderr
    assert (node.rpc("eth_blockNumber"), list(tmp_path.glob("*.json"))) == (head, [])


def test_there_is_no_mock_asset_on_a_chain_that_is_not_local(tmp_path: Path) -> None:
    with anvil(chain_id=4_242) as node:
        run = deploy(node, tmp_path / "deployment.json")
        assert (run.returncode, "--asset is missing" in run.stderr) == (2, True), run.stderr
        assert (node.rpc("eth_blockNumber"), list(tmp_path.glob("*.json"))) == ("0x0", [])
