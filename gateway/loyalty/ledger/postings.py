"""What one chain event changes: whose holding by how much, and which public totals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.identity.wallets.addresses import NOBODY
from gateway.loyalty.ledger import maturity
from gateway.loyalty.ledger.maturity import Short, Slot
from gateway.loyalty.ledger.models import Measure

#: As a campaign number: the wallets.
WALLETS = 0

T = TypeVar("T")


class Posting(NamedTuple):
    """One entry of one holding (hundredths of a point). Both amounts are 0 where an event only tells of a change."""

    holder: bytes
    campaign: int
    credit: int = 0
    debit: int = 0
    stay: bool | None = None


class Measured(NamedTuple):
    """What one event adds to one public total."""

    campaign: int
    measure: Measure
    points: int
    party: bytes = NOBODY


def of_kind(events: Sequence[ChainEvent], kind: EventKind) -> list[ChainEvent]:
    """Those of one kind, in order."""
    return [event for event in events if event.kind == kind]


def postings(event: ChainEvent) -> list[Posting]:
    """The entries of one event; every one that `measured` counts has at least one. ValueError: a column is empty."""
    if event.kind == EventKind.TRANSFER:  # nearly all of them
        return _transfer(_given(event.holder), _given(event.counterparty), _given(event.amount))
    if event.kind not in POSTED:
        return []
    campaign, amount = _campaign(event), _given(event.amount)
    match event.kind:
        case EventKind.ACCOUNT_AWARDED:
            return [Posting(_given(event.holder), campaign, credit=amount)]
        case EventKind.ENTERED:
            return [Posting(_given(event.holder), campaign, credit=amount + _given(event.extra))]
        case EventKind.MOVED:
            return [
                Posting(_given(event.holder), campaign, debit=amount),
                Posting(_given(event.holder), _given(event.other_campaign), credit=amount + _given(event.extra)),
            ]
        case EventKind.STAY_SET:
            return [Posting(_given(event.holder), campaign, stay=amount != 0)]
        case EventKind.REDEEMED | EventKind.CASHED_OUT:  # the points themselves are in Transfers
            return [Posting(_given(event.holder), WALLETS)]
        case EventKind.AWARD_LANDED | EventKind.CLAWBACK_LANDED:
            return [Posting(NOBODY, campaign)]
    return [Posting(_given(event.holder), campaign, debit=amount)]


def _transfer(holder: bytes, to: bytes, amount: int) -> list[Posting]:
    pair = [] if holder == NOBODY or not amount else [Posting(holder, WALLETS, debit=amount)]
    return pair if to == NOBODY or not amount else [*pair, Posting(to, WALLETS, credit=amount)]


def post(slot: Slot, kind: EventKind, credit: int, debit: int, at: int, hold: int) -> Slot:
    """The holding after one entry in a block of time `at`; Short when it cannot have happened to this holding."""
    slot = maturity.roll(slot, at, hold)
    match kind:
        case EventKind.ACCOUNT_AWARDED:
            return maturity.award(slot, credit, hold)
        case EventKind.ACCOUNT_CLAWED_BACK:
            slot, taken = maturity.claw(slot, debit)
            if taken != debit:
                raise Short
            return slot
        case EventKind.EXPIRED:
            return maturity.clear(slot, debit)
    return maturity.credit(maturity.take(slot, debit), credit)


def measured(event: ChainEvent) -> list[Measured]:
    """What one event adds to the public totals."""
    if event.kind == EventKind.TRANSFER:
        return _supply(event, _given(event.amount))
    if event.kind not in POSTED or event.kind in (EventKind.ACCOUNT_AWARDED, EventKind.ACCOUNT_CLAWED_BACK):
        return []  # those two are counted by their batch
    campaign, amount = _campaign(event), _given(event.amount)
    match event.kind:
        case EventKind.ENTERED:
            return [
                Measured(campaign, Measure.ENTERED, amount),
                Measured(campaign, Measure.BONUS, _given(event.extra)),
            ]
        case EventKind.MOVED:
            target = _given(event.other_campaign)
            return [
                Measured(campaign, Measure.MOVED_OUT, amount),
                Measured(target, Measure.MOVED_IN, amount),
                Measured(target, Measure.BONUS, _given(event.extra)),
            ]
        case EventKind.REDEEMED | EventKind.SPENT:
            return [Measured(campaign, Measure.REDEEMED, amount, _given(event.counterparty))]
    measure = SIMPLE.get(event.kind)
    return [] if measure is None else [Measured(campaign, measure, amount)]


def _supply(event: ChainEvent, amount: int) -> list[Measured]:
    supply = []
    if event.holder == NOBODY:
        supply.append(Measured(WALLETS, Measure.MINTED, amount))
    if event.counterparty == NOBODY:
        supply.append(Measured(WALLETS, Measure.BURNED, amount))
    return supply


def _campaign(event: ChainEvent) -> int:
    return WALLETS if event.kind in OF_WALLETS else _given(event.campaign)


def _given(value: T | None) -> T:
    if value is None:
        raise ValueError("a chain event lacks a column")
    return value


OF_WALLETS = frozenset({EventKind.TRANSFER, EventKind.CASHED_OUT, EventKind.REDEEMED})
SIMPLE = {
    EventKind.CASHED_OUT: Measure.CASHED_OUT,
    EventKind.AWARD_LANDED: Measure.AWARDED,
    EventKind.CLAWBACK_LANDED: Measure.CLAWED_BACK,
    EventKind.LEFT: Measure.LEFT,
    EventKind.RELEASED: Measure.LEFT,
    EventKind.EXPIRED: Measure.EXPIRED,
}
POSTED = frozenset(
    {
        EventKind.TRANSFER,
        EventKind.ACCOUNT_AWARDED,
        EventKind.ACCOUNT_CLAWED_BACK,
        EventKind.ENTERED,
        EventKind.MOVED,
        EventKind.STAY_SET,
        EventKind.REDEEMED,
        EventKind.SPENT,
        *SIMPLE,
    }
)
