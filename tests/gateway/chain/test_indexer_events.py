"""Every event of the contracts, made by real transactions, in the columns where rooms look for it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain import badges, calls, local
from gateway.chain.calls import OrderData
from gateway.chain.hexes import to_hex
from gateway.chain.indexer.events import UnknownLog, columns
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.service import Indexer
from gateway.chain.sender import Sender
from gateway.chain.signatures import compact
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.limits import FIRST_SECOND, LAST_SECOND, MAX_ID
from tests.gateway.chain.world import DAY, GRACE, LATER, Holder, World, holder, wallet

K = EventKind
COMMITMENT, OFFER, SEAL_KEY = b"\x0c" * 32, b"\x0f" * 32, b"\x05" * 32


class Story:
    """Plays everything that can happen on the contracts once."""

    def __init__(self, world: World) -> None:
        self.w = world
        self.operator = Sender(world.rpc, world.relayer_key, world.deployment.chain_id)
        self.ann, self.bob = holder(), holder()
        self.someone = wallet()

    def order(self, who: Holder, amount: int, nonce: int, campaign: int | None = None) -> OrderData:
        domains, merchant = self.w.deployment.domains, self.w.owner.address
        if campaign is None:
            digest = domains.redemption(who.address, merchant, amount, OFFER, SEAL_KEY, nonce, LATER)
        else:
            digest = domains.spend(who.address, campaign, merchant, amount, OFFER, SEAL_KEY, nonce, LATER)
        r, vs = compact(who.sign(digest))
        return OrderData(who.address, amount, OFFER, SEAL_KEY, nonce, LATER, COMMITMENT, r, vs)

    def play(self) -> None:
        w, d, ann = self.w, self.w.deployment.domains, self.ann
        self.open = w.campaign()
        self.held = w.campaign(hold=DAY)
        self.closed = w.campaign(closed=True, bonus=1_000)
        w.hub(calls.award_batch(self.open, 2**200, [(ann.address, 10_000), (self.bob.address, 700)]), self.operator)
        w.hub(calls.award_batch(self.held, 1, [(ann.address, 5_000)]), self.operator)
        w.hub(calls.clawback_batch(self.held, 2, [(ann.address, 1_000)]), self.operator)

        sig = ann.sign(d.transfer(ann.address, self.someone, 100, 0, LATER))
        w.token(calls.transfer_by_sig(ann.address, self.someone, 100, 0, LATER, sig))
        sig = ann.sign(d.cash_out(ann.address, self.someone, 200, 1, LATER))
        w.token(calls.cash_out_by_sig(ann.address, self.someone, 200, 1, LATER, sig))
        w.hub(calls.redeem_batch(w.owner.address, [self.order(ann, 300, 2)]), self.operator)
        sig = ann.sign(d.enter(ann.address, self.open, 2_000, 2_000, 3, LATER))
        w.hub(calls.enter_by_sig(self.open, ann.address, 2_000, 2_000, 3, LATER, sig))
        sig = ann.sign(d.leave(ann.address, self.open, 500, 0, LATER))
        w.hub(calls.leave_by_sig(self.open, ann.address, 500, 0, LATER, sig))
        sig = ann.sign(d.move(ann.address, self.open, self.closed, 1_000, 1_100, 1, LATER))
        w.hub(calls.move_by_sig(self.open, self.closed, ann.address, 1_000, 1_100, 1, LATER, sig))
        w.hub(calls.spend_batch(self.closed, w.owner.address, [self.order(ann, 400, 0, self.closed)]), self.operator)
        sig = ann.sign(d.stay(ann.address, self.held, True, 0, LATER))
        w.hub(calls.stay_by_sig(self.held, ann.address, True, 0, LATER, sig))
        sig = ann.sign(d.stay(ann.address, self.held, False, 1, LATER))
        w.hub(calls.stay_by_sig(self.held, ann.address, False, 1, LATER, sig))
        r, vs = compact(ann.sign(d.badge(ann.address, self.open, 3, LATER)))
        wishes = [calls.WishData(ann.address, LATER, r, vs)]
        self.operator.send(w.badges, calls.award_badges(self.open, 3, wishes))
        self.operator.send(w.badges, calls.award_badges(self.open, 3, wishes))  # it has it
        self.badge = badges.token_id(self.open, 3, ann.address)
        self.uri = w.reads_uri(self.badge)
        local.fund_gas(w.rpc, ann.address)
        Sender(w.rpc, ann.key, w.deployment.chain_id).send(w.badges, calls.renounce_badge(self.badge))
        w.token(calls.cancel_wallet(), w.owner)
        w.hub(calls.cancel_account(self.open))

        w.hub(calls.schedule_bonus(self.closed, 500))
        w.hub(calls.withdraw_change(self.closed))
        w.hub(calls.offer_ownership(self.closed, self.operator.address))
        w.hub(calls.accept_ownership(self.closed), self.operator)
        w.node.pass_time(3 * DAY)
        w.hub(calls.release(self.held, [ann.address]))
        w.node.pass_time(31 * DAY + GRACE)
        w.hub(calls.sweep(self.open))
        w.node.pass_time(92 * DAY)
        w.hub(calls.expire(self.closed, [ann.address]))


@pytest.fixture(scope="module")
def story(shared_world: World) -> Story:
    told = Story(shared_world)
    told.play()
    return told


def test_every_event_is_recorded_in_its_columns(story: Story, db: Database, clock: Clock) -> None:
    world = story.w
    indexer = Indexer(db, world.rpc, clock, world.deployment, 0)
    while indexer.step() or indexer.step():
        pass
    with db.read() as session:
        rows = session.scalars(sa.select(ChainEvent).order_by(ChainEvent.id)).all()
    assert {row.kind for row in rows} == set(EventKind) - {K.REWIND}
    assert [(row.block, row.log_index) for row in rows] == sorted((row.block, row.log_index) for row in rows)
    ann, merchant, nobody = story.ann.address, world.owner.address, bytes(20)
    hub, closed = world.deployment.hub, world.reads.campaign(story.closed)

    def has(kind: EventKind, **wanted: Any) -> None:
        names = ("campaign", "other_campaign", "holder", "counterparty", "amount", "extra", "nonce", "number", "offer")
        found = [{name: getattr(row, name) for name in (*names, "commitment")} for row in rows if row.kind == kind]
        assert dict.fromkeys((*names, "commitment")) | wanted in found, (kind, found)

    has(K.TRANSFER, holder=nobody, counterparty=ann, amount=10_000)
    has(K.TRANSFER, holder=ann, counterparty=story.someone, amount=100)
    has(K.TRANSFER, holder=ann, counterparty=nobody, amount=200)
    has(K.CASHED_OUT, holder=ann, counterparty=story.someone, amount=200)
    has(K.TOKEN_ORDER, holder=ann, nonce=1)
    has(K.TOKEN_CANCELLED, holder=merchant, nonce=65_536)
    has(
        K.CAMPAIGN_CREATED,
        campaign=story.closed,
        holder=merchant,
        amount=0,
        extra=1,
        nonce=closed.expiry,
        commitment=closed.terms,
    )
    has(K.CHANGE_WITHDRAWN, campaign=story.closed)
    has(K.OWNERSHIP_OFFERED, campaign=story.closed, counterparty=story.operator.address)
    has(K.OWNERSHIP_TRANSFERRED, campaign=story.closed, holder=merchant, counterparty=story.operator.address)
    has(K.OPERATOR_SET, campaign=story.open, counterparty=world.relayer, amount=10**9)
    has(K.MERCHANT_INVITED, campaign=story.open, counterparty=merchant)
    has(K.MERCHANT_ACCEPTED, campaign=story.open, counterparty=merchant)
    has(K.DELEGATE_SET, holder=merchant, counterparty=world.relayer, amount=1)
    has(K.FUNDED, campaign=story.closed, holder=merchant, amount=10**9, extra=10**9)
    has(K.AWARD_LANDED, campaign=story.open, number=(2**200).to_bytes(32, "big"), amount=10_700)
    has(K.CLAWBACK_LANDED, campaign=story.held, number=(2).to_bytes(32, "big"), amount=1_000)
    has(K.ACCOUNT_AWARDED, campaign=story.held, holder=ann, amount=5_000)
    has(K.ACCOUNT_CLAWED_BACK, campaign=story.held, holder=ann, amount=1_000)
    has(K.ENTERED, campaign=story.open, holder=ann, amount=2_000, extra=0)
    has(K.LEFT, campaign=story.open, holder=ann, amount=500)
    has(K.MOVED, campaign=story.open, other_campaign=story.closed, holder=ann, amount=1_000, extra=100)
    has(K.STAY_SET, campaign=story.held, holder=ann, amount=1)
    has(K.STAY_SET, campaign=story.held, holder=ann, amount=0)
    has(K.RELEASED, campaign=story.held, holder=ann, amount=4_000)
    has(K.SWEPT, campaign=story.open, holder=merchant, amount=10**9 - 10_700)
    has(K.EXPIRED, campaign=story.closed, holder=ann, amount=700)
    has(
        K.REDEEMED,
        holder=ann,
        counterparty=merchant,
        amount=300,
        nonce=2,
        offer=OFFER,
        commitment=COMMITMENT,
    )
    has(
        K.SPENT,
        campaign=story.closed,
        holder=ann,
        counterparty=merchant,
        amount=400,
        nonce=0,
        offer=OFFER,
        commitment=COMMITMENT,
    )
    number = story.badge.to_bytes(32, "big")
    assert badges.parts(number) == (story.open, 3, ann)
    assert story.uri == badges.uri(story.open, 3)
    assert [row.number for row in rows if row.kind is K.BADGE] == [number] * 2
    has(K.BADGE, holder=nobody, counterparty=ann, number=number)
    has(K.BADGE, holder=ann, counterparty=nobody, number=number)
    has(K.ACCOUNT_ORDER, campaign=story.open, holder=ann, nonce=1)
    has(K.ACCOUNT_CANCELLED, campaign=story.open, holder=merchant, nonce=65_536)
    (change,) = (row for row in rows if row.kind is K.CHANGE_SCHEDULED)
    assert (change.campaign, change.nonce, change.extra) == (story.closed, 2, change.block_time + GRACE)
    assert hub in {row.counterparty for row in rows if row.kind is K.TRANSFER}
    assert not any(row.orphaned for row in rows)


def raw_log(world: World, **changes: Any) -> dict[str, Any]:
    query = {"address": to_hex(world.deployment.hub), "fromBlock": "0x0"}
    logs = world.rpc.call("eth_getLogs", query)
    return dict(logs[0]) | changes


def test_a_log_that_is_in_no_interface_is_an_error(story: Story) -> None:
    token = story.w.deployment.token
    for change in ({"topics": []}, {"topics": ["0x" + "ab" * 32]}, {"data": "0x"}, {"address": to_hex(token)}):
        with pytest.raises(UnknownLog):
            columns(raw_log(story.w, **change), story.w.deployment, LATER)


@pytest.mark.parametrize(("given", "kept"), [(0, FIRST_SECOND), (2**40, LAST_SECOND), (LATER, LATER)])
def test_a_clock_in_another_century_stops_nothing(story: Story, given: int, kept: int) -> None:
    row = columns(raw_log(story.w), story.w.deployment, given)
    assert row is not None
    assert row["block_time"] == kept


def test_numbers_too_large_for_their_columns_are_cut(shared_world: World, db: Database, clock: Clock) -> None:
    head = shared_world.reads.head()
    shared_world.hub(calls.create_campaign(head.time + DAY, 0, True, 2**40 - 1, 0, bytes(32)))
    indexer = Indexer(db, shared_world.rpc, clock, shared_world.deployment, 0)
    indexer.step()
    indexer.step()
    with db.read() as session:
        assert session.scalar(sa.select(sa.func.max(ChainEvent.nonce))) == MAX_ID
