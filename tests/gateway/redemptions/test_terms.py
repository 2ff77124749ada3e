"""Prices by standing, limits and stock, as a wallet meets them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from gateway.chain.hexes import checksum
from gateway.loyalty.offers.models import Offer
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from tests.gateway.redemptions.market import CLOSED, DAY, OPEN, address_of, key_of
from tests.gateway.redemptions.world import World, refused
from tests.support.proving import proof

GOLD = {"campaign": OPEN, "ladder": "status", "rank": 2}


def published(world: World, codes: int = 0, **terms: Any) -> dict[str, Any]:
    return world.offer(codes=codes, document=world.full(**terms))


def stand(world: World, name: str, rank: int) -> None:
    world.ladders.rungs[address_of(name), OPEN] = {"status": rank}


def quote(world: World, offer: int, name: str = "ann", signer: str | None = None) -> Any:
    address = address_of(name)
    headers = proof(key_of(signer or name), world.deployment.chain_id, world.clock.now(), of=address)
    return world.call("GET", f"/wallets/{checksum(address)}/offers/{offer}", headers=headers)


def test_who_stands_higher_may_pay_less_and_nobody_else(world: World) -> None:
    prices = [GOLD | {"price": 2_000}, GOLD | {"rank": 5, "price": 500}]
    offer = published(world, 9, prices=prices)
    low = refused_detail(world, offer, amount=2_000)
    assert low == "expected 2500"
    stand(world, "ann", 2)
    assert refused_detail(world, offer, amount=500) == "expected 2000 or 2500"
    assert refused_detail(world, offer, amount=1_999) == "expected 2000 or 2500"
    assert world.redeem(offer, nonce=0, amount=2_000).status_code == 202
    assert world.redeem(offer, nonce=1).status_code == 202  # the full price tells nobody where she stands
    assert world.redeem(offer, "bob").status_code == 202
    world.settle()
    assert world.reads.balance(address_of("corner")) == 2_000 + 2 * 2_500
    with world.db.read() as session:
        assert set(session.scalars(sa.select(Redemption.state))) == {RedemptionState.DELIVERED}


def refused_detail(world: World, offer: dict[str, Any], **order: Any) -> str:
    answer = world.redeem(offer, **order)
    refused(answer, 422, "price-mismatch", "amount")
    return str(answer.json()["detail"])


def test_a_quote_says_why_and_is_for_the_wallet_alone(world: World) -> None:
    offer = published(world, 1, prices=[GOLD | {"price": 2_000}], limits=[{"times": 1, "per": "day"}])["id"]
    seen = quote(world, offer).json()
    assert [(price["amount"], price["why"]) for price in seen["prices"]] == [(2_500, "25.00 points")]
    assert (seen["limit_reached"], seen["availability"]) == (None, "few")
    stand(world, "ann", 3)
    best = quote(world, offer).json()["prices"][0]
    assert best == {
        "amount": 2_000,
        "why": f"20.00 points from rank 2 of status in campaign {OPEN}",
        "rung": GOLD,
    }
    refused(quote(world, offer, signer="bob"), 422, "bad-signature", "Wallet-Proof")
    refused(quote(world, 77), 404, "not-found", "offer")
    assert world.redeem(world.call("GET", f"/offers/{offer}").json()).status_code == 202
    after = quote(world, offer).json()
    assert (after["limit_reached"], after["availability"]) == ({"times": 1, "per": "day"}, "none")


def test_an_offer_for_a_rung_only(world: World) -> None:
    offer = published(world, 1, only=GOLD)
    refused(world.redeem(offer), 403, "standing-too-low", "offer")
    assert quote(world, offer["id"]).json()["prices"] == []
    stand(world, "ann", 2)
    assert world.redeem(offer).status_code == 202


def test_rungs_of_other_merchants_campaigns_are_refused(world: World) -> None:
    foreign = GOLD | {"campaign": 99}
    for terms, field in (
        ({"only": foreign}, "only"),
        ({"prices": [GOLD | {"price": 9}, foreign | {"price": 8}]}, "prices[1]"),
    ):
        body = world.offer_body(document=world.full(**terms))
        answer = world.call("POST", "/offers", body, "corner")
        refused(answer, 409, "merchant-not-in-campaign", f"document.{field}.campaign")
    for field in ("stock_limit", "wallet_limit"):
        body = world.offer_body(document=world.full(), **{field: 5})
        refused(world.call("POST", "/offers", body, "corner"), 422, "invalid-request", field)


def test_limits_a_period(world: World) -> None:
    offer = published(
        world, 9, limits=[{"times": 1, "per": "day"}, {"times": 2, "per": "ever"}], zone="Pacific/Auckland"
    )
    assert world.redeem(offer, nonce=0).status_code == 202
    answer = world.redeem(offer, nonce=1)
    refused(answer, 409, "wallet-limit-reached", "offer")
    assert answer.json()["detail"] == "at most 1 a day"
    world.clock.offset += DAY
    assert world.redeem(offer, nonce=1).status_code == 202
    world.clock.offset += DAY
    answer = world.redeem(offer, nonce=2)
    refused(answer, 409, "wallet-limit-reached", "offer")
    assert answer.json()["detail"] == "at most 2"


def test_many_at_once_keep_stock_and_limits(world: World) -> None:
    offer = world.offer(
        document=world.full(stock=3, limits=[{"times": 2, "per": "week"}]), source="generated", pattern="*" * 12
    )
    orders = [world.order(offer, name, nonce=nonce) for name in ("ann", "bob") for nonce in range(4)]
    for _ in range(4):  # refused for a gap or a collision: again, as clients do
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda body: world.call("POST", "/redemptions", body), orders))
    with world.db.read() as session:
        rows = list(session.execute(sa.select(Redemption.holder, sa.func.count()).group_by(Redemption.holder)))
        assert sum(count for _, count in rows) == 3
        assert max(count for _, count in rows) == 2
        kept = session.get_one(Offer, offer["id"])
        assert (kept.drawn, kept.stock_limit) == (3, 3)
        assert session.scalar(sa.select(sa.func.count(sa.distinct(Redemption.code_id)))) == 3


def test_the_catalogue(world: World) -> None:
    wallet = published(world, title="Wallet")
    inside = published(world, title="Inside", campaign=CLOSED)
    at = world.clock.now() + DAY
    ticket = {"kind": "ticket", "event": "Jazz", "at": at}
    show = published(world, title="Show", reward=ticket)

    def ids(query: str) -> list[int]:
        return [offer["id"] for offer in world.call("GET", f"/offers?{query}").json()["items"]]

    assert ids("kind=ticket") == [show["id"]]
    assert ids("merchant_id=1") == [wallet["id"], inside["id"], show["id"]]
    assert ids("merchant_id=2") == []
    assert ids(f"points_of={CLOSED}") == [inside["id"]]
    assert ids(f"points_of={OPEN}") == [wallet["id"], show["id"]]
    assert ids(f"points_of={OPEN}&limit=1&cursor={wallet['id']}") == [show["id"]]
    refused(world.call("GET", "/offers?points_of=77"), 404, "not-found", "points_of")
    refused(world.call("GET", "/offers?kind=bribe"), 422, "invalid-request", "kind")
    seen = world.call("GET", f"/offers/{show['id']}").json()
    assert (seen["merchant_name"], seen["reward"], seen["kind"]) == (
        "corner",
        ticket | {"place": None, "seats": 1},
        "ticket",
    )
    assert seen["words"] == [
        f"1 seat for Jazz on {time.strftime('%Y-%m-%d at %H:%M UTC', time.gmtime(at))}",
        "25.00 points",
    ]


def test_what_the_till_must_do(world: World) -> None:
    offer = published(world, 1)
    with world.db.begin() as session:
        drawn = world.codes.draw(session, world.codes.lock(session, offer["id"]), bytes(32))
        world.codes.deliver(session, drawn.id)
    seen = world.call("POST", "/codes/check", {"code": drawn.text.decode()}, "corner").json()
    assert seen["reward"] == {"kind": "product", "product": "coffee", "quantity": 1}
    assert seen["instruction"] == "Hand over coffee without payment."
