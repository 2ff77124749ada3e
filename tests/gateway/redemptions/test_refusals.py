"""Orders for codes that are refused, each with its code and field, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.hexes import to_hex
from gateway.chain.relayer.models import Purpose
from gateway.chain.signatures import HALF_ORDER
from gateway.identity.wallets.models import OpenOrder
from gateway.loyalty.offers.models import Code, CodeState
from gateway.loyalty.redemptions.models import Redemption
from tests.gateway.redemptions.market import CLOSED, DAY, IN_WALLET, OPEN, address_of
from tests.gateway.redemptions.world import World, refused
from tests.support.races import on_postgresql, overlap


@pytest.fixture
def offer(world: World) -> dict[str, Any]:
    return world.offer(codes=40)


@pytest.fixture(autouse=True)
def _nothing_half_done(world: World) -> Iterator[None]:
    """Each order that was taken has its place among the open ones and its code; whatever was refused has nothing."""
    yield
    with world.db.read() as session:
        kept = session.scalar(sa.select(sa.func.count()).select_from(Redemption))
        assert kept == session.scalar(sa.select(sa.func.count()).select_from(OpenOrder))
        assert kept == session.scalar(sa.select(sa.func.count()).where(Code.state == CodeState.RESERVED))


def test_malformed_fields(world: World, offer: dict[str, Any]) -> None:
    good = world.order(offer)
    hostile: dict[str, list[object]] = {
        "holder": ["", "0x", "0x" + "g" * 40, good["holder"][:-1], good["holder"] + "0", "ä" * 42, 5, None, True],
        "offer": [-1, 0, 1.0, True, "1", 10**11, float("inf"), None],
        "source": [-1, 1.5, True, "0", 10**30],
        "amount": [-1, 0, 0.5, True, "2500", 10**9, 10**40, [], None],
        "nonce": [-1, 2**32, 0.0, False, "0"],
        "deadline": [-1, 0, 2**31, 1.5, True, "soon"],
        "seal_key": ["0x", "0x" + "00" * 31, "0x" + "00" * 33, "00" * 32, "0x" + "zz" * 32, 7],
        "signature": ["0x" + "00" * 64, "0x" + "00" * 66, good["signature"][2:], "é" * 132, 1],
    }
    for field, values in hostile.items():
        for value in values:
            if value == float("inf"):
                continue
            refused(world.call("POST", "/redemptions", good | {field: value}), 422, "invalid-request", field)
    refused(world.call("POST", "/redemptions", good | {"note": "hello"}), 422, "invalid-request", "body")
    for body in (b"[]", b"nonsense", b'{"amount": NaN}', b'{"amount": Infinity}', b"\xff"):
        answer = world.call("POST", "/redemptions", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_signatures(world: World, offer: dict[str, Any]) -> None:
    good = world.order(offer)
    r, s, v = good["signature"][2:66], int(good["signature"][66:130], 16), good["signature"][130:]
    order = 2 * HALF_ORDER + 1
    bad = {
        "somebody else's": world.order(offer, "bob")["signature"],
        "high s": f"0x{r}{order - s:064x}{'1b' if v == '1c' else '1c'}",
        "v of 0": f"0x{r}{s:064x}00",
        "zeros": "0x" + "00" * 65,
        "ones": "0x" + "ff" * 65,
    }
    for signature in bad.values():
        refused(world.call("POST", "/redemptions", good | {"signature": signature}), 422, "bad-signature", "signature")
    for field, value in {"amount": 2_499, "nonce": 1, "deadline": good["deadline"] + 1}.items():
        refused(world.call("POST", "/redemptions", good | {field: value}), 422, "bad-signature", "signature")
    answer = world.call("POST", "/redemptions", good | {"signature": bad["zeros"]})
    assert "chain 31337" in answer.json()["detail"]
    assert world.call("POST", "/redemptions", good).status_code == 202


def test_terms(world: World, offer: dict[str, Any]) -> None:
    refused(world.call("POST", "/redemptions", world.order(offer) | {"offer": 999}), 404, "not-found", "offer")
    refused(world.redeem(offer, amount=2_501), 422, "price-mismatch", "amount")
    refused(world.redeem(offer, amount=2_499), 422, "price-mismatch", "amount")
    refused(world.redeem(offer, source=OPEN), 422, "wrong-source", "source")
    refused(world.redeem(world.offer(codes=1, campaign=CLOSED), source=0), 422, "wrong-source", "source")
    refused(world.redeem(world.offer(codes=1, price=99)), 422, "below-relay-minimum", "amount")
    refused(world.redeem(world.offer()), 409, "out-of-stock", "offer")
    refused(world.redeem(world.offer(codes=1, price=IN_WALLET + 1)), 422, "insufficient-points", "amount")
    refused(world.redeem(world.offer(codes=1, starts_at=world.clock.now() + 60)), 409, "offer-not-open", "offer")
    for small_order in (
        "00" * 32,
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    ):
        refused(world.redeem(offer, seal_key="0x" + small_order), 422, "seal-key-refused", "seal_key")
    assert world.call("POST", f"/offers/{offer['id']}/close", who="corner").json()["active"] is False
    refused(world.redeem(offer), 409, "offer-not-open", "offer")


def test_times(world: World, offer: dict[str, Any]) -> None:
    now = world.clock.now()
    for deadline in (now - 1, now, now + 30, now + 8 * DAY):
        refused(world.redeem(offer, deadline=deadline), 422, "order-expired", "deadline")
    late = world.order(offer, deadline=now + 40 * DAY + 600)
    world.clock.offset = 40 * DAY
    refused(world.call("POST", "/redemptions", late), 409, "offer-not-open", "offer")


def test_nonces_points_and_the_limit_of_open_orders(world: World, offer: dict[str, Any]) -> None:
    refused(world.redeem(offer, nonce=1), 409, "nonce-gap", "nonce")
    assert world.redeem(offer, nonce=0).status_code == 202
    refused(world.redeem(offer, nonce=0), 409, "stale-nonce", "nonce")
    refused(world.redeem(offer, nonce=2), 409, "nonce-gap", "nonce")
    big = world.offer(codes=2, price=IN_WALLET - 2_500)
    refused(world.redeem(world.offer(codes=1, price=IN_WALLET - 2_499), nonce=1), 422, "insufficient-points", "amount")
    assert world.redeem(big, nonce=1).status_code == 202
    refused(world.redeem(offer, nonce=2), 422, "insufficient-points", "amount")
    for nonce in range(16):
        assert world.redeem(offer, "bob", nonce=nonce).status_code == 202
    refused(world.redeem(offer, "bob", nonce=16), 429, "too-many-orders", "holder")


def test_a_used_nonce_is_stale(world: World, offer: dict[str, Any]) -> None:
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    refused(world.redeem(offer, nonce=0), 409, "stale-nonce", "nonce")
    assert world.redeem(offer, nonce=65_536).status_code == 202


def test_the_same_order_again_gets_the_first_answer(world: World, offer: dict[str, Any]) -> None:
    order = world.order(offer)
    first = world.call("POST", "/redemptions", order)
    again = world.call("POST", "/redemptions", order)
    assert (again.status_code, again.json()) == (202, first.json())
    world.settle()
    world.clock.offset = 2 * DAY  # the nonce is used up and the deadline over, and still it is the same order
    later = world.call("POST", "/redemptions", order)
    assert (later.status_code, later.json()["id"], later.json()["state"]) == (202, first.json()["id"], "delivered")
    with world.db.begin() as session:
        session.execute(sa.delete(Redemption))
        session.execute(sa.update(Code).values(state=CodeState.FREE))


def test_a_wallets_limit(world: World) -> None:
    offer = world.offer(codes=5, wallet_limit=2)
    assert world.redeem(offer, nonce=0).status_code == 202
    assert world.redeem(offer, nonce=1).status_code == 202
    refused(world.redeem(offer, nonce=2), 409, "wallet-limit-reached", "offer")
    assert world.redeem(offer, "bob").status_code == 202


def test_who_may_serve(world: World, offer: dict[str, Any]) -> None:
    world.market.send("corner", world.deployment.hub, calls.set_delegate(address_of("relayer"), False))
    refused(world.redeem(offer), 409, "merchant-has-no-delegate", "offer")
    world.market.send("corner", world.deployment.hub, calls.set_delegate(address_of("relayer"), True))
    assert world.redeem(offer).status_code == 202


def test_a_merchant_that_was_put_off(world: World) -> None:
    offer = world.offer(codes=1, campaign=CLOSED)
    hub = world.deployment.hub
    world.market.send("owner", hub, calls.schedule_merchant_off(CLOSED, address_of("corner")))
    world.node.pass_time(7 * DAY + 1)
    refused(world.redeem(offer), 409, "merchant-not-serving", "offer")


def test_a_node_that_is_down_refuses_and_keeps_nothing(world: World, offer: dict[str, Any]) -> None:
    order = world.order(offer)
    world.rpc._url, url = "http://127.0.0.1:1", world.rpc._url
    try:
        answer = world.call("POST", "/redemptions", order)
        refused(answer, 503, "chain-unreachable", None)
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        world.rpc._url = url
    assert world.call("POST", "/redemptions", order).status_code == 202


def test_seal_keys_are_not_reflected(world: World, offer: dict[str, Any]) -> None:
    marker = "0x" + "ab" * 32
    answer = world.redeem(offer, seal_key=marker, nonce=9)
    assert marker[2:] not in answer.text
    assert to_hex(address_of("ann"))[2:] not in answer.text.lower()


def test_many_at_the_same_time_are_one_order_a_nonce(world: World, offer: dict[str, Any]) -> None:
    rivals = [world.order(offer, nonce=0) for _ in range(3)] * 2  # three orders, each sent twice
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda body: world.call("POST", "/redemptions", body), rivals))
    taken = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(taken) == 1
    refusals = {answer.json()["code"] for answer in answers if answer.status_code != 202}
    assert refusals <= {"stale-nonce", "busy"}
    again = [world.call("POST", "/redemptions", body) for body in rivals]
    assert sorted(answer.status_code for answer in again) == [202, 202, 409, 409, 409, 409]


@on_postgresql
def test_the_same_order_twice_at_once_gets_one_answer(world: World, offer: dict[str, Any]) -> None:
    body = world.order(offer)

    def twice() -> list[Any]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda _: world.call("POST", "/redemptions", body), range(2)))

    answers: list[Any] = []
    overlap(
        world.db, lambda session: world.codes.lock(session, offer["id"]), lambda: answers.extend(twice()), waiting=2
    )
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()


@on_postgresql
def test_orders_of_one_transaction_are_locked_in_one_order(world: World, offer: dict[str, Any]) -> None:
    for name in ("ann", "bob"):
        assert world.redeem(offer, name).status_code == 202
    with world.db.begin() as session:
        tx_id = world.relayer.enqueue(session, Purpose.REDEEM, 1, world.deployment.hub, bytes(4))
    for number in (2, 1):  # the first is the last one on disk
        with world.db.begin() as session:
            session.execute(sa.update(Redemption).where(Redemption.id == number).values(tx_id=tx_id))

    def lock(number: int) -> Callable[[Session], object]:
        return lambda session: session.get_one(Redemption, number, with_for_update=True)

    def done() -> None:
        with world.db.begin() as session:
            world.submission.tx_done(session, tx_id)

    overlap(world.db, lock(1), done, lock(2))
