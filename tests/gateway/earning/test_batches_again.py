"""Batches that were refused, lost, reorganised away or met another one: sent again unchanged, and each landed once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.relayer.models import ChainTx, TxState
from gateway.core.limits import MAX_ID
from gateway.loyalty.earning.landing import STUCK_AFTER, WAIT_FOR_INDEXER
from gateway.loyalty.earning.models import BatchState, StrayBatch
from tests.gateway.earning.conftest import Room, address, batches, transactions
from tests.support.checks import checks


def stuck(room: Room) -> tuple[bool, int | None]:
    """What the health page says about batches."""
    finding = checks(room.db, room.clock).batches()
    return finding.ok, finding.value


def test_a_refused_batch_is_sent_again_with_the_same_number_and_content(room: Room) -> None:
    room.campaign()
    room.buy(5, 100)
    room.hub.refuse = True
    room.settle()
    for turn in range(1, STUCK_AFTER + 1):
        room.fail_refused()
        room.fail_refused()  # told twice
        assert batches(room)[0].refusals == turn
        assert room.landing.resend_due() == 0  # not before its time
        room.clock.offset += 3_600
        assert room.landing.resend_due() == 1
        assert room.landing.resend_due() == 0
        room.hub.mine()
    assert stuck(room) == (False, 1)
    room.hub.refuse = False
    room.fail_refused()
    room.clock.offset += 3_600
    room.landing.resend_due()
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(5)): 100}
    assert len({tx.data for tx in transactions(room)}) == 1
    assert stuck(room) == (True, 0)
    room.check()


def test_the_pause_between_attempts_grows(room: Room) -> None:
    room.campaign()
    room.buy(5, 100)
    room.hub.refuse = True
    room.settle()
    pauses = []
    for _ in range(6):
        room.fail_refused()
        retry_at = batches(room)[0].retry_at
        assert retry_at is not None
        pauses.append(round((retry_at - room.clock.now()) / 15) * 15)
        room.clock.offset += 3_600
        room.landing.resend_due()
        room.hub.mine()
    assert pauses == [15, 30, 60, 120, 240, 480]


def test_a_batch_that_landed_though_refused_waits_for_the_indexer(room: Room) -> None:
    room.campaign()
    room.buy(5, 100)
    room.settler.settle_due()
    room.hub.mine(tell=False)  # landed, and not yet at depth
    with room.db.begin() as session:
        tx = session.scalars(sa.select(ChainTx)).one()
        tx.state = TxState.REVERTED
        room.landing.on_tx_failed(session, tx.id)
    room.clock.offset += 60
    assert room.landing.resend_due() == 0
    assert len(transactions(room)) == 1


def test_a_campaign_that_a_reorganisation_took_away_keeps_no_other_waiting(room: Room) -> None:
    for campaign in (1, 2):
        room.campaign(campaign)
        room.buy(5, 100, campaign=campaign)
    room.hub.refuse = True
    room.settle()
    room.fail_refused()
    room.clock.offset += 60
    room.hub.refuse, room.hub.gone = False, {1}
    assert room.landing.resend_due() == 1
    assert room.landing.resend_due() == 0
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(2, address(5)): 100}
    room.hub.gone.clear()
    room.clock.offset += WAIT_FOR_INDEXER
    assert room.landing.resend_due() == 1
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(5)): 100, (2, address(5)): 100}
    room.check()


def test_a_batch_whose_event_does_not_come_is_told_of_and_not_sent_twice(room: Room) -> None:
    """A node left it out of its logs; the relayer saw it land."""
    room.campaign()
    room.buy(5, 100)
    room.settler.settle_due()
    room.hub.mine(tell=False)
    for _ in range(STUCK_AFTER):
        assert stuck(room)[0]
        room.clock.offset += WAIT_FOR_INDEXER
        assert room.landing.resend_due() == 0
    assert stuck(room) == (False, 1)
    assert len(transactions(room)) == 1


def test_a_batch_of_which_nothing_is_heard_is_sent_again(room: Room) -> None:
    """Its transaction failed, and the word of it was lost."""
    room.campaign()
    room.buy(5, 100)
    room.hub.refuse = True
    room.settle()
    room.hub.refuse = False
    room.clock.offset += WAIT_FOR_INDEXER - 1
    assert room.landing.resend_due() == 0
    room.clock.offset += 1
    assert room.landing.resend_due() == 1
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(5)): 100}
    room.check()


def test_a_late_word_about_an_old_transaction_sends_nothing_twice(room: Room) -> None:
    room.campaign()
    room.buy(5, 100)
    room.hub.refuse = True
    room.settle()
    room.fail_refused()
    room.clock.offset += 60
    room.landing.resend_due()
    room.fail_refused()  # the first one's event comes again while the second is under way
    assert batches(room)[0].retry_at is None
    room.clock.offset += 3_600
    assert room.landing.resend_due() == 0
    assert len(transactions(room)) == 2


def test_a_reorganisation_puts_a_batch_back_on_its_way(room: Room) -> None:
    room.campaign(hold=5)
    action = room.buy(5, 100)
    room.settle()
    first = room.hub.block
    room.buy(6, 50)
    room.refund(action, amount=30)
    room.settle()
    assert room.hub.given == {(1, address(5)): 70, (1, address(6)): 50}
    room.check()
    room.hub.rewind(first)
    room.drain()
    assert [batch.state for batch in batches(room)] == [BatchState.LANDED, BatchState.QUEUED, BatchState.QUEUED]
    assert room.row().reserved == 50
    room.check()
    room.clock.offset += 60
    assert room.landing.resend_due() == 1  # the award alone: what has not landed cannot be taken back
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(5)): 100, (1, address(6)): 50}
    room.clock.offset += 60
    assert room.landing.resend_due() == 1
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(5)): 70, (1, address(6)): 50}
    assert (room.row().reserved, room.row().budget) == (0, 10**9 - 120)
    room.check()


def test_a_batch_that_came_and_went_unread_is_sent_again(room: Room) -> None:
    """It landed and was reorganised away before its event was read; the relayer believes that it is done."""
    room.campaign()
    room.buy(5, 100)
    room.settler.settle_due()
    before = room.hub.block
    room.hub.mine()
    room.hub.rewind(before)
    room.drain()
    assert [tx.state for tx in transactions(room)] == [TxState.DONE]
    room.clock.offset += 60
    assert room.landing.resend_due() == 1
    room.hub.mine()
    room.drain()
    assert room.hub.given == {(1, address(5)): 100}
    assert room.row().reserved == 0
    room.check()


def test_a_restored_database_skips_numbers_that_the_chain_knows(room: Room) -> None:
    room.campaign()
    room.hub.taken |= {(1, 1), (1, 2), (1, 4)}
    for turn in range(2):
        room.buy(5 + turn, 100)
        assert room.settle() == 1
    assert [batch.number for batch in batches(room)] == [3, 5]
    room.check()


def land_foreign(room: Room, *numbers: int) -> None:
    """Batches of 40 hundredths in campaign 1 that another operator's key sent."""
    for log, number in enumerate(numbers):
        with room.db.begin() as session:
            session.add(
                ChainEvent(
                    kind=EventKind.AWARD_LANDED,
                    block=5,
                    block_time=room.clock.now(),
                    log_index=log,
                    tx_hash=bytes(32),
                    campaign=1,
                    amount=40,
                    number=number.to_bytes(32, "big"),
                )
            )
    room.drain()


