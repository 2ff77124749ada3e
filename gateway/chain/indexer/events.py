"""Logs of the contracts, sliced into the columns of `ChainEvent`. Pure.

Whatever a contract could emit fits its column: a number too large for it (an expiry in the year 30,000, a clock in the
wrong century) is cut to the column's limit instead of stopping the indexer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.chain.deployment import Deployment
from gateway.chain.hexes import from_hex, keccak256
from gateway.chain.indexer.models import EventKind
from gateway.core.limits import FIRST_SECOND, LAST_SECOND, MAX_ID

MAX_UINT96 = 2**96 - 1


class UnknownLog(Exception):
    """A log that no interface knows; the contracts are not what we think they are."""


@dataclass(frozen=True)
class Shape:
    """One event: its number, and which column each argument goes to, indexed ones first. "" is not kept."""

    kind: EventKind
    indexed: tuple[str, ...]
    data: tuple[str, ...] = ()


K = EventKind
CAMPAIGN_HOLDER = ("campaign", "holder")

#: Events of the token by their Solidity signature; None: not recorded.
TOKEN_EVENTS: dict[str, Shape | None] = {
    "Transfer(address,address,uint256)": Shape(K.TRANSFER, ("holder", "counterparty"), ("amount",)),
    "CashedOut(address,address,uint256)": Shape(K.CASHED_OUT, ("holder", "counterparty"), ("amount",)),
    "OrderExecuted(address,uint256)": Shape(K.TOKEN_ORDER, ("holder",), ("nonce",)),
    "OrdersCancelled(address,uint256)": Shape(K.TOKEN_CANCELLED, ("holder",), ("nonce",)),
    "Approval(address,address,uint256)": None,
    "EIP712DomainChanged()": None,
}
#: Events of the hub.
HUB_EVENTS: dict[str, Shape | None] = {
    "CampaignCreated(uint256,address,uint40,uint32,bool,uint40,uint16,bytes32)": Shape(
        K.CAMPAIGN_CREATED, CAMPAIGN_HOLDER, ("", "amount", "extra", "nonce", "", "commitment")
    ),
    "ChangeScheduled(uint256,uint8,uint160,uint40)": Shape(K.CHANGE_SCHEDULED, ("campaign",), ("nonce", "", "extra")),
    "ChangeWithdrawn(uint256)": Shape(K.CHANGE_WITHDRAWN, ("campaign",)),
    "OwnershipOffered(uint256,address)": Shape(K.OWNERSHIP_OFFERED, ("campaign", "counterparty")),
    "OwnershipTransferred(uint256,address,address)": Shape(
        K.OWNERSHIP_TRANSFERRED, ("campaign", "holder", "counterparty")
    ),
    "OperatorSet(uint256,address,uint96)": Shape(K.OPERATOR_SET, ("campaign", "counterparty"), ("amount",)),
    "MerchantInvited(uint256,address)": Shape(K.MERCHANT_INVITED, ("campaign", "counterparty")),
    "MerchantAccepted(uint256,address)": Shape(K.MERCHANT_ACCEPTED, ("campaign", "counterparty")),
    "DelegateSet(address,address,bool)": Shape(K.DELEGATE_SET, ("holder", "counterparty"), ("amount",)),
    "Funded(uint256,address,uint256,uint256,uint256)": Shape(K.FUNDED, CAMPAIGN_HOLDER, ("amount", "extra", "")),
    "Swept(uint256,address,uint256)": Shape(K.SWEPT, CAMPAIGN_HOLDER, ("amount",)),
    "AwardLanded(uint256,uint256,uint256)": Shape(K.AWARD_LANDED, ("campaign", "number"), ("amount",)),
    "ClawbackLanded(uint256,uint256,uint256)": Shape(K.CLAWBACK_LANDED, ("campaign", "number"), ("amount",)),
    "AccountAwarded(uint256,address,uint256)": Shape(K.ACCOUNT_AWARDED, CAMPAIGN_HOLDER, ("amount",)),
    "AccountClawedBack(uint256,address,uint256)": Shape(K.ACCOUNT_CLAWED_BACK, CAMPAIGN_HOLDER, ("amount",)),
    "Entered(uint256,address,uint256,uint256)": Shape(K.ENTERED, CAMPAIGN_HOLDER, ("amount", "extra")),
    "Left(uint256,address,uint256)": Shape(K.LEFT, CAMPAIGN_HOLDER, ("amount",)),
    "Released(uint256,address,uint256)": Shape(K.RELEASED, CAMPAIGN_HOLDER, ("amount",)),
    "Moved(uint256,uint256,address,uint256,uint256)": Shape(
        K.MOVED, ("campaign", "other_campaign", "holder"), ("amount", "extra")
    ),
    "StaySet(uint256,address,bool)": Shape(K.STAY_SET, CAMPAIGN_HOLDER, ("amount",)),
    "Expired(uint256,address,uint256)": Shape(K.EXPIRED, CAMPAIGN_HOLDER, ("amount",)),
    "Redeemed(address,address,uint256,uint256,bytes32,bytes32)": Shape(
        K.REDEEMED, ("holder", "counterparty"), ("amount", "nonce", "offer", "commitment")
    ),
    "Spent(uint256,address,address,uint256,uint256,bytes32,bytes32)": Shape(
        K.SPENT, ("campaign", "holder", "counterparty"), ("amount", "nonce", "offer", "commitment")
    ),
    "OrderExecuted(uint256,address,uint256)": Shape(K.ACCOUNT_ORDER, CAMPAIGN_HOLDER, ("nonce",)),
    "OrdersCancelled(uint256,address,uint256)": Shape(K.ACCOUNT_CANCELLED, CAMPAIGN_HOLDER, ("nonce",)),
    "EIP712DomainChanged()": None,
}
#: Events of the badges.
BADGE_EVENTS: dict[str, Shape | None] = {
    "Transfer(address,address,uint256)": Shape(K.BADGE, ("holder", "counterparty", "number")),
    "Locked(uint256)": None,
    "Approval(address,address,uint256)": None,
    "ApprovalForAll(address,address,bool)": None,
    "EIP712DomainChanged()": None,
}


@dataclass(frozen=True)
class Plan:
    """Where a recorded event's columns lie in topics and data, put together: (name, first byte, end, how to read it).

    Worked out once for each event: with a decoder that goes by types, reading the logs took longer than storing them.
    """

    kind: EventKind
    topics: int
    size: int
    columns: tuple[tuple[str, int, int, Callable[[bytes], Any] | None], ...]

    @classmethod
    def of(cls, shape: Shape) -> Plan:
        names = shape.indexed + shape.data
        places = [(name, 32 * place) for place, name in enumerate(names, 1) if name]
        columns = tuple((n, at + 12 if n in ADDRESSES else at, at + 32, READERS.get(n)) for n, at in places)
        return cls(shape.kind, len(shape.indexed) + 1, 32 * (len(names) + 1), columns)


def columns(log: Mapping[str, Any], deployment: Deployment, block_time: int) -> dict[str, Any] | None:
    """The columns of one log of JSON-RPC (`id` and `orphaned` left out), None for one that is not recorded.

    `block_time` in Unix seconds. Raises UnknownLog.
    """
    topics = log["topics"]
    raw = bytes.fromhex("".join([topic[2:] for topic in topics]) + log["data"][2:])
    known = {deployment.token: TOKEN_TOPICS, deployment.badges: BADGE_TOPICS}.get(from_hex(log["address"]), HUB_TOPICS)
    if not topics or raw[:32] not in known:
        raise UnknownLog
    plan = known[raw[:32]]
    if plan is None:
        return None
    if len(topics) != plan.topics or len(raw) != plan.size:
        raise UnknownLog
    row = EMPTY | {
        "kind": plan.kind,
        "block": int(log["blockNumber"], 16),
        "block_time": clamp_time(block_time),
        "log_index": int(log["logIndex"], 16),
        "tx_hash": from_hex(log["transactionHash"]),
    }
    for name, first, end, read in plan.columns:
        row[name] = read(raw[first:end]) if read else raw[first:end]
    return row


def clamp_time(seconds: int) -> int:
    """A block's time as the columns take it."""
    return min(max(seconds, FIRST_SECOND), LAST_SECOND)


def _amount(word: bytes) -> int:
    return min(int.from_bytes(word), MAX_UINT96)


def _small(word: bytes) -> int:
    return min(int.from_bytes(word), MAX_ID)


#: Columns that are numbers; the others keep the bytes, those of addresses the last 20.
READERS: dict[str, Callable[[bytes], int]] = {
    "campaign": _small,
    "other_campaign": _small,
    "amount": _amount,
    "extra": _amount,
    "nonce": _small,
}
ADDRESSES = frozenset({"holder", "counterparty"})
EMPTY: dict[str, Any] = dict.fromkeys((*READERS, *sorted(ADDRESSES), "number", "offer", "commitment"))


def _by_topic(events: Mapping[str, Shape | None]) -> dict[bytes, Plan | None]:
    return {keccak256(text.encode()): Plan.of(shape) if shape else None for text, shape in events.items()}


TOKEN_TOPICS, HUB_TOPICS, BADGE_TOPICS = map(_by_topic, (TOKEN_EVENTS, HUB_EVENTS, BADGE_EVENTS))
