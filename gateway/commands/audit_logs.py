"""Fetches and decodes every log of the contracts, by their published ABI and without the indexer's help."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from gateway.chain.deployment import Deployment
from gateway.chain.errors import NodeTimeout, RangeTooLarge, RateLimited, UnknownAnswer
from gateway.chain.hexes import from_hex, keccak256, to_hex
from gateway.chain.indexer import events
from gateway.chain.reads import Head, parse_head
from gateway.chain.rpc import Rpc
from gateway.commands.audit_model import Log

#: Blocks asked for at once; less when the node refuses.
SPAN = 10_000
#: Headers asked for at once.
HEADERS = 500
CONTRACTS = {"token": "LoyaltyToken", "hub": "CampaignHub", "badges": "LoyaltyBadges"}

Json = dict[str, Any]
#: Reads one ABI word.
READERS: dict[str, Callable[[bytes], Any]] = {
    "address": lambda word: word[12:],
    "bytes32": lambda word: word,
    "bool": lambda word: word[31] == 1,
}


class ChainMoved(Exception):
    """The chain was reorganised below the audit's block while it was read: ask again."""


class Abi:
    """The events of one contract, by topic."""

    def __init__(self, contract: str) -> None:
        path = resources.files("gateway.chain") / "artifacts" / f"{contract}.json"
        self._events: dict[bytes, tuple[str, list[Json]]] = {}
        for item in json.loads(path.read_text())["abi"]:
            if item["type"] == "event":
                signature = f"{item['name']}({','.join(each['type'] for each in item['inputs'])})"
                self._events[keccak256(signature.encode())] = item["name"], item["inputs"]

    def decode(self, topics: list[bytes], data: bytes) -> tuple[str, dict[str, Any]]:
        """Name and arguments of one log; KeyError for a foreign topic. Every argument of our events is one word."""
        name, inputs = self._events[topics[0]]
        indexed, plain = iter(topics[1:]), iter([data[i : i + 32] for i in range(0, len(data), 32)])
        return name, {each["name"]: _read(each["type"], next(indexed if each["indexed"] else plain)) for each in inputs}


def _read(kind: str, word: bytes) -> Any:
    reader = READERS.get(kind)
    return int.from_bytes(word, "big") if reader is None else reader(word)


@dataclass(frozen=True)
class Logs:
    """Every log twice, in the chain's order: decoded here, and as the rows that the indexer should have kept."""

    decoded: list[Log]
    rows: list[Json]


def fetch(rpc: Rpc, deployment: Deployment, head: Head, progress: Callable[[int], None] = lambda _: None) -> Logs:
    """Every log up to `head`. `progress` is told the last block read. Raises ChainMoved when the blocks change
    meanwhile, ChainErrors when the node cannot be asked."""
    raw = sorted(
        _raw_logs(rpc, deployment, head.number, progress),
        key=lambda row: (_int(row["blockNumber"]), _int(row["logIndex"])),
    )
    times = _times(
        rpc, {_int(row["blockNumber"]): from_hex(row["blockHash"]) for row in raw} | {head.number: head.hash}
    )
    abis = {getattr(deployment, name): (name, Abi(contract)) for name, contract in CONTRACTS.items()}
    logs, kept = [], []
    for row in raw:
        contract, abi = abis[from_hex(row["address"])]
        name, args = abi.decode([from_hex(topic) for topic in row["topics"]], from_hex(row["data"]))
        block = _int(row["blockNumber"])
        logs.append(
            Log(contract, name, args, block, times[block], _int(row["logIndex"]), from_hex(row["transactionHash"]))
        )
        columns = events.columns(row, deployment, times[block])
        if columns is not None:
            kept.append(columns)
    return Logs(logs, kept)


def _raw_logs(rpc: Rpc, deployment: Deployment, last: int, progress: Callable[[int], None]) -> Iterator[Json]:
    start, span = deployment.deploy_block, SPAN
    contracts = [to_hex(contract) for contract in deployment.contracts]
    while start <= last:
        end = min(last, start + span - 1)
        try:
            rows = rpc.call("eth_getLogs", {"address": contracts, "fromBlock": hex(start), "toBlock": hex(end)})
        except RateLimited as error:
            time.sleep(error.delay)
            continue
        except (RangeTooLarge, NodeTimeout, UnknownAnswer):
            if span == 1:
                raise
            span = max(1, span // 4)
            continue
        yield from rows
        progress(end)
        start = end + 1


def _times(rpc: Rpc, blocks: dict[int, bytes]) -> dict[int, int]:
    """The time of each block, whose hash must be as given."""
    numbers = sorted(blocks)
    times = {}
    for start in range(0, len(numbers), HEADERS):
        chunk = numbers[start : start + HEADERS]
        answers = rpc.strict_batch([("eth_getBlockByNumber", [hex(number), False]) for number in chunk])
        for number, answer in zip(chunk, answers, strict=True):
            head = parse_head(answer)
            if head.hash != blocks[number]:
                raise ChainMoved
            times[number] = head.time
    return times


def _int(text: str) -> int:
    return int(text, 16)
