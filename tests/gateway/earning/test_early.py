"""Points at once, for who asks: alone, once, and nothing changes for the others."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.hexes import checksum, to_hex
from gateway.identity.wallets.errors import ORDERS_USED_UP
from gateway.loyalty.earning.early.messages import message
from gateway.loyalty.earning.early.models import EarlyAsk
from gateway.loyalty.earning.models import BatchEntry
from tests.gateway.earning.conftest import CHAIN, DAY, Room, batches
from tests.support.races import on_postgresql, overlap

KEYS = [bytes([n]) * 32 for n in range(1, 6)]
PEOPLE = [signatures.address_of(key) for key in KEYS]
RULES = [{"kind": "per_currency", "points": 1, "per": 1}]


def earn(room: Room, who: int, amount: int, **more: Any) -> int:
    answer = room.report(wallet=checksum(PEOPLE[who]), amount=amount, **more)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def body(room: Room, who: int, at: int | None = None, signer: int | None = None, **said: int) -> dict[str, Any]:
    at = room.clock.now() if at is None else at
    text = message(PEOPLE[who], said.get("campaign", 1), said.get("chain", CHAIN), at)
    signature = signatures.sign(KEYS[who if signer is None else signer], signatures.personal(text.encode()))
    return {"campaign": 1, "at": at, "signature": to_hex(signature)}


def ask(room: Room, who: int, at: int | None = None, **changes: Any) -> Any:
    sent = body(room, who, at) | changes
    return room.http.post(f"/v1/wallets/{checksum(PEOPLE[who])}/settlements", json=sent)


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text


def early(room: Room) -> int:
    """Settles for who asked, lands and learns of it; how many batches were made."""
    made = room.early.settle_due()
    room.hub.mine()
    room.drain()
    return made


def given(room: Room, who: int) -> int:
    return room.hub.given.get((1, PEOPLE[who]), 0)


def test_who_asks_is_settled_alone_and_nothing_changes_for_the_others(room: Room) -> None:
    room.campaign(settle_every=DAY, min_wallets=3, step=50, rules=RULES)
    for who, amount in enumerate((120, 70, 70)):
        earn(room, who, amount)
    before = room.row()
    assert ask(room, 0).json() == {"campaign": 1, "points": 120, "state": "asked"}
    assert early(room) == 1
    after = room.row()
    assert [given(room, who) for who in range(3)] == [100, 0, 0]  # whole steps, the rest is carried on
    assert (after.settle_at, after.settled_at) == (before.settle_at, before.settled_at)
    assert early(room) == 0  # once
    room.clock.offset += DAY
    assert room.settle() == 0  # two are too few: it is as if the first had not been there
    room.clock.offset += 7 * DAY
    room.settle()
    assert [given(room, who) for who in range(3)] == [100, 50, 50]
    room.check()


def test_in_every_window_and_batch_an_award_is_once(room: Room) -> None:
    """Asked for while the window's settlement is due, before and after it, sent anew and by two workers."""
    room.campaign(settle_every=DAY, rules=RULES)
    earn(room, 0, 100)
    earn(room, 1, 100)
    assert ask(room, 0).status_code == 202
    room.clock.offset += DAY
    room.settler.settle_due()
    assert room.early.settle_due() == 0  # the window was first; the wish is done
    sent = body(room, 0, room.clock.now())
    path = f"/v1/wallets/{checksum(PEOPLE[0])}/settlements"
    refused(room.http.post(path, json=sent), 409, "nothing-to-settle")
    earn(room, 0, 7)
    first, again = (room.http.post(path, json=sent).json() for _ in range(2))
    assert first == again == {"campaign": 1, "points": 7, "state": "asked"}
    assert ask(room, 0, room.clock.now() + 1).json() == first  # one is open already
    assert early(room) == 1
    assert early(room) == 0
    # Said once, it is not said for what is earned later: who replays it moves nothing.
    earn(room, 0, 9)
    assert room.http.post(path, json=sent).json() == first | {"state": "sent"}
    assert early(room) == 0
    assert [given(room, who) for who in (0, 1)] == [107, 100]
    with room.db.read() as session:
        entries = session.execute(sa.select(BatchEntry.batch_id, BatchEntry.amount).order_by(BatchEntry.batch_id)).all()
    assert sorted(amount for _, amount in entries) == [7, 100, 100]
    room.check()


