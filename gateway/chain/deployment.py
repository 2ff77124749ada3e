"""Which contracts on which chain, and the proof that a node is on that chain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.chain.errors import ChainError, Malformed, NotANode, Reverted
from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.rpc import Rpc
from gateway.chain.typed_data import Domains


class WrongDeployment(Exception):
    """The node is not on the chain of the deployment file, or other contracts stand there; the text says which."""


@dataclass(frozen=True)
class Deployment:
    """As the deployment file says. Addresses are 20 bytes, hashes 32; `par` is asset units per hundredth of a point;
    no event of the contracts is in a block before `deploy_block`. `badges` may be missing: deployments from before
    there were any work without."""

    chain_id: int
    genesis_hash: bytes
    token: bytes
    hub: bytes
    asset: bytes
    par: int
    deploy_block: int
    token_code_hash: bytes
    hub_code_hash: bytes
    token_name: str
    badges: bytes | None = None
    badges_code_hash: bytes | None = None

    @property
    def domains(self) -> Domains:
        """The orders that holders of this deployment sign."""
        return Domains(self.chain_id, self.token, self.hub, self.token_name, self.badges)

    @property
    def contracts(self) -> tuple[bytes, ...]:
        """Those whose events are read."""
        return (self.token, self.hub) if self.badges is None else (self.token, self.hub, self.badges)

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Reads a deployment file; WrongDeployment when it is missing or not one."""
        try:
            content = json.loads(path.read_text())
            return cls(
                chain_id=int(content["chainId"]),
                genesis_hash=_bytes(content, "genesisHash", 32),
                token=_bytes(content, "token", 20),
                hub=_bytes(content, "hub", 20),
                asset=_bytes(content, "asset", 20),
                par=int(content["par"]),
                deploy_block=int(content["deployBlock"]),
                token_code_hash=_bytes(content, "tokenCodeHash", 32),
                hub_code_hash=_bytes(content, "hubCodeHash", 32),
                token_name=str(content["tokenName"]),
                badges=_bytes(content, "badges", 20) if "badges" in content else None,
                badges_code_hash=_bytes(content, "badgesCodeHash", 32) if "badges" in content else None,
            )
        except OSError:
            raise WrongDeployment(f"{path.name} cannot be read") from None
        except (ValueError, KeyError, TypeError) as error:
            raise WrongDeployment(f"{path.name} is no deployment file: {error}") from None

    def save(self, path: Path) -> None:
        """Writes the deployment file."""
        content = {
            "chainId": self.chain_id,
            "genesisHash": to_hex(self.genesis_hash),
            "token": checksum(self.token),
            "hub": checksum(self.hub),
            "asset": checksum(self.asset),
            "par": self.par,
            "deployBlock": self.deploy_block,
            "tokenCodeHash": to_hex(self.token_code_hash),
            "hubCodeHash": to_hex(self.hub_code_hash),
            "tokenName": self.token_name,
        }
        if self.badges is not None and self.badges_code_hash is not None:
            content |= {"badges": checksum(self.badges), "badgesCodeHash": to_hex(self.badges_code_hash)}
        # All or nothing: half a file would be the end of what was deployed.
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps(content, indent=2) + "\n")
        draft.replace(path)

    def verify(self, rpc: Rpc) -> None:
        """Raises WrongDeployment when the node is on another chain or other code stands at the addresses; ChainError
        when it cannot be asked, NotANode among them."""
        chain_id, genesis, token_code, hub_code = answers = rpc.batch(
            [
                ("eth_chainId", []),
                ("eth_getBlockByNumber", ["0x0", False]),
                ("eth_getCode", [to_hex(self.token), "latest"]),
                ("eth_getCode", [to_hex(self.hub), "latest"]),
            ]
        )
        if isinstance(chain_id, Malformed):  # every Ethereum node knows the question
            raise NotANode
        for answer in answers:
            if isinstance(answer, ChainError):
                raise answer
        number = _number(chain_id)
        if number != self.chain_id:
            raise WrongDeployment(f"chain id: the node says {number}, the file {self.chain_id}")
        if genesis is None or from_hex(genesis["hash"]) != self.genesis_hash:
            raise WrongDeployment("genesis hash: another chain with the same id")
        for name, code, expected in (
            ("token", from_hex(token_code), self.token_code_hash),
            ("hub", from_hex(hub_code), self.hub_code_hash),
        ):
            if not code:
                raise WrongDeployment(f"{name}: no code at its address")
            if keccak256(code) != expected:
                raise WrongDeployment(f"{name}: other code at its address")
        self._verify_links(rpc)
        self._verify_badges(rpc)

    def _verify_links(self, rpc: Rpc) -> None:
        try:
            tokens_asset = rpc.call("eth_call", _view(self.token, "asset()"), "latest")
            tokens_par = rpc.call("eth_call", _view(self.token, "par()"), "latest")
            hubs_token = rpc.call("eth_call", _view(self.hub, "token()"), "latest")
        except Reverted:
            raise WrongDeployment("the contracts are of another kind") from None
        if from_hex(hubs_token)[12:] != self.token:
            raise WrongDeployment("hub: belongs to another token")
        if from_hex(tokens_asset)[12:] != self.asset:
            raise WrongDeployment("token: has another asset")
        if int(tokens_par, 16) != self.par:
            raise WrongDeployment("token: has another par")

    def _verify_badges(self, rpc: Rpc) -> None:
        if self.badges is None:
            return
        code = from_hex(rpc.call("eth_getCode", to_hex(self.badges), "latest"))
        if keccak256(code) != self.badges_code_hash:
            raise WrongDeployment("badges: other code at its address" if code else "badges: no code at its address")
        if from_hex(rpc.call("eth_call", _view(self.badges, "hub()"), "latest"))[12:] != self.hub:
            raise WrongDeployment("badges: belong to another hub")


def _view(contract: bytes, function: str) -> dict[str, str]:
    return {"to": to_hex(contract), "data": to_hex(keccak256(function.encode())[:4])}


def _number(chain_id: Any) -> int:
    try:
        return int(chain_id, 16)
    except (TypeError, ValueError):
        raise NotANode from None


def _bytes(content: dict[str, Any], key: str, size: int) -> bytes:
    value = from_hex(content[key])
    if len(value) != size:
        raise ValueError(f"{key} is not {size} bytes")
    return value
