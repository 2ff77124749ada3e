"""How rooms read the stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain.indexer import stream
from gateway.chain.indexer.models import ChainEvent, EventKind, Subscription
from gateway.chain.indexer.stream import Ahead, drain
from gateway.core.bulk import Write
from gateway.core.db import Database, get_or_add
from gateway.core.limits import FIRST_SECOND
from tests.support.races import together

COUNTED = sa.select(Subscription.last_event).where(Subscription.name == "room.count")


def event(block: int, kind: EventKind = EventKind.TRANSFER, *, orphaned: bool = False, index: int = 0) -> ChainEvent:
    return ChainEvent(
        kind=kind, block=block, block_time=FIRST_SECOND, log_index=index, tx_hash=bytes(32), orphaned=orphaned
    )


def add(db: Database, *events: ChainEvent) -> None:
    for row in events:  # one by one: their order is what matters
        with db.begin() as session:
            session.add(row)


class Room:
    """Keeps what it was given in a table of its own (subscriptions serve as one)."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def apply(self, session: Session, events: Sequence[ChainEvent]) -> None:
        for row in events:
            self.seen.append(row.block)
            counter = session.get(Subscription, "room.count") or Subscription(name="room.count", last_event=0)
            counter.last_event += 1
            session.add(counter)

    def plan(self, session: Session, events: Sequence[ChainEvent]) -> Write:
        """By what was there when it was planned: what another adds meanwhile would be lost."""
        self.seen += [row.block for row in events]
        count = (session.scalar(COUNTED) or 0) + len(events)

        def write(writer: Session) -> None:
            counter = get_or_add(writer, Subscription, "room.count", lambda: Subscription(name="room.count"))
            counter.last_event = count

        return write


class Meanwhile(Room):
    """Lets something happen while it plans: `early` before it reads its own table, `late` after that."""

    def __init__(self, early: Callable[[], object] = int, late: Callable[[], object] = int) -> None:
        super().__init__()
        self.early, self.late = early, late

    def plan(self, session: Session, events: Sequence[ChainEvent]) -> Write:
        self.early()
        write = super().plan(session, events)
        self.late()
        return write


def counted(db: Database) -> int:
    with db.read() as session:
        row = session.get(Subscription, "room.count")
        return row.last_event if row else 0


