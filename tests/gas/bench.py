"""A fresh chain on which whole transactions are measured, always with the same addresses, so that figures repeat."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from tests.support.anvil import CHAIN_ID, Anvil, anvil

DAY = 86_400
#: The chain's first second: a fixed one, in the middle of a UTC day and of a hold period.
START = 1_800_000_000
#: A deadline that never passes, in seconds.
FAR = 2**40 - 1
#: Most gas of a transaction (EIP-7825). anvil does not enforce it.
TRANSACTION_CAP = 2**24
#: Entries, and orders or holders, in one transaction.
AWARD_SIZES = (1, 10, 100, 500)
ORDER_SIZES = (1, 10, 50)

Artifact = dict[str, Any]
#: Gas of the whole transaction by what it does and by how many entries it has.
Figures = dict[str, dict[int, int]]


@dataclass
class Contract:
    address: str
    abi: list[dict[str, Any]]

    def data(self, function: str, *values: Any) -> bytes:
        (abi,) = (item for item in self.abi if item["type"] == "function" and item["name"] == function)
        types = [collapse_if_tuple(item) for item in abi["inputs"]]
        return bytes(keccak(text=f"{function}({','.join(types)})"))[:4] + encode(types, values)


@dataclass
class Bench:
    node: Anvil
    people: list[str]

    def send(self, sender: str, data: bytes, to: str | None = None) -> dict[str, Any]:
        transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(TRANSACTION_CAP)}
        digest = self.node.rpc("eth_sendTransaction", transaction | ({"to": to} if to else {}))
        while (receipt := self.node.rpc("eth_getTransactionReceipt", digest)) is None:
            time.sleep(0.01)
        assert isinstance(receipt, dict)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"refused: 0x{data[:4].hex()}… to {to}")
        return receipt

    def deploy(self, artifact: Artifact, *values: Any) -> Contract:
        inputs = [item["inputs"] for item in artifact["abi"] if item["type"] == "constructor"]
        arguments = encode([item["type"] for item in inputs[0]], values) if inputs else b""
        receipt = self.send(self.people[0], bytes.fromhex(artifact["bytecode"][2:]) + arguments)
        return Contract(receipt["contractAddress"], artifact["abi"])

    def gas(self, sender: str, contract: Contract, function: str, *values: Any) -> int:
        """Gas of a whole transaction that must succeed."""
        return int(self.send(sender, contract.data(function, *values), contract.address)["gasUsed"], 16)

    @property
    def now(self) -> int:
        block = self.node.rpc("eth_getBlockByNumber", "latest", False)
        assert isinstance(block, dict)
        return int(block["timestamp"], 16)


@contextmanager
def bench() -> Iterator[Bench]:
    with anvil("--timestamp", str(START)) as node:
        people = node.rpc("eth_accounts")
        assert isinstance(people, list)
        yield Bench(node, people)


# ---------------------------------------------------------------- ingredients


def holders(tag: str, count: int) -> list[str]:
    """Addresses that nobody has the keys of."""
    return ["0x" + keccak(text=f"{tag} {number}")[-20:].hex() for number in range(count)]


def signers(tag: str, count: int) -> list[LocalAccount]:
    return [Account.from_key(keccak(text=f"{tag} {number}")) for number in range(count)]


def amounts(count: int) -> list[int]:
    """Hundredths of a point, two bytes each as most awards are."""
    return [1_000 + number for number in range(count)]


def packed(to: Sequence[str]) -> list[bytes]:
    """Entries of `amounts`: 20 bytes of address, then 12 bytes of amount."""
    return [
        bytes.fromhex(holder[2:]) + amount.to_bytes(12, "big")
        for holder, amount in zip(to, amounts(len(to)), strict=True)
    ]


def sign(
    signer: LocalAccount, contract: Contract, name: str, types: dict[str, str], message: dict[str, Any]
) -> tuple[bytes, bytes, bytes]:
    """EIP-712 signature in the domain of `contract`, version 1: r, vs (ERC-2098), and all 65 bytes.

    `types` are written as in Solidity, the first is the signed one: {"Stay": "address holder, bool stay"}.
    """
    fields = {
        kind: [dict(zip(("type", "name"), field.split(), strict=True)) for field in text.split(", ")]
        for kind, text in types.items()
    }
    domain = {"name": name, "version": "1", "chainId": CHAIN_ID, "verifyingContract": contract.address}
    signed = signer.sign_typed_data(domain, fields, message)
    r, s = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    vs = (signed.s | (signed.v - 27) << 255).to_bytes(32, "big")
    return r, vs, r + s + bytes([signed.v])
