"""What a wallet sees of itself, and what it must not send along."""

from __future__ import annotations

import pytest

from gateway.chain.hexes import checksum
from gateway.loyalty.campaigns.models import Campaign, RuleVersion
from gateway.loyalty.earning.models import Action, ActionKind, ActionState, Batch, BatchKind, BatchState
from tests.gateway.redemptions.market import CLOSED, IN_CLOSED, IN_OPEN, IN_WALLET, OPEN, address_of, key_of
from tests.gateway.redemptions.world import World, refused
from tests.support import pages, proving

DAY = 86_400
ANN = checksum(address_of("ann"))


def proof(world: World, name: str = "ann", of: str = "ann", at: int | None = None, chain_id: int = 31337) -> str:
    at = world.clock.now() if at is None else at
    return proving.proof(key_of(name), chain_id, at, of=address_of(of))["Wallet-Proof"]


def test_balance_accounts_and_nonces(world: World) -> None:
    offer = world.offer(codes=3)
    for nonce in range(2):
        assert world.redeem(offer, nonce=nonce).status_code == 202
    assert world.move("leave", source=OPEN, amount=100).status_code == 202
    for text in (ANN, ANN.lower()):
        seen = world.call("GET", f"/wallets/{text}").json()
        assert seen == {
            "wallet": ANN,
            "balance": IN_WALLET,
            "nonce": 2,
            "accounts": [
                {"campaign": OPEN, "matured": IN_OPEN, "pending": 0, "next_maturity": None, "stay": True, "nonce": 1},
                {"campaign": CLOSED, "matured": IN_CLOSED, "pending": 0, "next_maturity": None, "stay": False}
                | {"nonce": 0},
            ],
            "next": None,
        }
    pages.check(lambda asked: world.call("GET", f"/wallets/{ANN}", params=asked), of="accounts")
    world.settle()
    later = world.call("GET", f"/wallets/{ANN}").json()
    assert (later["balance"], later["nonce"]) == (IN_WALLET - 2 * offer["price"] + 100, 2)


def test_a_stranger_has_nothing(world: World) -> None:
    nobody = checksum(b"\x99" * 20)
    assert world.call("GET", f"/wallets/{nobody}").json() == {
        "wallet": nobody,
        "balance": 0,
        "nonce": 0,
        "accounts": [],
        "next": None,
    }
    for part in ("history", "inbox"):
        assert world.call("GET", f"/wallets/{nobody}/{part}").json() == {"items": [], "next": None}


def test_balances_are_shown_while_the_node_is_down(world: World) -> None:
    world.rpc._url, url = "http://127.0.0.1:1", world.rpc._url
    try:
        seen = world.call("GET", f"/wallets/{ANN}").json()
    finally:
        world.rpc._url = url
    assert (seen["balance"], seen["nonce"], seen["accounts"][0]["nonce"]) == (IN_WALLET, None, None)


@pytest.mark.parametrize("address", ["0x12", "jane@example.org", "0x" + "g" * 40, "0x" + "é" * 40, ANN.swapcase()[1:]])
def test_what_is_no_address(world: World, address: str) -> None:
    for part in ("", "/history", "/pending", "/inbox"):
        answer = world.call("GET", f"/wallets/{address}{part}")
        refused(answer, 422, "invalid-request", "address")
        assert address not in answer.text


def test_history_and_its_pages(world: World) -> None:
    whole = world.call("GET", f"/wallets/{ANN}/history?limit=200").json()
    assert whole["next"] is None
    assert sum(entry["credit"] - entry["debit"] for entry in whole["items"]) == IN_WALLET + IN_OPEN + IN_CLOSED
    pages, cursor = [], ""
    while True:
        page = world.call("GET", f"/wallets/{ANN}/history?limit=2{cursor}").json()
        pages += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert pages == whole["items"]
    refused(world.call("GET", f"/wallets/{ANN}/history?limit=1000"), 422, "invalid-request", "limit")


def test_the_inbox_shows_boxes_from_delivery_on(world: World) -> None:
    offer = world.offer(codes=2)
    assert world.redeem(offer).status_code == 202
    waiting = world.call("GET", f"/wallets/{ANN}/inbox").json()["items"]
    assert [(item["state"], item["box"]) for item in waiting] == [("accepted", None)]
    world.settle()
    item = world.call("GET", f"/wallets/{ANN}/inbox").json()["items"][0]
    assert (item["state"], len(item["box"]), item["offer"]) == ("delivered", 2 + 2 * 208, offer["id"])


