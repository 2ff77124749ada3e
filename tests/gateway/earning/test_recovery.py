"""A database from yesterday over a chain of today, in random histories: everybody gets what was earned, once.

The same in real processes on a real chain: tests/storm/test_restore.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.indexer.models import ChainEvent
from gateway.chain.relayer.models import ChainTx, SignedTx, TxState
from gateway.chain.rpc import Call
from gateway.core.db import Database
from gateway.core.problems import Problem
from gateway.loyalty.earning.intake import Report
from gateway.loyalty.earning.models import Carry, StrayBatch, StrayState
from gateway.loyalty.earning.recovery import Recovery
from gateway.loyalty.earning.schemas import ActionIn
from gateway.models import metadata
from tests.gateway.earning.conftest import HUB, OPERATOR, HubModel, Room, address, wallet
from tests.gateway.earning.test_walks import Walk

Rows = dict[sa.Table, list[dict[str, Any]]]


class Node:
    """What the hub's model was sent, as a node tells it."""

    def __init__(self, hub: HubModel) -> None:
        self.hub, self.sender = hub, OPERATOR

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        found = [self.hub.sent[from_hex(params[0])] for _, params in calls]
        return [{"from": to_hex(self.sender), "to": to_hex(HUB), "input": to_hex(data)} for data in found]


def recovery_of(room: Room) -> Recovery:
    made = Recovery(room.db, Node(room.hub), room.clock, room.landing, [OPERATOR], HUB)  # type: ignore[arg-type]

    def whole() -> bool:
        with room.db.read() as session:
            return made.unread(session) == 0

    room.settler.whole = whole
    return made


def back_up(db: Database) -> Rows:
    """Every row but the chain's own, with what a refund refers to before the refund."""
    kept = [table for table in metadata.sorted_tables if table is not ChainEvent.__table__]
    with db.read() as session:
        rows = {table: session.execute(sa.select(table).order_by(*table.primary_key)) for table in kept}
        return {table: [dict(row._mapping) for row in found] for table, found in rows.items()}


def restore(room: Room, backup: Rows, lands: bool) -> None:
    """`lands`: what was on its way to the chain still gets there; else the fence kept it out."""
    if lands:
        room.hub.mine()
    room.hub.life += 1
    with room.db.begin() as session:
        for table in reversed(list(backup)):
            session.execute(sa.delete(table))
        for table, rows in backup.items():
            if rows:
                session.execute(sa.insert(table), rows)


class Restored(Walk):
    """As a Walk, and remembers what was sent since the backup."""

    def __init__(self, room: Room, seed: int, hold: int) -> None:
        super().__init__(room, seed, hold)
        self.sent: list[tuple[str, ActionIn] | tuple[str, bytes]] = []
        self.recovery = recovery_of(room)

    def step(self) -> None:
        steps = [self.buy] * 5 + [self.refund] * 3 + [self.claim] * 2 + [self.settle] * 4 + [self.mine] * 3
        self.chance.choice([*steps, self.drain, self.drain, self.reorganise, self.resend, self.wait])()
        self.take_back()
        self.room.check()

    def take_back(self) -> None:
        self.recovery.take_back_due()
        self.recovery.send_moved_due(self.room.settler.whole)

    def report(self, **fields: Any) -> Any:
        key, result = super().report(**fields)
        if not isinstance(result, Problem):
            action = ActionIn(campaign=1, occurred_at=min(self.room.clock.now(), self.room.row().end), **fields)
            self.sent.append((key, action))
        return key, result

    def claim(self) -> None:
        before = dict(self.owner)
        super().claim()
        self.refused.discard("claim-in-doubt")
        for key, owner in self.owner.items():
            if owner is not None and before[key] is None:
                self.sent.append((self.codes[key], owner))

    def again(self) -> None:
        """As tills and holders do."""
        waiting = list(self.sent)
        for _ in range(5):
            waiting = [each for each in waiting if not self._send(*each)]
            self.room.check()
        assert not waiting

    def _send(self, key: str, what: ActionIn | bytes) -> bool:
        with self.room.db.begin() as session:
            if isinstance(what, ActionIn):
                (result,) = self.room.earning.accept_bulk(session, self.room.merchant, [Report(key, what)])
                assert not isinstance(result, Problem), result.refusal.code
                return True
        try:
            with self.room.db.begin() as session:
                self.room.claims.claim(session, key, what)
        except Problem as problem:
            if problem.refusal.code != "claim-in-doubt":
                raise
            return False
        return True


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("hold", [0, 1_000])
def test_a_restored_history_ends_well(room: Room, seed: int, hold: int) -> None:
    walk = Restored(room, seed, hold)
    for _ in range(30):
        walk.step()
    backup = back_up(room.db)
    walk.sent.clear()
    for _ in range(30):
        walk.step()
    restore(room, backup, lands=walk.chance.random() < 0.5)
    room.drain()
    walk.take_back()
    room.check()
    walk.again()
    for _ in range(20):
        walk.step()
    walk.hold = 0  # a clawback that came before its award, after a reorganisation, may be owed
    walk.finish()
    assert room.row().ahead == 0