def test_a_process_that_dies_while_it_settles_has_done_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.campaign(settle_every=DAY, rules=RULES)
    earn(room, 0, 100)
    ask(room, 0)
    send = room.settler.relayer.enqueue

    def killed(*arguments: Any) -> int:
        send(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(room.settler.relayer, "enqueue", killed)
        with pytest.raises(KeyboardInterrupt):
            room.early.settle_due()
    assert batches(room) == []
    assert early(room) == 1
    assert given(room, 0) == 100
    room.check()


def test_refunds_go_with_it_and_a_key_without_a_cap_lets_it_wait(room: Room) -> None:
    room.campaign(settle_every=DAY, hold=1_000, rules=RULES)
    bought = earn(room, 0, 100)
    ask(room, 0)
    early(room)
    earn(room, 0, 30)
    assert room.refund(bought, amount=20).status_code == 202
    assert ask(room, 0, room.clock.now() + 1).json()["points"] == 10
    cap = room.row().key_cap
    with room.db.begin() as session:
        room.campaigns.get(session, 1).key_cap = 0
    assert early(room) == 0
    with room.db.begin() as session:
        room.campaigns.get(session, 1).key_cap = cap
    early(room)
    assert given(room, 0) == 110
    assert room.refund(bought).status_code == 202  # more comes back than waits
    refused(ask(room, 0, room.clock.now() + 2), 409, "nothing-to-settle")
    room.check()


def test_only_the_wallets_own_fresh_word_counts(room: Room) -> None:
    room.campaign(settle_every=DAY, step=100, rules=RULES)
    refused(ask(room, 0), 409, "nothing-to-settle")
    earn(room, 0, 99)
    refused(ask(room, 0), 409, "nothing-to-settle")  # less than a step
    earn(room, 0, 1)
    now = room.clock.now()
    for at in (now - 301, now + 301):
        refused(ask(room, 0, at), 422, "invalid-request")
    refused(ask(room, 0, signature=body(room, 0, signer=1)["signature"]), 422, "bad-signature")
    refused(ask(room, 0, signature=body(room, 0, chain=1)["signature"]), 422, "bad-signature")
    refused(ask(room, 0, signature=body(room, 0, campaign=2)["signature"]), 422, "bad-signature")
    refused(ask(room, 0, at=now + 1, signature=body(room, 0, now)["signature"]), 422, "bad-signature")
    other = body(room, 0, campaign=2) | {"campaign": 2}
    refused(room.http.post(f"/v1/wallets/{checksum(PEOPLE[0])}/settlements", json=other), 404, "unknown-campaign")
    with room.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(EarlyAsk)) == 0
    assert ask(room, 0, now).status_code == 202
    early(room)
    earn(room, 0, 100)
    refused(ask(room, 0, now - 1), 422, "invalid-request")  # an older word than the last


def test_a_wish_counts_as_an_order_and_is_forgotten_after_a_day(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.campaign(settle_every=DAY, rules=RULES)
    earn(room, 0, 100)

    def used_up(session: Session, holder: bytes) -> None:
        raise ORDERS_USED_UP.at("holder", retry_after=1)

    with monkeypatch.context() as tired:
        tired.setattr(room.early, "check_pace", used_up)
        refused(ask(room, 0), 429, "orders-used-up")
    assert ask(room, 0).status_code == 202
    early(room)
    room.clock.offset += DAY
    early(room)
    with room.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(EarlyAsk)) == 0


@on_postgresql
def test_a_wish_that_is_forgotten_while_it_is_settled_holds_up_nobody(room: Room) -> None:
    room.campaign(settle_every=DAY, min_wallets=3, rules=RULES)
    for who in (0, 1):
        earn(room, who, 100)
        assert ask(room, who).status_code == 202

    def forget(session: Session) -> None:
        session.execute(sa.delete(EarlyAsk).where(EarlyAsk.holder == PEOPLE[0]))

    overlap(room.db, forget, room.early.settle_due)
    room.hub.mine()
    room.drain()
    assert given(room, 1) == 100
