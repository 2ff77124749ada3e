"""Publishing, listing and closing offers over HTTP."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.chain import calls
from gateway.chain.hexes import checksum, keccak256, to_hex
from gateway.core.idempotency import IdempotentWrite
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant
from gateway.loyalty.offers.models import Offer
from tests.gateway.redemptions.market import CLOSED, OPEN, address_of
from tests.gateway.redemptions.world import World, refused


def count(world: World) -> int:
    with world.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Offer)) or 0


def test_an_offer_is_published_with_its_document_and_hash(world: World) -> None:
    body = world.offer_body(campaign=CLOSED, wallet_limit=2)
    answer = world.call("POST", "/offers", body, "corner")
    assert answer.status_code == 201, answer.text
    offer = answer.json()
    assert offer["document"] == body["document"]
    assert offer["hash"] == to_hex(keccak256(body["document"].encode()))
    assert offer["merchant"] == checksum(address_of("corner"))
    assert (offer["price"], offer["campaign"], offer["availability"], offer["active"]) == (2_500, CLOSED, "none", True)
    assert world.upload(offer["id"], "code\nA\n").status_code == 201
    seen = world.call("GET", f"/offers/{offer['id']}").json()
    assert seen == offer | {"availability": "few"}
    assert world.call("GET", "/offers").json() == {"items": [seen], "next": None}
    assert world.call("GET", f"/offers?campaign={CLOSED}").json()["items"] == [seen]
    assert world.call("GET", "/offers?campaign=0").json()["items"] == []
    refused(world.call("GET", "/offers/99"), 404, "not-found", "offer")


def test_pages(world: World) -> None:
    ids = [world.offer()["id"] for _ in range(5)]
    first = world.call("GET", "/offers?limit=2").json()
    assert ([offer["id"] for offer in first["items"]], first["next"]) == (ids[:2], ids[1])
    rest = world.call("GET", f"/offers?limit=200&cursor={first['next']}").json()
    assert ([offer["id"] for offer in rest["items"]], rest["next"]) == (ids[2:], None)
    for query in ("limit=0", "limit=201", "limit=x", "cursor=-1", "campaign=-1"):
        field = query.partition("=")[0]
        refused(world.call("GET", f"/offers?{query}"), 422, "invalid-request", field)


def test_documents_that_name_something_else(world: World) -> None:
    for changes, code, field in [
        ({"chain_id": 1}, "offer-other-chain", "document.chain_id"),
        ({"hub": checksum(world.deployment.token)}, "offer-other-chain", "document.hub"),
        ({"merchant": checksum(address_of("bakery"))}, "offer-other-merchant", "document.merchant"),
        ({"ends_at": world.clock.now() - 1, "starts_at": world.clock.now() - 9}, "offer-malformed", "document.ends_at"),
        ({"price": 0}, "offer-malformed", "document.price"),
    ]:
        refused(world.call("POST", "/offers", world.offer_body(**changes), "corner"), 422, code, field)
    assert count(world) == 0


def test_signatures(world: World) -> None:
    good = world.offer_body()
    refused(world.call("POST", "/offers", world.offer_body("bakery"), "corner"), 422, "bad-signature", "signature")
    changed = good | {"document": good["document"].replace("2500", "2501")}
    refused(world.call("POST", "/offers", changed, "corner"), 422, "bad-signature", "signature")
    zeros = good | {"signature": "0x" + "00" * 65}
    refused(world.call("POST", "/offers", zeros, "corner"), 422, "bad-signature", "signature")
    for signature in ("0x", good["signature"][:-2], 5, None):
        answer = world.call("POST", "/offers", good | {"signature": signature}, "corner")
        refused(answer, 422, "invalid-request", "signature")
    assert count(world) == 0


def test_campaign_offers_are_for_its_merchants(world: World) -> None:
    body = world.offer_body("bakery", merchant=checksum(address_of("bakery")), campaign=OPEN)
    refused(world.call("POST", "/offers", body, "bakery"), 409, "merchant-not-in-campaign", "document.campaign")
    with world.db.begin() as session:
        session.add(CampaignMerchant(campaign_id=OPEN, merchant_id=2, daily_quota=1, accepted=False))
    refused(world.call("POST", "/offers", body, "bakery"), 409, "merchant-not-in-campaign", "document.campaign")
    unknown = world.offer_body(campaign=99)
    refused(world.call("POST", "/offers", unknown, "corner"), 409, "merchant-not-in-campaign", "document.campaign")


def test_who_has_just_accepted_need_not_wait_for_the_indexer(world: World) -> None:
    hub, bakery = world.deployment.hub, address_of("bakery")
    body = world.offer_body("bakery", merchant=checksum(bakery), campaign=OPEN)
    with world.db.begin() as session:
        session.add(CampaignMerchant(campaign_id=OPEN, merchant_id=2, daily_quota=1, accepted=False))
        session.get_one(Campaign, OPEN).refresh_at = world.clock.now() + 300
    world.market.send("owner", hub, calls.invite_merchant(OPEN, bakery))
    refused(world.call("POST", "/offers", body, "bakery"), 409, "merchant-not-in-campaign", "document.campaign")
    world.market.send("bakery", hub, calls.accept_merchant(OPEN))
    url, world.rpc._url = world.rpc._url, "http://127.0.0.1:1"
    refused(world.call("POST", "/offers", body, "bakery"), 503, "chain-unreachable")
    world.rpc._url = url
    assert world.call("POST", "/offers", body, "bakery").status_code == 201
    with world.db.read() as session:
        campaign = session.get_one(Campaign, OPEN)
        assert campaign.looks == 1
        assert campaign.refresh_at <= world.clock.now()  # everything else is asked for again


def test_where_codes_come_from(world: World) -> None:
    for extra, code, field in [
        ({"source": "thin air"}, "invalid-request", "source"),
        ({"source": "pool", "pattern": "*" * 12}, "invalid-request", "pattern"),
        ({"source": "generated"}, "invalid-request", "pattern"),
        ({"source": "generated", "pattern": "****%"}, "pattern-too-weak", "pattern"),
        ({"source": "generated", "pattern": "a" * 20}, "pattern-malformed", "pattern"),
        ({"stock_limit": 0}, "invalid-request", "stock_limit"),
        ({"wallet_limit": True}, "invalid-request", "wallet_limit"),
        ({"wallet_limit": -1}, "invalid-request", "wallet_limit"),
        ({"low_stock": 1.5}, "invalid-request", "low_stock"),
    ]:
        refused(world.call("POST", "/offers", world.offer_body(**extra), "corner"), 422, code, field)
    generated = world.offer_body(source="generated", pattern="*" * 12)
    answer = world.call("POST", "/offers", generated, "corner")
    assert (answer.status_code, answer.json()["availability"]) == (201, "enough")
    refused(world.upload(answer.json()["id"], "code\nA\n"), 409, "offer-has-no-pool", "offer")


def test_one_key_one_offer(world: World) -> None:
    body = world.offer_body()
    first = world.call("POST", "/offers", body, "corner", once="a")
    again = world.call("POST", "/offers", body, "corner", once="a")
    assert (again.status_code, again.text) == (201, first.text)
    other = world.offer_body(price=2_600)
    refused(world.call("POST", "/offers", other, "corner", once="a"), 409, "idempotency-conflict", "Idempotency-Key")
    refused(world.call("POST", "/offers", body, "corner", once="b"), 409, "offer-exists", "document")
    headers = {"Authorization": f"Bearer {world.tokens['corner']}"}
    refused(world.call("POST", "/offers", other, headers=headers), 400, "idempotency-key-required", "Idempotency-Key")
    assert count(world) == 1
    with world.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(IdempotentWrite)) == 1


def test_who_may_publish_and_close(world: World) -> None:
    refused(world.call("POST", "/offers", world.offer_body()), 401, "unauthenticated", "Authorization")
    offer = world.offer()
    refused(world.call("POST", f"/offers/{offer['id']}/close", who="bakery"), 404, "not-found", "offer")
    refused(world.upload(offer["id"], "code\nA\n", "bakery"), 404, "not-found", "offer")
    refused(world.call("GET", f"/offers/{offer['id']}/codes", who="bakery"), 404, "not-found", "offer")
    for _ in range(2):
        assert world.call("POST", f"/offers/{offer['id']}/close", who="corner").json()["active"] is False
    assert world.call("GET", "/offers").json()["items"] == []
    assert world.call("GET", f"/offers/{offer['id']}").json()["active"] is False
