"""Badges: for those alone who earned them and asked, once, whatever is sent, told or reorganised how often."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain.badges import token_id
from gateway.chain.hexes import checksum
from gateway.chain.relayer.models import TxState
from gateway.commands import audit_rooms
from gateway.commands.audit_books import Books
from gateway.commands.audit_model import Badge
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.secrets import Secrets
from gateway.identity.wallets import proofs
from gateway.loyalty.badges import submission
from gateway.loyalty.badges.messages import withdrawal
from gateway.loyalty.badges.models import BadgeWish
from gateway.loyalty.badges.schemas import WishIn
from gateway.loyalty.badges.service import LONGEST, SHORTEST
from gateway.loyalty.badges.submission import AT_ONCE, SETTLES
from gateway.loyalty.tiers.service import MAX_CHANGES
from tests.gateway.badges.conftest import PROGRAMME, Corner, address, build
from tests.gateway.earning.conftest import DAY, HUB
from tests.support import pages
from tests.support.clocks import StoppedClock

#: The same on every database, and others show that the statements are.
ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def open_corner(corner: Corner) -> Corner:
    """With a campaign that settles at once."""
    corner.room.campaign(programme=PROGRAMME, began=20 * DAY)
    return corner


@pytest.fixture(scope="module")
def shared(sqlite_with_schema: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corner]:
    """As `open_corner`, on one database, for tests that each have wallets of their own."""
    file = shutil.copy(sqlite_with_schema, tmp_path_factory.mktemp("badges") / "loyalty.db")
    db, clock = Database(f"sqlite:///{file}"), StoppedClock()
    corner = build(db, clock, Jobs(clock), Secrets(b"of the badges' tests, 32 bytes or more"))
    corner.room.campaign(programme=PROGRAMME, began=20 * DAY)
    yield corner
    db.dispose()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_from_the_till_to_the_chain(open_corner: Corner) -> None:
    corner = open_corner
    corner.regular("ann", days=1)
    half = corner.statuses("ann")[1]
    assert (half["state"], half["counted"], half["needed"]) == ("open", 1, 2)
    assert half["takes"] == "Two cups: 2 actions in a day; 2 times"
    assert code(corner.ask("ann")) == (409, "badge-not-earned")
    corner.regular("ann")
    corner.follow()
    assert corner.state("ann") == "earned"
    assert corner.room.hub.given == {}  # a goal without points gives none
    assert corner.submission.submit_due() == 0  # nobody has asked
    answer = corner.ask("ann")
    assert (answer.status_code, answer.json()["state"]) == (202, "asked")
    assert corner.held("ann") == []
    assert corner.submission.submit_due() == 1
    assert corner.state("ann") == "sent"
    assert corner.mine() == 1
    assert (corner.state("ann"), corner.held("ann")) == ("held", [(1, False)])
    assert (corner.defined()[1]["held"], corner.defined()[7]["held"]) == (1, 0)
    assert len(corner.told) == 1
    assert corner.ask("ann").json()["state"] == "held"
    assert (corner.submission.submit_due(), corner.queued()) == (0, [])


def test_a_rung_that_was_reached_earns_it_too(shared: Corner) -> None:
    corner = shared
    corner.buy("bob", 15_000, occurred_at=corner.room.clock.now() - 12 * DAY)
    assert code(corner.ask("bob", 7)) == (409, "badge-not-earned")
    corner.buy("bob", 6_000, occurred_at=corner.room.clock.now() - 11 * DAY)
    status = corner.statuses("bob")[7]  # by now it has fallen again
    assert (status["takes"], status["state"], status["needed"]) == (
        "Gold of status, or above: 200.00 points earned",
        "earned",
        1,
    )
    assert corner.ask("bob", 7).status_code == 202
    assert corner.submission.submit_due() == 1
    assert corner.mine() == 1


def test_a_rung_is_not_forgotten_however_often_the_wallet_wavered_since(corner: Corner) -> None:
    rungs = [{"id": "member", "at": 0}, {"id": "silver", "at": 100}, {"id": "gold", "at": 20_000}]
    ladder = PROGRAMME["ladders"][0] | {"days": 1, "rungs": rungs}
    corner.room.campaign(programme=PROGRAMME | {"ladders": [ladder]}, began=60 * DAY)
    now = corner.room.clock.now()
    corner.buy("bob", 20_000, occurred_at=now - 50 * DAY)
    for days in range(2, 2 * MAX_CHANGES, 2):  # up to silver on the next day, down on the one after
        corner.buy("bob", 100, occurred_at=now - days * DAY)
    assert corner.state("bob", 7) == "earned"
    assert corner.ask("bob", 7).status_code == 202


def test_wishes_wait_for_the_settlement_and_go_together(corner: Corner) -> None:
    corner.room.campaign(programme=PROGRAMME, began=20 * DAY, settle_every=DAY)
    names = ["ann", "bob", "cleo"]
    for name in names:
        corner.regular(name)
        sends_at = corner.ask(name).json()["sends_at"]
        assert sends_at % DAY == 0
        assert 0 < sends_at - corner.room.clock.now() <= DAY
    for allowed in (proofs.SHOW, withdrawal(2, 1), withdrawal(1, 2)):  # a word for something else
        assert code(corner.withdraw(names[0], what=allowed)) == (422, "bad-signature")
    assert corner.withdraw(names[0]).status_code == 204
    assert code(corner.withdraw(names[0])) == (404, "not-found")
    assert corner.state(names[0]) == "earned"
    assert corner.submission.submit_due() == 0
    corner.room.clock.offset += DAY
    assert corner.submission.submit_due() == 0  # the settlement is due, and not yet made
    assert corner.room.settle() == 1
    assert corner.submission.submit_due() == len(names) - 1
    assert corner.submission.submit_due() == 0
    assert len(corner.queued()) == 1
    assert code(corner.withdraw(names[1])) == (409, "badge-on-its-way")
    assert corner.mine() == len(names) - 1
    assert len(corner.told) == 1


def test_wishes_wait_with_awards_of_too_few_wallets(corner: Corner) -> None:
    """Else the block of a badge told of its wallet's day what the settlement hides."""
    corner.room.campaign(programme=PROGRAMME, began=20 * DAY, settle_every=DAY, min_wallets=3)
    corner.regular("ann")
    assert code(corner.ask("ann", lasts=7 * DAY)) == (422, "order-expired")
    assert corner.ask("ann", lasts=9 * DAY).status_code == 202
    corner.room.clock.offset += DAY
    assert (corner.room.settle(), corner.submission.submit_due()) == (0, 0)
    corner.regular("bob")
    corner.regular("cleo")
    corner.room.clock.offset += DAY
    assert (corner.submission.submit_due(), corner.room.settle(), corner.submission.submit_due()) == (0, 1, 1)
    assert corner.ask("bob", lasts=9 * DAY).status_code == 202
    corner.regular("dan")
    days = 0
    while not corner.submission.submit_due():
        corner.room.clock.offset += DAY
        days += 1
    assert days in (7, 8)


