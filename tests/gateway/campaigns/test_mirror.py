"""Budget, pot and cap follow the chain's events, also backwards."""

from __future__ import annotations

import random

import sqlalchemy as sa

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.core.limits import MAX_SUM
from tests.gateway.campaigns.conftest import OPERATOR, Room


def test_each_event_does_what_the_contract_did(room: Room) -> None:
    number, *_ = room.registered()
    steps = [
        (EventKind.FUNDED, {"amount": 1_000, "extra": 300}, (1_000, 300)),
        (EventKind.AWARD_LANDED, {"amount": 400}, (600, 300)),
        (EventKind.CLAWBACK_LANDED, {"amount": 100}, (700, 300)),
        (EventKind.ENTERED, {"amount": 50, "extra": 20}, (700, 280)),
        (EventKind.EXPIRED, {"amount": 5}, (705, 280)),
    ]
    for block, (kind, values, expected) in enumerate(steps, 1):
        room.apply(room.event(kind, block, campaign=number, **values))
        assert (room.row(number).budget, room.row(number).pot) == expected
    room.apply(room.event(EventKind.MOVED, 9, campaign=number + 1, other_campaign=number, amount=9, extra=80))
    assert room.row(number).pot == 200
    room.apply(room.event(EventKind.MOVED, 9, campaign=number, other_campaign=number + 1, amount=9, extra=80))
    assert room.row(number).pot == 200
    room.apply(room.event(EventKind.SWEPT, 10, campaign=number, amount=905))
    assert (room.row(number).budget, room.row(number).pot) == (0, 0)


def test_only_our_keys_cap_counts(room: Room) -> None:
    number, *_ = room.registered()
    room.apply(room.event(EventKind.OPERATOR_SET, 1, campaign=number, counterparty=bytes(20), amount=5))
    assert room.row(number).daily_cap == 0
    room.apply(room.event(EventKind.OPERATOR_SET, 1, campaign=number, counterparty=OPERATOR, amount=2**96 - 1))
    assert room.row(number).daily_cap == MAX_SUM


def test_an_absurd_budget_is_understated(room: Room) -> None:
    number, *_ = room.registered()
    room.apply(room.event(EventKind.FUNDED, 1, campaign=number, amount=2**96 - 1, extra=2**96 - 1))
    room.apply(room.event(EventKind.AWARD_LANDED, 1, campaign=number, amount=5))
    assert (room.row(number).budget, room.row(number).pot) == (MAX_SUM - 5, MAX_SUM)


def test_an_event_counts_once_however_often_it_is_read(room: Room) -> None:
    number, *_ = room.registered()
    event = room.event(EventKind.FUNDED, 1, campaign=number, amount=10, extra=0)
    room.apply(event)
    room.apply(event)
    assert room.row(number).budget == 10


def test_a_rewind_leaves_what_the_surviving_events_say(room: Room) -> None:
    number, *_ = room.registered()
    chance = random.Random(5)
    expected: list[tuple[int, int]] = []
    for block in range(1, 40):
        amount = chance.randrange(100)
        room.apply(room.event(EventKind.FUNDED, block, campaign=number, amount=amount, extra=0))
        expected.append((block, amount))
        if block % 7 == 0:
            fork = block - chance.randrange(6)
            with room.db.begin() as session:
                gone = sa.update(ChainEvent).where(ChainEvent.block > fork, ChainEvent.kind != EventKind.REWIND)
                session.execute(gone.values(orphaned=True))
            expected = [pair for pair in expected if pair[0] <= fork]
            room.apply(room.event(EventKind.REWIND, fork))
            assert room.row(number).budget == sum(amount for _, amount in expected)
    assert room.row(number).budget == sum(amount for _, amount in expected)
