"""Moves that are refused, each with its code and field, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from gateway.chain import calls
from gateway.chain.hexes import checksum, to_hex
from gateway.chain.relayer.models import ChainTx
from gateway.chain.signatures import HALF_ORDER
from gateway.identity.wallets.models import OpenOrder
from gateway.loyalty.moves.models import Move
from tests.gateway.redemptions.market import CLOSED, DAY, IN_OPEN, IN_WALLET, OPEN, SHORT, address_of
from tests.gateway.redemptions.world import World, refused


@pytest.fixture(autouse=True)
def _nothing_half_done(world: World) -> Iterator[None]:
    yield
    with world.db.read() as session:
        kept = session.scalar(sa.select(sa.func.count()).select_from(Move))
        assert kept == session.scalar(sa.select(sa.func.count()).select_from(OpenOrder))
        first = session.scalar(sa.select(sa.func.count()).select_from(Move).where(Move.tx_id.is_not(None)))
        assert first == session.scalar(sa.select(sa.func.count()).select_from(ChainTx))


def test_malformed_fields(world: World) -> None:
    good = world.move_body("move", source=OPEN, target=CLOSED, amount=1_000, min_received=1_000)
    hostile: dict[str, list[object]] = {
        "kind": ["", "ENTER", "steal", 1, None],
        "holder": ["", "0x" + "g" * 40, good["holder"][:-1], "0x" + "ä" * 40, 5, None, True],
        "source": [-1, 0, 1.5, True, "1", 10**11],
        "target": [-1, 0, 2.0, False, "2", 10**30],
        "amount": [-1, 0, 0.5, True, "1000", 10**9, 10**40, []],
        "min_received": [-1, 0.5, True, "0", 10**9],
        "recipient": ["nobody", "0x" + "00" * 19],
        "stay": [1, 0, "true", 1.0],
        "nonce": [-1, 2**32, 0.0, False, "0", None],
        "deadline": [-1, 0, 2**31, 1.5, True, None],
        "signature": ["0x", "0x" + "00" * 64, good["signature"][2:], 1, None],
    }
    for field, values in hostile.items():
        for value in values:
            refused(world.call("POST", "/moves", good | {field: value}), 422, "invalid-request", field)
    refused(world.call("POST", "/moves", good | {"note": "for jane"}), 422, "invalid-request", "body")
    for body in (b"[]", b"nonsense", b'{"amount": NaN}', b"\xff", b"[" * 5_000):
        answer = world.call("POST", "/moves", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_fields_of_another_kind(world: World) -> None:
    good = world.move_body("leave", source=OPEN, amount=1_000)
    refused(world.call("POST", "/moves", good | {"target": CLOSED}), 422, "invalid-request", "target")
    refused(world.call("POST", "/moves", good | {"min_received": 0}), 422, "invalid-request", "min_received")
    refused(world.call("POST", "/moves", good | {"recipient": good["holder"]}), 422, "invalid-request", "recipient")
    refused(world.call("POST", "/moves", good | {"stay": True}), 422, "invalid-request", "stay")
    refused(world.call("POST", "/moves", good | {"source": None}), 422, "invalid-request", "source")
    refused(world.call("POST", "/moves", good | {"amount": None}), 422, "invalid-request", "amount")
    refused(world.call("POST", "/moves/quote", {"kind": "enter", "amount": 100}), 422, "invalid-request", "target")
    refused(world.call("POST", "/moves/quote", {"kind": "stay", "amount": 100}), 422, "invalid-request", "kind")


def test_signatures(world: World) -> None:
    good = world.move_body("leave", source=OPEN, amount=1_000)
    r, s, v = good["signature"][2:66], int(good["signature"][66:130], 16), good["signature"][130:]
    high = f"0x{r}{2 * HALF_ORDER + 1 - s:064x}{'1b' if v == '1c' else '1c'}"
    bobs = world.move_body("leave", "bob", source=OPEN, amount=1_000)["signature"]
    for signature in (high, bobs, "0x" + "00" * 65, "0x" + "ff" * 65, good["signature"][:-2] + "00"):
        refused(world.call("POST", "/moves", good | {"signature": signature}), 422, "bad-signature", "signature")
    for field, value in {"amount": 1_001, "nonce": 1, "source": SHORT, "deadline": good["deadline"] + 1}.items():
        refused(world.call("POST", "/moves", good | {field: value}), 422, "bad-signature", "signature")
    detail = world.call("POST", "/moves", good | {"amount": 1_001}).json()["detail"]
    assert "chain 31337" in detail
    assert checksum(world.deployment.hub) in detail


def test_campaigns(world: World) -> None:
    enter = {"amount": 1_000, "min_received": 0}
    refused(world.move("enter", target=99, **enter), 404, "unknown-campaign", "target")
    refused(world.move("leave", source=99, amount=1_000, nonce=0), 404, "unknown-campaign", "source")
    refused(world.move("stay", source=99, stay=True, nonce=0), 404, "unknown-campaign", "source")
    refused(world.move("move", source=99, target=OPEN, nonce=0, **enter), 404, "unknown-campaign", "source")
    refused(world.move("leave", source=CLOSED, amount=1_000), 422, "closed-loop", "source")
    refused(world.move("move", source=CLOSED, target=OPEN, **enter), 422, "closed-loop", "source")
    refused(world.move("move", source=OPEN, target=OPEN, **enter), 422, "same-campaign", "target")
    refused(world.move("enter", target=OPEN, amount=1_000, min_received=1_001), 409, "below-minimum", "min_received")
    for kind, fields, code, field in [
        ("enter", {"target": 99}, "unknown-campaign", "target"),
        ("leave", {"source": CLOSED}, "closed-loop", "source"),
        ("move", {"source": OPEN, "target": OPEN}, "same-campaign", "target"),
    ]:
        answer = world.call("POST", "/moves/quote", {"kind": kind, "amount": 100, **fields})
        assert (answer.json()["code"], answer.json()["field"]) == (code, field)
    world.clock.offset = 3 * 3_600
    refused(world.move("enter", target=SHORT, **enter), 409, "entry-closed", "target")
    refused(
        world.call("POST", "/moves/quote", {"kind": "enter", "target": SHORT, "amount": 100}),
        409,
        "entry-closed",
        "target",
    )


def test_recipients(world: World) -> None:
    contracts = (world.deployment.token, world.deployment.hub, world.deployment.asset)
    for recipient in (bytes(20), *contracts):
        refused(world.move("send", recipient=recipient, amount=1_000), 422, "recipient-refused", "recipient")
        refused(world.move("cash_out", recipient=recipient, amount=1_000), 422, "recipient-refused", "recipient")
    refused(world.move("send", recipient=address_of("ann"), amount=1_000), 422, "same-wallet", "recipient")


def test_amounts(world: World) -> None:
    to = address_of("bob")
    refused(world.move("send", recipient=to, amount=99), 422, "below-relay-minimum", "amount")
    refused(world.move("send", recipient=to, amount=IN_WALLET + 1), 422, "insufficient-points", "amount")
    refused(world.move("leave", source=OPEN, amount=IN_OPEN + 1), 422, "insufficient-points", "amount")
    refused(world.move("stay", source=SHORT, stay=True), 422, "insufficient-points", "source")
    assert world.move("send", recipient=to, amount=IN_WALLET - 150, nonce=0).status_code == 202
    refused(world.move("send", recipient=to, amount=151, nonce=1), 422, "insufficient-points", "amount")
    assert world.move("send", recipient=to, amount=150, nonce=1).status_code == 202


def test_choices_that_change_nothing_or_are_about_less_than_a_point(world: World) -> None:
    refused(world.move("stay", source=OPEN, stay=True), 409, "stay-unchanged", "stay")
    assert world.move("stay", source=OPEN, stay=False, nonce=0).status_code == 202
    refused(world.move("stay", source=OPEN, stay=False, nonce=1), 409, "stay-unchanged", "stay")
    assert world.move("stay", source=OPEN, stay=True, nonce=1).status_code == 202
    world.market.send("bob", world.deployment.hub, calls.leave(OPEN, IN_OPEN - 99))
    world.catch_up()
    refused(world.move("stay", "bob", source=OPEN, stay=False), 422, "below-relay-minimum", "source")


def test_nonces_and_deadlines(world: World) -> None:
    now, to = world.clock.now(), address_of("bob")
    for deadline in (now - 1, now + 30, now + 8 * DAY):
        refused(world.move("send", recipient=to, amount=100, deadline=deadline), 422, "order-expired", "deadline")
    refused(world.move("send", recipient=to, amount=100, nonce=1), 409, "nonce-gap", "nonce")
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    refused(world.move("send", recipient=to, amount=100, nonce=0), 409, "stale-nonce", "nonce")
    for nonce in range(65_536, 65_552):
        assert world.move("send", recipient=to, amount=100, nonce=nonce).status_code == 202
    refused(world.move("send", recipient=to, amount=100, nonce=65_552), 429, "too-many-orders", "holder")
    # The limit is the wallet's, over all its purses.
    refused(world.move("leave", source=OPEN, amount=100), 429, "too-many-orders", "holder")


def test_moves_and_redemptions_share_the_nonces_and_the_points(world: World) -> None:
    offer = world.generated(price=IN_WALLET - 1_000)
    with world.db.begin() as session:
        assert session.scalar(sa.select(OpenOrder)) is None
    assert world.move("send", recipient=address_of("bob"), amount=1_500, nonce=0).status_code == 202
    refused(world.redeem(offer, nonce=0), 409, "stale-nonce", "nonce")
    refused(world.redeem(offer, nonce=1), 422, "insufficient-points", "amount")


def test_a_node_that_is_down(world: World) -> None:
    body = world.move_body("leave", source=OPEN, amount=1_000)
    world.rpc._url, url = "http://127.0.0.1:1", world.rpc._url
    try:
        refused(world.call("POST", "/moves", body), 503, "chain-unreachable", None)
        asked = {"kind": "enter", "target": OPEN, "amount": 100}
        refused(world.call("POST", "/moves/quote", asked), 503, "chain-unreachable", None)
    finally:
        world.rpc._url = url


def test_nothing_that_was_sent_comes_back(world: World) -> None:
    body = world.move_body("send", recipient=address_of("bob"), amount=1_000, nonce=7)
    answer = world.call("POST", "/moves", body)
    for sent in (address_of("ann"), address_of("bob")):
        assert to_hex(sent)[2:] not in answer.text.lower()


def test_a_contract_wallet_is_not_asked_and_anybody_may_relay_its_order(world: World) -> None:
    """Decision 0108: it might answer otherwise in the block; the contracts take its single orders from anybody."""
    agrees = "0x631626ba7e60e01b5f5260205ff3"  # says yes to whatever it is asked
    wallet, to, token = bytes.fromhex("c0de" * 10), address_of("stranger"), world.deployment.token
    world.rpc.call("anvil_setCode", to_hex(wallet), agrees)
    world.market.send("ann", token, calls.transfer(wallet, 1_000))
    world.catch_up()
    assert world.call("GET", f"/wallets/{to_hex(wallet)}").json()["balance"] == 1_000
    end = {"nonce": 0, "deadline": world.clock.now() + 3_600}
    for signature in ("0x" + "00" * 65, world.move_body("send", recipient=to, amount=1_000)["signature"]):
        body = {"kind": "send", "holder": checksum(wallet), "recipient": checksum(to), "amount": 1_000, **end}
        refused(world.call("POST", "/moves", body | {"signature": signature}), 422, "bad-signature", "signature")
    refused(world.call("POST", "/moves", body | {"signature": "0x"}), 422, "invalid-request", "signature")
    world.market.send("bob", token, calls.transfer_by_sig(wallet, to, 1_000, 0, end["deadline"], b"any"))
    world.catch_up()
    assert world.call("GET", f"/wallets/{to_hex(wallet)}").json()["balance"] == 0