def test_what_is_refunded_meanwhile_is_not_sent(shared: Corner) -> None:
    corner = shared
    action = corner.regular("gus")[0]
    assert corner.ask("gus").status_code == 202
    assert corner.room.refund(action).status_code == 202
    assert (corner.submission.submit_due(), corner.queued()) == (0, [])
    assert corner.state("gus") == "open"


def test_it_lands_once_through_refusals_silence_and_reorganisations(open_corner: Corner) -> None:
    corner = open_corner
    corner.regular("ann")
    wish = corner.wish("ann")
    assert corner.send(wish).json() == corner.send(wish).json()
    corner.submission.submit_due()
    assert corner.mine(TxState.REFUSED) == 0  # no key of ours may, say
    assert corner.submission.submit_due() == 0
    corner.room.clock.offset += 5
    assert corner.submission.submit_due() == 1
    fork = corner.block
    assert corner.mine() == 1
    corner.reorganise(fork)
    assert (corner.held("ann"), corner.state("ann")) == ([], "sent")
    corner.room.clock.offset += SETTLES
    assert corner.submission.submit_due() == 1
    assert corner.mine() == 1
    # Told again, and lost: a transaction without its event is followed by another, which lands nothing.
    with corner.db.begin() as session:
        row = session.get_one(BadgeWish, (1, 1, address("ann")))
        row.landed_block = None
        corner.submission.tx_done(session, row.tx_id or 0)
    corner.room.clock.offset += SETTLES
    assert (corner.submission.submit_due(), corner.queued(), corner.held("ann")) == (0, [], [(1, False)])


