"""Leaderboards: by the wallet's own fresh word, under our names, of what landed and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.hexes import checksum, to_hex
from gateway.loyalty.earning.boards import pseudonyms
from gateway.loyalty.earning.boards.messages import message
from gateway.loyalty.earning.boards.models import Player
from gateway.loyalty.earning.boards.service import Leaderboards
from tests.gateway.earning.conftest import CHAIN, DAY, Room
from tests.support import pages
from tests.support.races import on_postgresql, overlap

KEYS = [bytes([n]) * 32 for n in range(1, 6)]
PEOPLE = [signatures.address_of(key) for key in KEYS]
RULES = [{"kind": "per_currency", "points": 100, "per": 100}]
BOARD = {"leaderboard": {"period": "month", "top": 2}}


def say(room: Room, who: int, name: str | None, at: int | None = None, signer: int | None = None) -> Any:
    at = room.clock.now() if at is None else at
    text = message(PEOPLE[who], 1, CHAIN, name, at)
    signature = signatures.sign(KEYS[who if signer is None else signer], signatures.personal(text.encode()))
    body = {"wallet": checksum(PEOPLE[who]), "pseudonym": name, "at": at, "signature": to_hex(signature)}
    return room.http.post("/v1/campaigns/1/leaderboard", json=body)


def board(room: Room, **asked: Any) -> list[tuple[int, str, int]]:
    answer = room.http.get("/v1/campaigns/1/leaderboard", params=asked)
    assert answer.status_code == 200, answer.text
    return [(item["place"], item["pseudonym"], item["points"]) for item in answer.json()["items"]]


def earn(room: Room, who: int, amount: int) -> int:
    answer = room.report(wallet=checksum(PEOPLE[who]), amount=amount)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def test_only_those_who_asked_are_shown_by_what_landed(room: Room) -> None:
    room.campaign(rules=RULES, programme=BOARD, hold=5 * DAY)
    names = ["brave-otter-42", "keen-owl-0", "shown-to-nobody", "warm-seal-7"]
    amounts = [500, 900, 5_000, 500, 700]
    for who, amount in enumerate(amounts):
        earn(room, who, amount)
    for who in (0, 1, 3):
        assert say(room, who, names[who]).status_code == 200
    assert board(room) == []  # nothing has landed
    room.settle()
    assert board(room) == [(1, "keen-owl-0", 900), (2, "brave-otter-42", 500), (2, "warm-seal-7", 500)]
    room.refund(earn(room, 0, 100))
    back = earn(room, 3, 1_000)
    room.clock.offset += 10
    room.settle()
    assert board(room)[0] == (1, "warm-seal-7", 1_500)
    assert board(room, of="brave-otter-42")[-1] == (3, "brave-otter-42", 500)
    room.refund(back)
    room.clock.offset += 10
    room.settle()
    assert board(room)[0] == (1, "keen-owl-0", 900)  # what was clawed back is not counted
    assert say(room, 1, None, room.clock.now() + 1).status_code == 200
    assert [name for _, name, _ in board(room)] == ["brave-otter-42", "warm-seal-7"]
    room.clock.offset += 32 * DAY
    assert board(room) == []
    assert len(board(room, back=1)) + len(board(room, back=2)) == 2


def test_a_board_in_pages_shows_what_the_whole_shows(room: Room) -> None:
    room.campaign(rules=RULES, programme=BOARD, hold=5 * DAY)
    names = ["brave-otter-42", "keen-owl-0", "keen-owl-1", "warm-seal-7", "warm-swan-0"]
    for who, amount in enumerate([500, 900, 500, 500, 100]):
        earn(room, who, amount)
        assert say(room, who, names[who]).status_code == 200
    room.settle()

    def get(asked: dict[str, Any], **more: Any) -> Any:
        return room.http.get("/v1/campaigns/1/leaderboard", params=asked | more)

    shown = pages.check(get)
    assert [item["place"] for item in shown] == [1, 2, 2, 2]
    # What is beyond the first places is not shown to whoever makes up a cursor.
    assert get({"cursor": "500.warm-seal-7"}).json()["items"] == []
    assert get({"cursor": "501.zesty-wren-99"}).json()["items"] == shown[1:]
    assert get({"cursor": "500.john-doe-1"}).json()["field"] == "cursor"
    whole = get({}, of="warm-swan-0").json()["items"]
    assert whole == [*shown, {"place": 5, "pseudonym": "warm-swan-0", "points": 100}]
    assert pages.read(lambda asked: get(asked, of="warm-swan-0"), 1) == whole

    def leave() -> None:
        assert say(room, 1, None, room.clock.now() + 1).status_code == 200

    found = pages.read(get, 1, meanwhile=leave)  # whom the cursor names is gone
    assert [item["pseudonym"] for item in found] == [item["pseudonym"] for item in shown]


def test_a_word_is_the_wallets_own_fresh_and_the_last(room: Room) -> None:
    room.campaign(rules=RULES, programme=BOARD)
    now = room.clock.now()
    assert say(room, 0, "keen-owl-1", signer=1).json()["code"] == "bad-signature"
    assert say(room, 0, "keen-owl-1", at=now - 400).json()["code"] == "invalid-request"
    assert say(room, 0, "keen-owl-01").json()["code"] == "unknown-pseudonym"
    assert say(room, 0, "john-doe-1").json()["code"] == "unknown-pseudonym"
    assert say(room, 0, "John Doe").json()["code"] == "invalid-request"
    assert say(room, 0, "keen-owl-1", at=now - 10).status_code == 200
    assert say(room, 0, "keen-owl-1", at=now - 10).status_code == 200
    assert say(room, 1, "keen-owl-1").json()["code"] == "pseudonym-taken"
    assert say(room, 0, None, at=now - 5).status_code == 200
    assert say(room, 0, "keen-owl-1", at=now - 10).json()["field"] == "at"  # replayed after it left
    assert say(room, 1, "keen-owl-1").status_code == 200
    names = room.http.get("/v1/campaigns/1/leaderboard/names?count=3").json()["items"]
    assert len(names) == 3
    assert say(room, 0, names[0]).status_code == 200


def test_no_board_unless_the_campaign_has_one_and_none_after_it(room: Room) -> None:
    room.campaign(rules=RULES)
    assert say(room, 0, "keen-owl-1").json()["code"] == "no-leaderboard"
    assert room.http.get("/v1/campaigns/1/leaderboard").json()["code"] == "no-leaderboard"
    assert room.http.get("/v1/campaigns/2/leaderboard").json()["code"] == "unknown-campaign"
    assert say(room, 0, None).status_code == 200  # leaving is always possible
    boards = Leaderboards(room.db, room.campaigns, room.clock, CHAIN)
    assert boards.forget_due() == 0
    room.clock.offset += 60 * DAY
    assert boards.forget_due() == 1


def test_every_name_has_its_number() -> None:
    for number in (0, 99, 100, 6_399, 6_400, pseudonyms.COUNT - 1):
        assert pseudonyms.number_of(pseudonyms.name_of(number)) == number
    assert pseudonyms.COUNT == 409_600
    for wrong in ("keen-owl", "owl-keen-1", "keen-owl-100", "keen-owl--1", "keen-owl-1-1", ""):
        with pytest.raises(ValueError):  # noqa: PT011
            pseudonyms.number_of(wrong)


@on_postgresql
def test_who_says_a_word_while_it_is_forgotten_is_no_failure(room: Room) -> None:
    room.campaign(rules=RULES, programme=BOARD)
    assert say(room, 0, "keen-owl-1").status_code == 200
    answers = []

    def forget(session: Session) -> None:
        session.execute(sa.delete(Player))

    overlap(room.db, forget, lambda: answers.append(say(room, 0, None, room.clock.now() + 1)))
    assert [answer.status_code for answer in answers] == [200]
