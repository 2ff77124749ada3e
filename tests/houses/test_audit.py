"""A house that lived through everything, over HTTP and on both databases: in order, then spoilt in one place each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.commands.audit import audit_session, run_audit
from gateway.core.db import Database
from gateway.loyalty.campaigns.models import Campaign, QuotaUse
from gateway.loyalty.earning.models import (
    Action,
    ActionKind,
    ActionState,
    Batch,
    BatchEntry,
    BatchKind,
    BatchState,
    Carry,
)
from gateway.loyalty.moves.models import Move, MoveKind, MoveState
from gateway.loyalty.offers.models import Code, CodeState, Offer
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from tests.functional.house import House, done, open_house
from tests.functional.people import Holder, Merchant
from tests.support.postgres import postgres_url

Spoil = Callable[[Session], None]
HOLD = 600


@dataclass
class Lived:
    house: House
    db: Database

    def until_settled(self) -> None:
        def settled() -> bool:
            with self.db.read() as session:
                waiting = sa.select(Action.id).where(Action.state == ActionState.ACCEPTED)
                queued = sa.select(Batch.id).where(Batch.state == BatchState.QUEUED)
                return session.scalar(waiting.limit(1)) is None and session.scalar(queued.limit(1)) is None

        self.house.until(settled, "everything settles")


def _live(lived: Lived) -> None:
    """Purchases, visits to two campaigns, refunds before and after settlement, claims, codes, every kind of move."""
    house = lived.house
    merchant, other = Merchant.join(house), Merchant.join(house, "Other Books")
    held = merchant.campaign(hold=HOLD, step=7)
    plain = other.campaign()
    closed = other.campaign(closed=True, bonus=1_000, pot=50_000)
    holders = [Holder.rich(house, 20_000) for _ in range(3)]
    actions = []
    for at, holder in enumerate(holders):
        for campaign, shop in ((held, merchant), (plain, other), (closed, other)):
            action = shop.purchase(campaign, 1_234 + at, wallet=holder.name)
            actions.append((shop, campaign, done(shop.report(action), 202)))
    guests = [done(merchant.report(merchant.purchase(held, 900 + n, claim=True)), 202) for n in range(3)]
    done(house.call("POST", "/claims", {"code": guests[0]["claim"]["code"], "wallet": holders[0].name}))
    lived.until_settled()
    now = int(time.time())
    for shop, campaign, action in actions[:4]:
        refund = {"campaign": campaign, "kind": "refund", "occurred_at": now, "refers_to": action["id"], "amount": 500}
        done(shop.report(refund), 202)
    refund = {"campaign": held, "kind": "refund", "occurred_at": now, "refers_to": guests[1]["id"]}
    done(merchant.report(refund), 202)
    lived.until_settled()

    ada, ben, cem = holders
    offer = merchant.offer(1_000, codes=5)
    voucher = other.offer(500, campaign=closed, pattern="BOOK-****-****-****-%")
    orders = [(ada, ada.wallet.order(offer["id"])), (ben, ben.wallet.order(offer["id"]))]
    orders += [(cem, cem.wallet.order(voucher["id"]))]
    received = [holder.wallet.delivered(order) for holder, order in orders]
    merchant.client.code("use", received[0].code, "receipt")
    ben.wallet.confirm(received[1].redemption)
    for holder, move in (
        (ada, ada.wallet.enter(held, 3_000)),
        (ben, ben.wallet.enter(closed, 2_000)),
        (cem, cem.wallet.send(ada.address, 1_500)),
    ):
        holder.wallet.landed(move)
    for holder, move in (
        (ada, ada.wallet.leave(held, 1_000)),
        (ben, ben.wallet.cash_out(700)),
        (cem, cem.wallet.stay(held, True)),
    ):
        holder.wallet.landed(move)
    ada.wallet.landed(ada.wallet.move(held, closed, 500))
    # What the gateway did not do: a holder's own transactions, a gift by mistake.
    cem.own.token("sent", calls.transfer(house.deployment.hub, 11))
    lived.until_settled()


@pytest.fixture(params=["sqlite", "postgresql"])
def lived(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lived]:
    url = f"sqlite:///{tmp_path / 'loyalty.db'}" if request.param == "sqlite" else postgres_url()
    with open_house(tmp_path, url) as house:
        lived = Lived(house, Database(url))
        _live(lived)
        behind = run_audit(lived.db, house.rpc, house.deployment)
        house.until(
            lambda: run_audit(lived.db, house.rpc, house.deployment).totals["events_behind"] == 0,
            f"all rooms follow: {behind.totals}",
        )
        house.stop("worker", "gateway")
        yield lived
        lived.db.dispose()


def _is_in_order(lived: Lived) -> None:
    report = run_audit(lived.db, lived.house.rpc, lived.house.deployment)
    assert report.differences == []
    assert report.solvent
    assert report.totals["clawed_back"]
    assert report.totals["redemptions"] == 3
    with lived.db.read() as session:
        done_moves = set(session.scalars(sa.select(Move.kind).where(Move.state == MoveState.DONE)))
        assert done_moves == set(MoveKind)
        assert session.scalar(sa.select(sa.func.count()).select_from(Carry).where(Carry.points > 0))
        assert session.scalar(sa.select(sa.func.count()).select_from(Carry))


def _change(model: type, field: str, by: int, *where: sa.ColumnElement[bool]) -> Spoil:
    def spoil(session: Session) -> None:
        row = session.scalars(sa.select(model).where(*where).limit(1)).one()
        setattr(row, field, getattr(row, field) + by)

    return spoil


def _set(model: type, field: str, value: object, *where: sa.ColumnElement[bool]) -> Spoil:
    def spoil(session: Session) -> None:
        setattr(session.scalars(sa.select(model).where(*where).limit(1)).one(), field, value)

    return spoil


def _double_batch(session: Session) -> None:
    """A batch made twice: the same entries under the next number."""
    row = session.scalars(sa.select(Batch).where(Batch.kind == BatchKind.AWARD).limit(1)).one()
    fields = ("campaign_id", "kind", "state", "total", "created_at", "landed_block")
    again = Batch(number=999, **{name: getattr(row, name) for name in fields})
    session.add(again)
    session.flush()
    for entry in list(session.scalars(sa.select(BatchEntry).where(BatchEntry.batch_id == row.id))):
        session.add(BatchEntry(batch_id=again.id, wallet=entry.wallet, amount=entry.amount))


def _lost_batch(session: Session) -> None:
    """As after a restore from a backup that is too old."""
    row = session.scalars(sa.select(Batch).order_by(Batch.id.desc()).limit(1)).one()
    session.execute(sa.update(Action).where(Action.batch_id == row.id).values(batch_id=None))
    session.execute(sa.delete(BatchEntry).where(BatchEntry.batch_id == row.id))
    session.delete(row)


def _swapped_entries(session: Session) -> None:
    """The total stays, the wallets' parts do not."""
    sizes = sa.select(BatchEntry.batch_id).group_by(BatchEntry.batch_id).having(sa.func.count() > 1)
    one = session.scalars(sizes.limit(1)).one()
    first, second, *_ = session.scalars(sa.select(BatchEntry).where(BatchEntry.batch_id == one))
    first.amount, second.amount = first.amount + 1, second.amount - 1


