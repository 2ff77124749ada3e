"""What our keys have sent, read back from the chain: who sent a transaction, and what its calldata says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.chain.calls import SELECTORS, OrderData
from gateway.chain.errors import ChainError
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.rpc import Rpc

WORD = 32
ORDER = 9  # words


@dataclass(frozen=True)
class Sent:
    """A mined transaction. Addresses of 20 bytes; `to` is empty where a contract was created."""

    sender: bytes
    to: bytes
    data: bytes


@dataclass(frozen=True)
class SentBatch:
    """An award or clawback batch: (holder, hundredths) as it was asked for."""

    award: bool
    campaign: int
    number: int
    entries: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True)
class SentOrders:
    """Holders' orders on wallet points (`campaign` 0) or an account, paid to `merchant`."""

    campaign: int
    merchant: bytes
    orders: tuple[OrderData, ...]


def fetch(rpc: Rpc, hashes: Sequence[bytes]) -> list[Sent | None]:
    """The transactions with these hashes, None where the node does not have one. Raises ChainErrors."""
    answers = rpc.batch([("eth_getTransactionByHash", [to_hex(each)]) for each in hashes])
    found: list[Sent | None] = []
    for answer in answers:
        if isinstance(answer, ChainError):
            raise answer
        if answer is None:
            found.append(None)
            continue
        to = from_hex(answer["to"]) if answer.get("to") else b""
        found.append(Sent(from_hex(answer["from"]), to, from_hex(answer["input"])))
    return found


def batch(data: bytes) -> SentBatch | None:
    """What `calls.award_batch` or `calls.clawback_batch` packed; None for anything else."""
    award = data[:4] == SELECTORS["award_batch"]
    if not award and data[:4] != SELECTORS["clawback_batch"]:
        return None
    words = _words(data)
    if words is None or len(words) < 4 or _int(words[3]) != len(words) - 4:
        return None
    entries = tuple((word[:20], _int(word[20:])) for word in words[4:])
    return SentBatch(award, _int(words[0]), _int(words[1]), entries)


def orders(data: bytes) -> SentOrders | None:
    """What `calls.redeem_batch` or `calls.spend_batch` packed; None for anything else."""
    spend = data[:4] == SELECTORS["spend_batch"]
    if not spend and data[:4] != SELECTORS["redeem_batch"]:
        return None
    words, head = _words(data), 4 if spend else 3
    if words is None or len(words) < head or _int(words[head - 1]) * ORDER != len(words) - head:
        return None
    campaign = _int(words[0]) if spend else 0
    parts = [words[start : start + ORDER] for start in range(head, len(words), ORDER)]
    return SentOrders(campaign, words[head - 3][12:], tuple(map(_order, parts)))


def _order(words: Sequence[bytes]) -> OrderData:
    holder, amount, offer, seal_key, nonce, deadline, commitment, r, vs = words
    return OrderData(holder[12:], _int(amount), offer, seal_key, _int(nonce), _int(deadline), commitment, r, vs)


def _words(data: bytes) -> list[bytes] | None:
    body = data[4:]
    return None if len(body) % WORD else [body[start : start + WORD] for start in range(0, len(body), WORD)]


def _int(word: bytes) -> int:
    return int.from_bytes(word, "big")