def test_every_event_once_in_order(db: Database) -> None:
    add(db, *(event(block) for block in range(1, 8)))
    room = Room()
    assert [drain(db, "room", room.apply, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert room.seen == list(range(1, 8))
    add(db, event(8))
    assert drain(db, "room", room.apply) == 1
    assert drain(db, "another", Room().apply) == 8


def test_between_the_parts_of_a_turn_others_write(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PART", 3)
    monkeypatch.setattr(stream, "TURN", 6)
    other = Database(db.url.render_as_string(False))
    add(db, *(event(block) for block in range(1, 9)))
    room, seen = Room(), []

    def write(_: float) -> None:
        seen.append(len(room.seen))
        with monkeypatch.context() as patient:
            patient.setattr("gateway.core.db.LOCKED", 0)  # at once or not at all
            add(other, event(100 + len(seen)))

    # Of this room alone: the queue of those who write sleeps too.
    monkeypatch.setattr(stream, "time", SimpleNamespace(sleep=write))
    assert [stream.follow(db, "room", room.apply) for _ in range(3)] == [6, 4, 0]
    assert (seen, room.seen) == ([3, 9], [*range(1, 9), 101, 102])
    other.dispose()


def test_what_was_taken_back_before_it_was_read_is_left_out(db: Database) -> None:
    add(db, event(1), event(2, orphaned=True), event(1, EventKind.REWIND), event(2), event(3, orphaned=True))
    kinds: list[tuple[int, int]] = []
    drain(db, "room", lambda session, events: kinds.extend((row.kind, row.block) for row in events))
    assert kinds == [(EventKind.TRANSFER, 1), (EventKind.REWIND, 1), (EventKind.TRANSFER, 2)]
    assert drain(db, "room", Room().apply) == 0


def test_nothing_happens_when_the_room_fails(db: Database) -> None:
    add(db, event(1), event(2))
    room = Room()

    def fail_at_the_end(session: Session, events: Sequence[ChainEvent]) -> None:
        room.apply(session, events)
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            drain(db, "room", fail_at_the_end)
    assert counted(db) == 0
    assert drain(db, "room", room.apply) == 2
    assert counted(db) == 2


def test_one_place_holds_one_event(db: Database) -> None:
    add(
        db, event(1), event(1, index=1), event(1, orphaned=True), event(1, EventKind.REWIND), event(1, EventKind.REWIND)
    )
    with pytest.raises(sa.exc.IntegrityError):
        add(db, event(1))


@pytest.mark.parametrize("ahead", [False, True])
def test_several_workers_apply_every_event_once(db: Database, ahead: bool) -> None:
    add(db, *(event(block) for block in range(1, 101)))

    def work() -> None:
        while drain(db, "room", Ahead(Room().plan) if ahead else Room().apply, limit=7):
            pass

    together([work] * 4)
    assert counted(db) == 100


def test_a_plan_is_void_once_another_worker_was_faster(db: Database) -> None:
    add(db, *(event(block) for block in range(1, 8)))
    other = Database(db.url.render_as_string(False))

    def faster() -> None:
        assert drain(other, "room", Ahead(Room().plan), limit=2) == 2

    for count, room in ((2, Meanwhile(early=faster)), (4, Meanwhile(late=faster))):  # the first one adds the cursor
        assert drain(db, "room", Ahead(room.plan), limit=3) == 0
        assert counted(db) == count
    assert [drain(db, "room", Ahead(Room().plan), limit=3) for _ in range(2)] == [3, 0]
    assert counted(db) == 7
    other.dispose()


def test_what_is_appended_while_one_plans_is_read_next(db: Database) -> None:
    add(db, event(1), event(2))
    other = Database(db.url.render_as_string(False))

    def rewind() -> None:
        with other.begin() as session:
            session.execute(sa.update(ChainEvent).where(ChainEvent.block == 2).values(orphaned=True))
            session.add(event(1, EventKind.REWIND))
        add(other, event(2))

    room, rest = Meanwhile(late=rewind), Room()
    assert drain(db, "room", Ahead(room.plan)) == 2
    assert drain(db, "room", Ahead(rest.plan)) == 2
    assert (room.seen, rest.seen) == ([1, 2], [1, 2]), "the REWIND's own block, and its second one anew"
    assert counted(db) == 4
    other.dispose()


def test_nothing_happens_when_what_was_planned_fails(db: Database) -> None:
    add(db, event(1), event(2))
    room = Room()

    def plan(session: Session, events: Sequence[ChainEvent]) -> Write:
        write = room.plan(session, events)

        def fail_at_the_end(writer: Session) -> None:
            write(writer)
            raise ZeroDivisionError

        return fail_at_the_end

    with pytest.raises(ZeroDivisionError):
        drain(db, "room", Ahead(plan))
    assert counted(db) == 0
    assert drain(db, "room", Ahead(room.plan)) == 2
    assert counted(db) == 2


def test_a_room_is_given_what_it_asks_for(db: Database) -> None:
    add(db, event(1), event(2, EventKind.FUNDED), event(1, EventKind.REWIND), event(3), event(4, EventKind.FUNDED))
    seen: list[tuple[int, int]] = []

    def apply(session: Session, events: Sequence[ChainEvent]) -> None:
        seen.extend((row.kind, row.block) for row in events)

    wanted = {EventKind.FUNDED}
    assert drain(db, "room", apply, limit=2, kinds=wanted) == 2
    assert drain(db, "room", apply, limit=2, kinds=wanted) == 1
    assert seen == [(EventKind.FUNDED, 2), (EventKind.REWIND, 1), (EventKind.FUNDED, 4)]
    add(db, event(5), event(6))
    assert drain(db, "room", apply, kinds=wanted) == 0
    with db.read() as session:
        newest = session.scalar(sa.select(sa.func.max(ChainEvent.id)))
        assert session.get_one(Subscription, "room").last_event == newest, "it is not behind because it does not care"