@ON_ONE
def test_badges_do_not_crowd_holders_orders_out(open_corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "MAX_BATCH", 1)
    corner = open_corner
    names = [f"holder {n}" for n in range(AT_ONCE + 1)]
    for name in names:
        corner.regular(name)
        corner.ask(name)
    assert corner.submission.submit_due() == len(corner.queued()) == AT_ONCE
    assert corner.submission.submit_due() == 0
    assert corner.mine() == AT_ONCE
    assert corner.submission.submit_due() == 1
    assert corner.mine() == 1


def test_several_workers_and_askers_are_one(open_corner: Corner) -> None:
    corner = open_corner
    corner.regular("ann")
    sent = corner.wish("ann")
    wish = WishIn.model_validate(sent).wish(1)
    with ThreadPoolExecutor(4) as pool:
        assert {status.state for status in pool.map(lambda _: corner.badges.ask(wish), range(4))} == {"asked"}
        assert sum(pool.map(lambda _: corner.submission.submit_due(), range(4))) == 1
    assert len(corner.queued()) == 1


@ON_ONE
def test_the_audit_compares_wishes_with_the_chain(open_corner: Corner) -> None:
    corner = open_corner
    corner.regular("carl")
    corner.ask("carl")
    books = Books(HUB)

    def found() -> list[str]:
        with corner.db.read() as session:
            return [difference.code for difference in audit_rooms.wishes(session, books)]

    assert found() == []
    corner.submission.submit_due()
    corner.mine()
    assert found() == ["badge-wish"]
    books.badges[token_id(1, 1, address("carl"))] = Badge(corner.block)
    assert found() == []


def test_a_restored_gateway_sends_nothing_before_it_knows(shared: Corner) -> None:
    corner = shared
    corner.regular("dora")
    corner.ask("dora")
    corner.submission.whole = lambda: False
    assert (corner.submission.submit_due(), corner.queued()) == (0, [])
    corner.submission.whole = lambda: True
    assert corner.submission.submit_due() == 1
    assert corner.mine() == 1


@ON_ONE
def test_renounced_is_for_good(open_corner: Corner) -> None:
    corner = open_corner
    corner.regular("ann")
    corner.ask("ann")
    corner.submission.submit_due()
    corner.mine()
    fork = corner.block
    corner.renounce("ann")
    assert (corner.held("ann"), corner.state("ann"), corner.defined()[1]["held"]) == ([(1, True)], "renounced", 0)
    assert code(corner.ask("ann", lasts=11 * DAY)) == (409, "badge-renounced")
    corner.reorganise(fork - 1)
    assert corner.held("ann") == []


@ON_ONE
def test_wishes_are_forgotten_once_they_cannot_come_true(open_corner: Corner) -> None:
    corner = open_corner
    corner.regular("ann")
    corner.regular("bob")
    for name in ("ann", "bob"):
        assert corner.ask(name, lasts=SHORTEST).status_code == 202
    with corner.db.begin() as session:
        session.get_one(BadgeWish, (1, 1, address("bob"))).retry_at = corner.room.clock.now() + 2 * SHORTEST
    corner.submission.submit_due()
    corner.mine()
    corner.at_depth()
    assert corner.settlement.sweep_due() == 0
    corner.room.clock.offset += SHORTEST + 1
    assert (corner.submission.submit_due(), corner.queued()) == (0, [])
    corner.at_depth()
    assert corner.settlement.sweep_due() == 2
    assert (corner.state("ann"), corner.state("bob")) == ("held", "earned")
    with corner.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(BadgeWish)) == 0
    corner.room.clock.offset += 36 * DAY
    assert code(corner.ask("bob")) == (409, "campaign-ended")


def test_a_later_wish_takes_the_place_of_one_that_is_over(shared: Corner) -> None:
    corner = shared
    corner.regular("emil")
    corner.ask("emil", lasts=SHORTEST)
    corner.room.clock.offset += SHORTEST + 1
    assert corner.submission.submit_due() == 0
    assert corner.ask("emil").json()["state"] == "asked"
    assert corner.submission.submit_due() == 1
    assert corner.mine() == 1


