"""A deployment of its own on a local chain, for trying out and for tests: the committed artifacts and a mock asset."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from gateway.chain import calls
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import from_hex, keccak256, to_hex
from gateway.chain.rpc import Rpc
from gateway.chain.sender import Sender

ETHER = 10**18
#: One point, of two decimals, for one cent of an asset of six decimals.
DEFAULT_PAR = 100


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The committed build of one of the contracts or of MockUSDC: abi, bytecode and more."""
    text = resources.files("gateway.chain").joinpath("artifacts", f"{contract}.json").read_text()
    content: dict[str, Any] = json.loads(text)
    return content


def deploy(
    rpc: Rpc,
    key: bytes,
    *,
    name: str = "Loyalty Points",
    symbol: str = "PTS",
    par: int = DEFAULT_PAR,
    treasury: bytes | None = None,
    fee_bps: int = 0,
) -> Deployment:
    """Deploys mock asset, token, hub and badges from the key's account, which needs gas (see `fund_gas`).

    `name` up to 31 bytes; `par` in asset units per hundredth of a point; `treasury` gets `fee_bps` basis points of what
    is funded, by default the deploying account.
    """
    chain_id = int(rpc.call("eth_chainId"), 16)
    sender = Sender(rpc, key, chain_id)
    first_block = int(rpc.call("eth_blockNumber"), 16) + 1
    asset = _create(sender, "MockUSDC", b"")
    token = _create(sender, "LoyaltyToken", _token_arguments(name, symbol, asset, par))
    hub = _create(sender, "CampaignHub", _words(token, treasury or sender.address, fee_bps))
    badges = _create(sender, "LoyaltyBadges", _words(hub))
    genesis, token_code, hub_code, badges_code = rpc.strict_batch(
        [
            ("eth_getBlockByNumber", ["0x0", False]),
            ("eth_getCode", [to_hex(token), "latest"]),
            ("eth_getCode", [to_hex(hub), "latest"]),
            ("eth_getCode", [to_hex(badges), "latest"]),
        ]
    )
    return Deployment(
        chain_id=chain_id,
        genesis_hash=from_hex(genesis["hash"]),
        token=token,
        hub=hub,
        asset=asset,
        par=par,
        deploy_block=first_block,
        token_code_hash=keccak256(from_hex(token_code)),
        hub_code_hash=keccak256(from_hex(hub_code)),
        token_name=name,
        badges=badges,
        badges_code_hash=keccak256(from_hex(badges_code)),
    )


def fund_gas(rpc: Rpc, address: bytes, wei: int = 100 * ETHER) -> None:
    """Sets an account's balance on anvil."""
    rpc.call("anvil_setBalance", to_hex(address), hex(wei))


def give_asset(rpc: Rpc, key: bytes, deployment: Deployment, units: int) -> None:
    """Gives the key's account `units` of the mock asset and lets the hub take them."""
    sender = Sender(rpc, key, deployment.chain_id)
    sender.send(deployment.asset, calls.mint(sender.address, units))
    sender.send(deployment.asset, calls.approve(deployment.hub))


def _create(sender: Sender, contract: str, arguments: bytes) -> bytes:
    receipt = sender.send(None, from_hex(artifact(contract)["bytecode"]) + arguments)
    return from_hex(receipt["contractAddress"])


def _token_arguments(name: str, symbol: str, asset: bytes, par: int) -> bytes:
    texts = [name.encode(), symbol.encode()]
    if any(len(text) > 31 for text in texts):
        raise ValueError("name and symbol have at most 31 bytes")
    return _words(128, 192, asset, par) + b"".join(_words(len(text)) + text.ljust(32, b"\0") for text in texts)


def _words(*values: bytes | int) -> bytes:
    return b"".join(v.rjust(32, b"\0") if isinstance(v, bytes) else v.to_bytes(32, "big") for v in values)