def paid(room: Room, who: int) -> int:
    return room.hub.given.get((1, address(who)), 0)


def test_what_happens_after_a_restore_is_paid_in_full(room: Room) -> None:
    room.campaign(budget=1_000)
    recovery = recovery_of(room)
    backup = back_up(room.db)
    lost = {"wallet": wallet(1), "amount": 900, "occurred_at": room.clock.now()}
    room.buy(1, 900, once="lost", occurred_at=lost["occurred_at"])
    room.settle()
    restore(room, backup, lands=False)
    room.drain()
    assert room.settler.settle_due() == 0
    recovery.take_back_due()
    room.check()
    assert room.row().ahead == 900
    # The till never tells of the lost purchase again; the next one is the holder's all the same.
    room.clock.offset += 600
    room.buy(1, 50)
    room.settle()
    assert paid(room, 1) == 950
    # Told again, it needs no budget and brings nothing new.
    assert room.report(once="lost", **lost).status_code == 202
    room.settle()
    room.check()
    assert (paid(room, 1), room.row().ahead, room.row().reserved) == (950, 0, 0)


def test_a_batch_of_a_foreign_key_is_nobodys_credit(room: Room) -> None:
    room.campaign()
    recovery = recovery_of(room)
    recovery.rpc.sender = b"f" * 20  # type: ignore[attr-defined]
    backup = back_up(room.db)
    room.buy(1, 100)
    room.settle()
    restore(room, backup, lands=False)
    room.drain()
    assert recovery.take_back_due() == 1
    with room.db.read() as session:
        assert session.scalars(sa.select(StrayBatch.state)).one() == StrayState.FOREIGN
        assert session.scalars(sa.select(Carry)).all() == []
    room.buy(1, 100)
    room.settle()
    assert paid(room, 1) == 200


def test_two_batches_want_one_number(room: Room) -> None:
    """A transaction that nobody knew of lands with a number that was given anew: its own part is cut off the other."""
    room.campaign()
    recovery = recovery_of(room)
    backup = back_up(room.db)
    at = room.clock.now()
    room.buy(1, 100, once="a", occurred_at=at)
    room.settler.settle_due()
    with room.db.read() as session:
        lost = session.scalars(sa.select(ChainTx).where(ChainTx.state == TxState.QUEUED)).one()
    restore(room, backup, lands=False)
    room.buy(1, 100, once="a", occurred_at=at)
    room.buy(2, 100, once="b", occurred_at=at)
    room.settler.settle_due()
    room.hub.life -= 1
    with room.db.begin() as session:
        forgotten = {"purpose": lost.purpose, "ref": lost.ref, "recipient": lost.recipient, "data": lost.data}
        moment = {"created_at": at, "retry_at": at}
        ghost = ChainTx(id=10**6, state=TxState.DONE, **forgotten, **moment)
        session.add(ghost)
        session.flush()
        assert room.hub._land(session, ghost, tell=True)
        session.flush()
        session.execute(sa.delete(SignedTx).where(SignedTx.tx_id == ghost.id))
    room.hub.life += 1
    room.hub.mine()
    room.drain()
    room.fail_refused()
    recovery.take_back_due()
    room.check()
    recovery.send_moved_due(room.settler.whole)
    room.check()
    for _ in range(3):
        room.landing.resend_due()
        room.hub.mine()
        room.drain()
        room.clock.offset += 60
    assert (paid(room, 1), paid(room, 2), room.row().ahead, room.row().reserved) == (100, 100, 0, 0)
