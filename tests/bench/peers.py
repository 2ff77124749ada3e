"""What a Python user would pick instead: one mint a transaction, of OpenZeppelin's token, on the same node."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncWeb3, HTTPProvider, Web3

from tests.bench import world
from tests.bench.ours import Size
from tests.gas.others import compiled
from tests.support.anvil import anvil

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
IN_FLIGHT = 100
NAIVE = "web3.py and wait"
#: The one that Ape takes for a local chain.
CHAIN_ID = 1337


def measure(size: Size) -> dict[str, float]:
    """Mints a second; the node makes a block for each transaction, but for the last, which gets blocks of a second."""
    count = _count(size)
    artifact = compiled()["OzPoints"]
    found = {}
    with _token(artifact) as (url, token):
        found[NAIVE] = _naive(url, token, size)
        found["web3.py, asynchronous"] = world.median(
            [asyncio.run(_asynchronous(url, token, count * 5)) for _ in range(size.runs + 1)][1:]
        )
        if (ape := _ape(url, token, count)) is not None:
            found["Ape"] = ape
    with _token(artifact) as (url, token):
        Web3(HTTPProvider(url)).provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
        Web3(HTTPProvider(url)).provider.make_request("evm_setIntervalMining", [1])  # type: ignore[arg-type]
        found["web3.py and wait, blocks of a second"] = _waiting(url, token, 5)
    return found


def naive(size: Size) -> float:
    """Of these the one that the marks are held against, again: the machine is not always as fast, and a run is long."""
    with _token(compiled()["OzPoints"]) as (url, token):
        return _naive(url, token, size)


def _naive(url: str, token: Any, size: Size) -> float:
    return world.median([_waiting(url, token, _count(size)) for _ in range(size.runs + 1)][1:])


def _count(size: Size) -> int:
    return max(20, size.singles // 150)


@contextmanager
def _token(artifact: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    with anvil(chain_id=CHAIN_ID) as node:
        w3 = Web3(HTTPProvider(node.url))
        account = Account.from_key(KEY)
        factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        receipt = w3.eth.wait_for_transaction_receipt(factory.constructor().transact({"from": account.address}))
        yield node.url, (receipt["contractAddress"], artifact["abi"])


def _waiting(url: str, token: Any, count: int) -> float:
    """As the documentation shows it: build, sign, send, wait."""
    w3, account = Web3(HTTPProvider(url)), Account.from_key(KEY)
    contract = w3.eth.contract(address=token[0], abi=token[1])
    started = time.monotonic()
    for _ in range(count):
        to = w3.to_checksum_address(secrets.token_bytes(20))
        transaction = contract.functions.mint(to, 1_000).build_transaction(
            {"from": account.address, "nonce": w3.eth.get_transaction_count(account.address)}
        )
        signed = account.sign_transaction(transaction)
        w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.005)
    return count / (time.monotonic() - started)


async def _asynchronous(url: str, token: Any, count: int) -> float:
    """Signed here with nonces counted here, gas and fees given, many in flight."""
    w3, account = AsyncWeb3(AsyncHTTPProvider(url)), Account.from_key(KEY)
    contract = w3.eth.contract(address=token[0], abi=token[1])
    first, limit = await w3.eth.get_transaction_count(account.address), asyncio.Semaphore(IN_FLIGHT)

    async def mint(nonce: int) -> None:
        async with limit:
            to = w3.to_checksum_address(secrets.token_bytes(20))
            transaction = await contract.functions.mint(to, 1_000).build_transaction(
                {
                    "from": account.address,
                    "nonce": nonce,
                    "gas": 80_000,
                    "chainId": CHAIN_ID,
                    "maxFeePerGas": w3.to_wei(100, "gwei"),
                    "maxPriorityFeePerGas": w3.to_wei(1, "gwei"),
                }
            )
            signed = account.sign_transaction(transaction)
            sent = await w3.eth.send_raw_transaction(signed.raw_transaction)
            await w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)

    started = time.monotonic()
    await asyncio.gather(*(mint(first + number) for number in range(count)))
    seconds = time.monotonic() - started
    await w3.provider.disconnect()
    return count / seconds


def _ape(url: str, token: Any, count: int) -> float | None:
    """In a process of its own, because Ape takes over what it is imported into; None where it is not installed."""
    command = [sys.executable, "-m", "tests.bench.ape_peer", url, token[0], str(count)]
    ended = subprocess.run(command, cwd=world.ROOT, capture_output=True, text=True, timeout=300)
    if ended.returncode:
        print(f"no figure of Ape: {ended.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return float(ended.stdout.strip().splitlines()[-1])