def _action_counted_twice(session: Session) -> None:
    row = session.scalars(sa.select(Action).where(Action.state == ActionState.SETTLED).limit(1)).one()
    values = {column.key: getattr(row, column.key) for column in sa.inspect(Action).columns if column.key != "id"}
    session.add(Action(**values | {"key_hash": bytes(32)}))


def _lost_redemption(session: Session) -> None:
    row = session.scalars(sa.select(Redemption).where(Redemption.state == RedemptionState.DELIVERED).limit(1)).one()
    session.delete(row)


def _code_drawn_twice(session: Session) -> None:
    first, second, *_ = session.scalars(sa.select(Redemption).order_by(Redemption.id))
    second.code_id = first.code_id


def _delivered_unpaid(session: Session) -> None:
    row = session.scalars(sa.select(Redemption).limit(1)).one()
    values = {column.key: getattr(row, column.key) for column in sa.inspect(Redemption).columns if column.key != "id"}
    fresh = {"commitment": bytes(32), "digest": bytes(32), "nonce": row.nonce + 5}
    session.add(Redemption(**values | fresh))


IS_AWARD = (Batch.kind == BatchKind.AWARD,)
SETTLED_PURCHASE = (Action.state == ActionState.SETTLED, Action.kind == ActionKind.PURCHASE)


