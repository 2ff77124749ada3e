"""Uploading codes and drawing them."""

from __future__ import annotations

import secrets

import httpx
import pytest
import sqlalchemy as sa

from gateway.chain.hexes import checksum
from gateway.core.problems import Problem
from gateway.loyalty.offers import uploads
from gateway.loyalty.offers.models import Code, CodeState, CodeUpload, Offer
from gateway.loyalty.offers.pools import Filling, Pools
from gateway.loyalty.offers.uploads import Uploads
from tests.gateway.redemptions.market import address_of
from tests.gateway.redemptions.world import World, refused
from tests.support.races import together

TOLD = {"pattern": None, "low_stock": 20}


def counts(world: World, offer: int) -> dict[str, int]:
    answer: dict[str, int] = world.call("GET", f"/offers/{offer}/codes", who="corner").json()
    return answer


def draw(world: World, offer: int) -> str:
    with world.db.begin() as session:
        return world.codes.draw(session, world.codes.lock(session, offer), secrets.token_bytes(32)).text.decode()


def test_thousands_of_codes_in_a_few_statements(world: World) -> None:
    offer = world.offer()["id"]
    data = "code\n" + "".join(f"SPRING-{number:06}\n" for number in range(10_000))
    statements: list[str] = []
    sa.event.listen(world.db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    answer = world.upload(offer, data, once="big")
    assert answer.json() == {"offer": offer, "added": 10_000}
    assert len(statements) < 60
    assert counts(world, offer) == {"free": 10_000, "reserved": 0, "delivered": 0, "used": 0, **TOLD}
    assert world.upload(offer, data, once="big").json() == {"offer": offer, "added": 10_000}
    refused(world.upload(offer, data), 409, "codes-already-uploaded", "rows[2].code")
    late = "code\n" + "".join(f"SUMMER-{number:06}\n" for number in range(2_500)) + "spring 000007\nSUMMER-X\n"
    answer = world.upload(offer, late)
    refused(answer, 409, "codes-already-uploaded", "rows[2502].code")
    assert "000007" not in answer.text
    assert counts(world, offer)["free"] == 10_000


def test_all_or_nothing(world: World) -> None:
    offer = world.offer()["id"]
    good = "".join(f"C{number}\n" for number in range(3_000))
    refused(world.upload(offer, f"code\n{good}Ä\n"), 422, "csv-malformed", "rows[3002].code")
    refused(world.upload(offer, f"code\n{good}c-7\n"), 422, "csv-malformed", "rows[3002].code")
    assert counts(world, offer)["free"] == 0
    with world.db.read() as session:
        assert session.scalar(sa.select(Code.id)) is None
        assert session.get_one(Offer, offer).free == 0


def test_two_merchants_may_have_the_same_code(world: World) -> None:
    first = world.offer()["id"]
    body = world.offer_body("bakery", merchant=checksum(address_of("bakery")))
    second = world.call("POST", "/offers", body, "bakery").json()["id"]
    assert world.upload(first, "code\nSAME\n").status_code == 201
    assert world.upload(second, "code\nSAME\n", "bakery").status_code == 201


def test_texts_are_encrypted_at_rest_and_forgotten_at_delivery(world: World) -> None:
    offer = world.offer()["id"]
    world.upload(offer, "code\nSECRET-CODE-1\n")
    with world.db.begin() as session:
        code = session.scalars(sa.select(Code)).one()
        assert b"SECRET" not in bytes(code.text_box or b"")
        drawn = world.codes.draw(session, world.codes.lock(session, offer), secrets.token_bytes(32))
        assert drawn.text == b"SECRET-CODE-1"
        world.codes.deliver(session, drawn.id)
    with world.db.read() as session:
        code = session.scalars(sa.select(Code)).one()
        assert (code.state, code.text_box) == (CodeState.DELIVERED, None)


def test_codes_are_drawn_at_random_and_each_once(world: World) -> None:
    offer = world.offer(codes=60)["id"]
    drawn = [draw(world, offer) for _ in range(60)]
    assert len(set(drawn)) == 60
    assert drawn != sorted(drawn)
    with pytest.raises(Problem) as refusal:
        draw(world, offer)
    assert refusal.value.refusal.code == "out-of-stock"
    assert counts(world, offer)["reserved"] == 60


def test_a_freed_code_is_drawn_again_but_not_first(world: World) -> None:
    offer = world.offer(codes=40)["id"]
    with world.db.begin() as session:
        first = world.codes.draw(session, world.codes.lock(session, offer), secrets.token_bytes(32))
        world.codes.free(session, first.id)
        world.codes.free(session, first.id)  # twice is once
    assert counts(world, offer) == {"free": 40, "reserved": 0, "delivered": 0, "used": 0, **TOLD}
    with world.db.read() as session:
        row = session.get_one(Offer, offer)
        assert (row.free, row.drawn) == (40, 0)
    assert sorted(draw(world, offer) for _ in range(40))[0] == f"CODE-{offer:02}-0001"


def test_two_at_the_same_time_never_draw_the_same_code(world: World) -> None:
    offer = world.offer(codes=40)["id"]
    drawn: list[str] = []

    def take() -> None:
        for _ in range(10):
            drawn.append(draw(world, offer))

    together([take] * 4)
    assert len(set(drawn)) == len(drawn) == 40


def test_generated_codes_and_the_stock_limit(world: World) -> None:
    offer = world.generated(stock_limit=3)["id"]
    made = {draw(world, offer) for _ in range(3)}
    assert len(made) == 3
    assert all(code.startswith("CAFE-") and len(code) == 21 for code in made)
    with pytest.raises(Problem) as refusal:
        draw(world, offer)
    assert refusal.value.refusal.code == "out-of-stock"
    assert world.call("GET", f"/offers/{offer}").json()["availability"] == "none"
    with world.db.begin() as session:
        freed = session.scalars(sa.select(Code)).first()
        assert freed is not None
        world.codes.free(session, freed.id)
    assert draw(world, offer) in made  # given back, not made anew


def test_a_low_pool_tells_its_merchant_once(world: World) -> None:
    offer = world.offer(codes=5, low_stock=3)["id"]
    for _ in range(4):
        draw(world, offer)
    world.jobs.run_due(world.db)
    assert world.seen == [("codes.low", offer)]


def test_a_small_pool_and_a_refilled_one_tell_too(world: World) -> None:
    offer = world.offer(codes=2, low_stock=20)["id"]
    draw(world, offer)
    draw(world, offer)
    world.upload(offer, "code\n" + "".join(f"NEW-{number}\n" for number in range(22)))
    draw(world, offer)
    world.jobs.run_due(world.db)
    assert world.seen == [("codes.low", offer)]
    draw(world, offer)
    world.jobs.run_due(world.db)
    assert world.seen == [("codes.low", offer)] * 2

    def watch(low: int, who: str = "corner") -> httpx.Response:
        return world.call("PUT", f"/offers/{offer}/codes", {"low_stock": low}, who)

    assert watch(5).json()["low_stock"] == 5
    world.jobs.run_due(world.db)
    assert len(world.seen) == 2  # there are more
    assert watch(30).status_code == watch(30).status_code == 200
    world.jobs.run_due(world.db)
    assert len(world.seen) == 3
    assert watch(-1).status_code == 422
    assert watch(5, who="bakery").status_code == 404


def test_an_offer_of_links(world: World) -> None:
    offer = world.offer(document=world.full(links=True))["id"]
    link = "https://partner.example/gift/aB-9"
    assert world.upload(offer, f"code\n{link}\n{link.lower()}\n").status_code == 201
    refused(world.upload(offer, "code\nSPRING-1\n"), 422, "csv-malformed", "rows[2].code")
    with world.db.begin() as session:
        drawn = [world.codes.draw(session, world.codes.lock(session, offer), secrets.token_bytes(32)) for _ in range(2)]
        for each in drawn:
            world.codes.deliver(session, each.id)
    assert {each.text.decode() for each in drawn} == {link, link.lower()}
    assert world.call("POST", "/codes/use", {"code": link}, "corner").status_code == 200
    assert world.call("POST", "/codes/check", {"code": link.lower()}, "corner").json()["state"] == "delivered"


@pytest.fixture
def in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    """Files of more than ten codes count as large."""
    monkeypatch.setattr(uploads, "PART", 10)
    return Uploads(world.db, world.clock, Pools(world.codes.secrets))


def filling(world: World, offer: int, first: int = 0) -> Filling:
    data = "code\n" + "".join(f"PART-{number:03}\n" for number in range(first, first + 35))
    with world.db.read() as session:
        return Pools(world.codes.secrets).read(session.get_one(Offer, offer), data.encode())


def test_a_large_file_comes_in_parts_and_counts_as_a_whole(world: World, in_parts: Uploads) -> None:
    offer = world.offer()["id"]
    data = "code\n" + "".join(f"PART-{number:03}\n" for number in range(30))  # as many as three parts hold
    assert world.upload(offer, data, once="large").json() == {"offer": offer, "added": 30}
    assert counts(world, offer)["free"] == 30
    assert world.upload(offer, data, once="large").json() == {"offer": offer, "added": 30}
    refused(world.upload(offer, data + "PART-X\n"), 409, "codes-already-uploaded", "rows[2].code")
    late = "code\n" + "".join(f"LATE-{number:03}\n" for number in range(25)) + "part-007\n"
    refused(world.upload(offer, late), 409, "codes-already-uploaded", "rows[27].code")
    assert len({draw(world, offer) for _ in range(30)}) == 30
    with world.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Code)) == 30
        assert session.scalar(sa.select(CodeUpload.id)) is None


def test_a_file_whose_sender_died_is_taken_away_or_let_out(world: World, in_parts: Uploads) -> None:
    offer, other = world.offer()["id"], world.offer()["id"]
    in_parts.stage(filling(world, offer))
    decided = in_parts.stage(filling(world, other, 100))
    with world.db.begin() as session:
        assert in_parts.decide(session, decided, 35) == 35
    for number in (offer, other):
        assert counts(world, number) == {"free": 0, "reserved": 0, "delivered": 0, "used": 0, **TOLD}
        with pytest.raises(Problem):
            draw(world, number)
    answer = world.upload(offer, "code\nPART-003\n")
    refused(answer, 503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert in_parts.sweep_due() == 0, "somebody may be at work on them"
    world.clock.offset += uploads.STALE + 1
    while in_parts.sweep_due():
        pass
    assert counts(world, offer)["free"] == 0
    assert counts(world, other)["free"] == 35
    assert world.upload(offer, "code\nPART-003\n").status_code == 201
    with world.db.begin() as session, pytest.raises(Problem):
        in_parts.decide(session, decided - 1, 35)  # its sender lives after all, and is told to come back
