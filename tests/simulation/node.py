"""A simulated node: the JSON-RPC that relayer and indexer use, over a chain that the schedule makes and unmakes.

It knows one contract call, `awardBatch`, whose numbers land once. tests/simulation/test_conformance.py puts the same
questions to it and to anvil.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from gateway.chain.calls import SELECTORS
from gateway.chain.deployment import Deployment
from gateway.chain.errors import REVERTS
from gateway.chain.hexes import from_hex, keccak256, to_hex

GWEI = 10**9
GAS_LIMIT = 30_000_000
CODE = b"\x60\x00"
NAMES = {name: selector for selector, name in REVERTS.items()}
TRANSFER = keccak256(b"Transfer(address,address,uint256)")
LANDED = keccak256(b"AwardLanded(uint256,uint256,uint256)")
TOKEN, HUB, ASSET = b"\x70" * 20, b"\x40" * 20, b"\xa5" * 20
PAR = 100
#: Views that `Deployment.verify` asks for → answer.
VIEWS = {"asset()": ASSET, "par()": PAR.to_bytes(20, "big"), "token()": TOKEN}
VIEW_ANSWERS = {keccak256(name.encode())[:4]: answer.rjust(32, b"\0") for name, answer in VIEWS.items()}
Number = tuple[int, int]


@dataclass(frozen=True)
class Tx:
    """One signed form."""

    hash: bytes
    sender: bytes
    nonce: int
    max_fee: int
    tip: int
    gas: int
    to: bytes
    data: bytes


@dataclass(frozen=True)
class Award:
    """The content of an `awardBatch`."""

    number: Number
    entries: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True)
class Block:
    """`nonces` and `numbers` as they are after it."""

    number: int
    hash: bytes
    time: int
    base_fee: int
    txs: tuple[tuple[Tx, bool], ...]
    nonces: dict[bytes, int]
    numbers: frozenset[Number]

    def logs(self) -> list[dict[str, Any]]:
        """As eth_getLogs gives them."""
        found: list[dict[str, Any]] = []
        paid = 0
        for tx, success in self.txs:
            award = parse_award(tx.data)
            if award is None or not success:
                continue
            paid += 1  # the asset's own log, for which nobody asks
            for holder, amount in award.entries:
                found.append(self._log(paid + len(found), tx, TOKEN, [TRANSFER, bytes(32), word(holder)], amount))
            topics = [LANDED, *(value.to_bytes(32, "big") for value in award.number)]
            total = sum(amount for _, amount in award.entries)
            found.append(self._log(paid + len(found), tx, HUB, topics, total))
        return found

    def _log(self, index: int, tx: Tx, address: bytes, topics: list[bytes], amount: int) -> dict[str, Any]:
        return {
            "address": to_hex(address),
            "topics": [to_hex(topic) for topic in topics],
            "data": to_hex(amount.to_bytes(32, "big")),
            "blockNumber": hex(self.number),
            "blockHash": to_hex(self.hash),
            "blockTimestamp": hex(self.time),
            "transactionHash": to_hex(tx.hash),
            "logIndex": hex(index),
        }


class NodeError(Exception):
    """What the node answers instead of a result."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({"data": data} if data else {})