PLANTED: list[tuple[Spoil, str]] = [
    (_change(Campaign, "budget", 1), "campaign-mirror"),
    (_change(Campaign, "pot", -1, Campaign.pot > 0), "campaign-mirror"),
    (_change(Campaign, "daily_cap", 1), "campaign-mirror"),
    (_change(Campaign, "reserved", 1), "campaign-reserved"),
    (_change(Campaign, "ahead", 1), "campaign-ahead"),
    (_set(Campaign, "next_number", 1), "campaign-number-behind"),
    (_set(Campaign, "terms_hash", bytes(32)), "campaign-mirror"),
    (_change(QuotaUse, "points", -1), "quota-use"),
    (_change(Batch, "total", 1, *IS_AWARD), "batch-entries"),
    (_change(Batch, "number", 500, *IS_AWARD), "batch-not-on-chain"),
    (_change(Batch, "landed_block", 1), "batch-block"),
    (_set(Batch, "kind", BatchKind.CLAWBACK, *IS_AWARD), "batch-kind"),
    (_set(Batch, "state", BatchState.QUEUED), "batch-on-chain"),
    (_change(BatchEntry, "amount", 1), "batch-entry"),
    (_change(BatchEntry, "taken", -1, BatchEntry.taken > 0), "batch-entry"),
    (_double_batch, "batch-not-on-chain"),
    (_lost_batch, "batch-unknown"),
    (_swapped_entries, "batch-entry"),
    (_change(Action, "points", 1, *SETTLED_PURCHASE), "settled-points"),
    (_set(Action, "state", ActionState.LAPSED, *SETTLED_PURCHASE), "settled-points"),
    (_change(Action, "points", 5_000, Action.kind == ActionKind.REFUND), "refund-above-purchase"),
    (_action_counted_twice, "settled-points"),
    (_change(Carry, "points", 1), "settled-points"),
    (_change(Carry, "owed", 1), "settled-points"),
    (_set(Redemption, "state", RedemptionState.DEAD), "redemption-paid-not-delivered"),
    (_set(Redemption, "state", RedemptionState.FLAGGED), "redemption-flagged"),
    (_change(Redemption, "amount", 1), "redemption-delivered-not-paid"),
    (_change(Redemption, "amount", 1), "redemption-price"),
    (_change(Redemption, "paid_block", 1), "redemption-block"),
    (_set(Redemption, "commitment", bytes(32)), "redemption-unknown"),
    (_lost_redemption, "redemption-unknown"),
    (_delivered_unpaid, "redemption-delivered-not-paid"),
    (_code_drawn_twice, "code-drawn-twice"),
    (_set(Code, "state", CodeState.FREE, Code.state == CodeState.USED), "code-state"),
    (_set(Code, "state", CodeState.RESERVED, Code.state == CodeState.FREE), "code-without-order"),
    (_change(Offer, "drawn", 1), "offer-stock"),
    (_change(Move, "amount", 1, Move.kind == MoveKind.SEND), "move-done-not-executed"),
    (_set(Move, "state", MoveState.DEAD, Move.kind == MoveKind.CASH_OUT), "move-executed-not-done"),
    (_change(Move, "received", 1, Move.kind == MoveKind.MOVE), "move-received"),
    (_change(Move, "nonce", 3, Move.kind == MoveKind.STAY), "move-done-not-executed"),
]


@pytest.mark.timeout(900)
def test_life_leaves_no_difference_and_each_planted_one_is_found(lived: Lived) -> None:
    _is_in_order(lived)
    missed = []
    for number, (spoil, code) in enumerate(PLANTED):
        with lived.db.read() as session:  # rolled back at the end
            spoil(session)
            session.flush()
            found = audit_session(session, lived.house.rpc, lived.house.deployment).differences
        if code not in {each.code for each in found}:
            missed.append((number, code, found))
    assert missed == []