def test_wishes_that_are_none(shared: Corner) -> None:
    corner = shared
    corner.regular("fay")
    bob = checksum(address("bob"))
    for wish, expected in (
        (corner.wish("fay", wallet=bob), (422, "bad-signature")),
        (corner.wish("fay", badge=7) | {"badge": 1}, (422, "bad-signature")),
        (corner.wish("fay") | {"deadline": corner.room.clock.now() + 9 * DAY}, (422, "bad-signature")),
        (corner.wish("fay", lasts=SHORTEST - 1), (422, "order-expired")),
        (corner.wish("fay", lasts=LONGEST + 1), (422, "order-expired")),
        (corner.wish("fay", badge=2), (404, "unknown-badge")),
        (corner.wish("fay", more=1), (422, "invalid-request")),
        *((corner.wish("fay") | {"badge": bad}, (422, "invalid-request")) for bad in (0, -1, 10_000, "1", None, 2**70)),
    ):
        assert code(corner.send(wish)) == expected, wish
    assert code(corner.send(corner.wish("fay"), campaign=2)) == (422, "bad-signature")
    headers = {"Authorization": "Bearer x"}
    answer = corner.room.http.post("/v1/campaigns/1/badges", json=corner.wish("fay"), headers=headers)
    assert code(answer) == (400, "credentials-refused")
    path = f"/v1/wallets/{checksum(address('ann'))}/badges/earned"
    assert code(corner.room.http.get(path)) == (403, "proof-required")
    assert code(corner.room.http.get(path, headers=corner.proof("bob"))) == (422, "bad-signature")
    assert code(corner.room.http.get("/v1/campaigns/2/badges")) == (404, "unknown-campaign")
    with corner.db.read() as session:
        mine = BadgeWish.wallet == address("fay")
        assert session.scalar(sa.select(sa.func.count()).where(mine)) == 0


@ON_ONE
def test_a_number_never_comes_to_stand_for_something_else(open_corner: Corner) -> None:
    corner = open_corner
    rules = {"rules": [{"kind": "per_visit", "points": 1}]}

    def publish(**changes: Any) -> Any:
        return corner.publish(rules | PROGRAMME | changes)

    other = [{"number": 1, "name": "Regular", "goal": "two", "times": 3}]
    told = publish(badges=other)
    assert (code(told), told.json()["detail"]) == ((409, "badge-changed"), "number 1")
    tried = corner.publish(rules | PROGRAMME | {"badges": other}, "rules/preview")
    assert code(tried) == (409, "badge-changed")
    fewer = [PROGRAMME["badges"][1] | {"name": "Shining"}]
    challenges = [PROGRAMME["challenges"][1]]
    assert publish(badges=fewer, challenges=challenges).status_code == 201
    corner.regular("ann")
    assert {n: (d["name"], d["offered"]) for n, d in corner.defined().items()} == {
        1: ("Regular", False),
        7: ("Shining", True),
    }
    assert code(corner.ask("ann")) == (404, "unknown-badge")
    assert code(publish(badges=other)) == (409, "badge-changed")  # also after it was gone


@ON_ONE
def test_badges_come_in_pages(open_corner: Corner) -> None:
    corner = open_corner
    third = {"number": 10, "name": "Rich", "goal": "rich"}
    for campaign in (2, 3):
        corner.room.campaign(campaign, programme=PROGRAMME | {"badges": [third, *PROGRAMME["badges"]]}, began=20 * DAY)
    defined = pages.check(lambda asked: corner.room.http.get("/v1/campaigns/3/badges", params=asked))
    assert [badge["badge"] for badge in defined] == [1, 7, 10]
    for campaign in (3, 1):
        corner.buy("ann", 100, campaign=campaign)
    found = pages.check(lambda asked: corner.earned("ann", asked))
    assert [(each["campaign"], each["badge"]) for each in found] == [(1, 1), (1, 7), (3, 1), (3, 7), (3, 10)]


@ON_ONE
def test_where_there_is_no_contract(db: Database, clock: Clock, jobs: Jobs, secrets: Secrets) -> None:
    corner = build(db, clock, jobs, secrets, contract=None)
    corner.room.campaign(programme=PROGRAMME, began=20 * DAY)
    assert code(corner.ask("ann")) == (409, "no-badges")
    assert corner.room.http.get("/v1/campaigns/1/badges").json()["contract"] is None
    assert corner.submission.submit_due() == 0