def test_an_unknown_batch_on_the_chain_uses_up_its_number(room: Room) -> None:
    room.campaign()
    room.buy(5, 100)
    land_foreign(room, 7, 2**255)
    assert (room.row().next_number, room.row().budget, room.row().reserved) == (8, 10**9 - 80, 100)
    room.settle()
    assert [batch.number for batch in batches(room)] == [8]
    room.check()


@pytest.mark.parametrize("number", [MAX_ID - 2, MAX_ID - 1, MAX_ID])
def test_an_operator_cannot_use_a_campaigns_numbers_up(room: Room, number: int) -> None:
    """Nor stop the other campaigns with it: the contract lets an owner's key take any number."""
    for campaign in (1, 2):
        room.campaign(campaign)
        room.buy(5, 100, campaign=campaign)
    land_foreign(room, number)
    assert room.settle() == 2
    room.buy(6, 100)
    assert room.settle() == 1
    assert [batch.number for batch in batches(room)] == [1, 1, 2]
    room.check()


def test_a_number_taken_with_other_content_is_looked_up_and_not_believed(room: Room) -> None:
    room.campaign()
    room.buy(5, 100)
    room.settler.settle_due()
    with room.db.begin() as session:
        session.add(
            ChainEvent(
                kind=EventKind.AWARD_LANDED,
                block=5,
                block_time=room.clock.now(),
                log_index=0,
                tx_hash=bytes(32),
                campaign=1,
                amount=99,
                number=(1).to_bytes(32, "big"),
            )
        )
    room.drain()
    assert (batches(room)[0].state, room.row().reserved) == (BatchState.QUEUED, 100)
    with room.db.read() as session:
        assert session.scalars(sa.select(StrayBatch.number)).all() == [1]  # tests/gateway/earning/test_recovery.py