@dataclass
class SimNode:
    """`blocks` is the canonical chain. Nothing happens but what is asked for: no block, no second by itself."""

    chain_id: int = 31_337
    base_fee: int = GWEI
    now: int = 1_800_000_000
    blocks: list[Block] = field(default_factory=list)
    #: By (sender, nonce).
    pool: dict[tuple[bytes, int], Tx] = field(default_factory=dict)
    balances: dict[bytes, int] = field(default_factory=dict)
    #: Whether what pays less than the base fee leaves the pool (anvil) or waits (geth).
    drops_cheap: bool = True
    #: Transactions that it will never take, and why.
    refuses: Callable[[Tx], str] = lambda tx: ""
    #: Called with the bytes of every transaction that arrives, taken or not.
    heard: Callable[[bytes, Tx], None] = lambda raw, tx: None
    _salt: int = 0

    def __post_init__(self) -> None:
        self._append((), {}, frozenset())

    def deployment(self) -> Deployment:
        code = keccak256(CODE)
        return Deployment(self.chain_id, self.blocks[0].hash, TOKEN, HUB, ASSET, PAR, 1, code, code, "Points")

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    # ------------------------------------------------------------- what happens

    def mine(self, most: int = 10**6) -> Block:
        """A block with at most so many of the pool's transactions: those whose turn it is and that pay the base fee."""
        self.now += 1
        if self.drops_cheap:
            self.pool = {place: tx for place, tx in self.pool.items() if tx.max_fee >= self.base_fee}
        nonces, numbers = dict(self.head.nonces), self.head.numbers
        done: list[tuple[Tx, bool]] = []
        while len(done) < most and (tx := self._next(nonces)) is not None:
            del self.pool[tx.sender, tx.nonce]
            nonces[tx.sender] = tx.nonce + 1
            award = parse_award(tx.data)
            success = award is None or award.number not in numbers
            if award is not None:
                numbers |= {award.number}
            done.append((tx, success))
        return self._append(tuple(done), nonces, numbers)

    def _next(self, nonces: dict[bytes, int]) -> Tx | None:
        for tx in self.pool.values():
            affordable = self.balances.get(tx.sender, 0) >= tx.gas * tx.max_fee
            if tx.nonce == nonces.get(tx.sender, 0) and tx.max_fee >= self.base_fee and affordable:
                return tx
        return None

    def _append(self, txs: tuple[tuple[Tx, bool], ...], nonces: dict[bytes, int], numbers: frozenset[Number]) -> Block:
        self._salt += 1
        parent = self.blocks[-1].hash if self.blocks else b""
        block_hash = hashlib.sha256(parent + self._salt.to_bytes(8, "big")).digest()
        self.blocks.append(Block(len(self.blocks), block_hash, self.now, self.base_fee, txs, nonces, numbers))
        return self.head

    def take_back(self, depth: int, *, replace: bool, to_pool: bool) -> None:
        """The last `depth` blocks never happened. `replace`: empty ones stand in their place; `to_pool`: what was in
        them waits again (anvil forgets it)."""
        depth = min(depth, len(self.blocks) - 2)
        gone = self.blocks[len(self.blocks) - depth :] if depth > 0 else []
        del self.blocks[len(self.blocks) - len(gone) :]
        if to_pool:
            for block in gone:
                for tx, _ in block.txs:
                    self.pool.setdefault((tx.sender, tx.nonce), tx)
        for _ in gone if replace else ():
            self._append((), dict(self.head.nonces), self.head.numbers)

    def use_nonce(self, sender: bytes) -> None:
        """A transaction of somebody else who has the key too."""
        self.now += 1
        nonce = self.head.nonces.get(sender, 0)
        self.pool.pop((sender, nonce), None)
        self._append((), self.head.nonces | {sender: nonce + 1}, self.head.numbers)

    # ------------------------------------------------------------------ answers

    def ask(self, method: str, params: Sequence[Any]) -> Any:
        """The result; raises NodeError."""
        return getattr(self, f"_{method}")(*params)

    def _eth_chainId(self) -> str:
        return hex(self.chain_id)

    def _eth_getCode(self, _address: str, _block: str) -> str:
        return to_hex(CODE)

    def _eth_getBlockByNumber(self, tag: str, _full: bool) -> dict[str, str] | None:
        number = self.head.number if tag == "latest" else int(tag, 16)
        return describe(self.blocks[number]) if number < len(self.blocks) else None

    def _eth_getBlockByHash(self, block_hash: str, _full: bool) -> dict[str, str] | None:
        return next((describe(block) for block in self.blocks if to_hex(block.hash) == block_hash), None)

    def _at(self, tag: str) -> Block:
        if tag in ("latest", "pending"):
            return self.head
        if int(tag, 16) >= len(self.blocks):
            raise NodeError(-32602, f"BlockOutOfRangeError: block height is {self.head.number} but requested was {tag}")
        return self.blocks[int(tag, 16)]

    def _eth_getTransactionCount(self, address: str, tag: str) -> str:
        sender = from_hex(address)
        count = self._at(tag).nonces.get(sender, 0)
        while tag == "pending" and (sender, count) in self.pool:
            count += 1
        return hex(count)

    def _eth_getBalance(self, address: str, _tag: str) -> str:
        return hex(self.balances.get(from_hex(address), 0))

    def _eth_getTransactionReceipt(self, tx_hash: str) -> dict[str, str] | None:
        for block in reversed(self.blocks):
            for tx, success in block.txs:
                if to_hex(tx.hash) == tx_hash:
                    return {
                        "status": hex(int(success)),
                        "blockNumber": hex(block.number),
                        "blockHash": to_hex(block.hash),
                        "transactionHash": tx_hash,
                    }
        return None

    def _eth_getLogs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        return [log for block in self.blocks[first : last + 1] for log in block.logs()]

    def _eth_call(self, call: dict[str, str], tag: str) -> str:
        data = from_hex(call["data"])
        if data[:4] in VIEW_ANSWERS:
            return to_hex(VIEW_ANSWERS[data[:4]])
        award = parse_award(data)
        numbers = set(self._at(tag).numbers)
        if tag == "pending":
            waiting = (parse_award(tx.data) for tx in self.pool.values())
            numbers |= {each.number for each in waiting if each is not None}
        if award is not None and award.number in numbers:
            data = NAMES["NumberTaken"] + award.number[1].to_bytes(32, "big")
            raise NodeError(3, "execution reverted", to_hex(data))
        return "0x"

    def _eth_sendRawTransaction(self, text: str) -> str:
        raw = from_hex(text)
        tx = parse_tx(raw)
        self.heard(raw, tx)
        if why := self.refuses(tx):
            raise NodeError(-32003, why)
        known = self.pool.get((tx.sender, tx.nonce))
        if tx.nonce < self.head.nonces.get(tx.sender, 0):
            raise NodeError(-32003, "nonce too low")
        if known == tx:
            raise NodeError(-32003, "transaction already imported")
        if tx.max_fee < self.base_fee:
            raise NodeError(-32003, "max fee per gas less than block base fee")
        if self.balances.get(tx.sender, 0) < tx.gas * tx.max_fee:
            raise NodeError(-32003, "Insufficient funds for gas * price + value")
        if known is not None and (tx.max_fee * 10 < known.max_fee * 11 or tx.tip * 10 < known.tip * 11):
            raise NodeError(-32003, "replacement transaction underpriced")
        self.pool[tx.sender, tx.nonce] = tx
        return to_hex(tx.hash)