def test_pending_needs_the_wallets_own_proof(world: World) -> None:
    path = f"/wallets/{ANN}/pending"
    now = world.clock.now()
    for header in (None, "", "1.0x", "x", proof(world, at=now - 360), proof(world, at=now + 360), "1" * 400, "é"):
        headers = {} if header is None else {"Wallet-Proof": header.encode()}
        refused(world.call("GET", path, headers=headers), 403, "proof-required", "Wallet-Proof")
    for header in (
        proof(world, "bob"),
        proof(world, of="bob"),
        proof(world, chain_id=1),
        f"{now}.0x" + "00" * 65,
        proof(world, at=now - 9).replace(str(now - 9), str(now - 8)),
    ):
        refused(world.call("GET", path, headers={"Wallet-Proof": header}), 422, "bad-signature", "Wallet-Proof")
    assert world.call("GET", path, headers={"Wallet-Proof": proof(world)}).json() == {"items": [], "next": None}


def test_pending_shows_what_has_not_landed(world: World) -> None:
    now = world.clock.now()
    with world.db.begin() as session:
        rules = RuleVersion(campaign_id=OPEN, version=1, valid_from=now, document="{}", created_at=now)
        session.add(rules)
        batches = [
            Batch(campaign_id=OPEN, kind=BatchKind.AWARD, number=n, state=state, total=5, created_at=now)
            for n, state in enumerate((BatchState.QUEUED, BatchState.LANDED), 1)
        ]
        session.add_all(batches)
        session.flush()
        for number, (kind, state, batch, wallet) in enumerate(
            [
                (ActionKind.PURCHASE, ActionState.ACCEPTED, None, "ann"),
                (ActionKind.REFUND, ActionState.ACCEPTED, None, "ann"),
                (ActionKind.VISIT, ActionState.SETTLED, batches[0].id, "ann"),
                (ActionKind.VISIT, ActionState.SETTLED, batches[1].id, "ann"),
                (ActionKind.PURCHASE, ActionState.ACCEPTED, None, "bob"),
            ],
            1,
        ):
            session.add(
                Action(
                    merchant_id=1,
                    campaign_id=OPEN,
                    key_hash=bytes([number]) * 32,
                    body_hash=bytes(32),
                    kind=kind,
                    rule_version_id=rules.id,
                    occurred_at=now - number,
                    amount=0,
                    points=100 * number,
                    wallet=address_of(wallet),
                    state=state,
                    batch_id=batch,
                    created_at=now,
                )
            )
    items = world.call("GET", f"/wallets/{ANN}/pending", headers={"Wallet-Proof": proof(world)}).json()["items"]
    assert [(item["kind"], item["points"], item["expected_at"] is None) for item in items] == [
        ("visit", 300, True),
        ("refund", -200, False),
        ("purchase", 100, False),
    ]
    assert not any(item["too_late"] for item in items)
    with world.db.read() as session:
        end = session.get_one(Campaign, OPEN).end
    for after, late in ((7 * DAY, [False, False, True]), (8 * DAY, [True, False, True])):
        world.clock.offset += end + after - world.clock.now()
        told = world.call("GET", f"/wallets/{ANN}/pending", headers={"Wallet-Proof": proof(world)}).json()["items"]
        assert [item["too_late"] for item in told] == late, "a refund still goes"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/wallets/{ANN}"),
        ("GET", f"/wallets/{ANN}/history"),
        ("GET", f"/wallets/{ANN}/pending"),
        ("GET", f"/wallets/{ANN}/inbox"),
        ("POST", "/redemptions"),
        ("GET", "/redemptions/1"),
        ("POST", "/redemptions/1/confirm"),
        ("POST", "/moves/quote"),
        ("POST", "/moves"),
        ("GET", "/moves/1"),
    ],
)
def test_wallets_routes_take_no_credentials(world: World, method: str, path: str) -> None:
    for header in ("Authorization", "Cookie"):
        for value in ("x", f"Bearer {world.tokens['corner']}", ""):
            answer = world.call(method, path, {} if method == "POST" else None, headers={header: value})
            refused(answer, 400, "credentials-refused", header)