def describe(block: Block) -> dict[str, str]:
    """As eth_getBlockByNumber does."""
    return {
        "number": hex(block.number),
        "hash": to_hex(block.hash),
        "timestamp": hex(block.time),
        "baseFeePerGas": hex(block.base_fee),
        "gasLimit": hex(GAS_LIMIT),
    }


def word(value: bytes) -> bytes:
    return value.rjust(32, b"\0")


@lru_cache(maxsize=100_000)
def parse_tx(raw: bytes) -> Tx:
    """Of an EIP-1559 transaction."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return Tx(
        hash=keccak256(raw),
        sender=from_hex(Account.recover_transaction(raw)),
        nonce=fields["nonce"],
        max_fee=fields["maxFeePerGas"],
        tip=fields["maxPriorityFeePerGas"],
        gas=fields["gas"],
        to=bytes(fields["to"]),
        data=bytes(fields["data"]),
    )


@lru_cache(maxsize=10_000)
def parse_award(data: bytes) -> Award | None:
    """None when it is something else."""
    if data[:4] != SELECTORS["award_batch"]:
        return None
    words = [data[at : at + 32] for at in range(4, len(data), 32)]
    number = int.from_bytes(words[0], "big"), int.from_bytes(words[1], "big")
    return Award(number, tuple((entry[:20], int.from_bytes(entry[20:], "big")) for entry in words[4:]))
