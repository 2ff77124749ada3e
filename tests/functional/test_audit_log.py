"""Every change of a configuration is in the audit log, with old and new values, and nothing of customers is."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from gateway.chain import signatures
from gateway.chain.hexes import to_hex
from gateway.loyalty.tiers.messages import message
from tests.functional.house import House, done
from tests.functional.people import RULES, Holder, Merchant
from tests.functional.surface import routes

#: What each write is called in the log.
LOGGED = {
    "POST /v1/merchants": "merchant.created",
    "POST /v1/keys": "key.issued",
    "POST /v1/keys/{id}/rotate": "key.rotated",
    "DELETE /v1/keys/{id}": "key.revoked",
    "POST /v1/campaigns": "campaign.registered",
    "POST /v1/campaigns/{id}/rules": "campaign.rules",
    "DELETE /v1/campaigns/{id}/rules/{version}": "campaign.rules_withdrawn",
    "POST /v1/campaigns/{id}/pause": "campaign.paused",
    "POST /v1/campaigns/{id}/resume": "campaign.paused",
    "POST /v1/campaigns/{id}/settle": "campaign.settle",
    "PUT /v1/campaigns/{id}/name": "campaign.name",
    "PUT /v1/campaigns/{id}/settlement": "campaign.settlement",
    "PUT /v1/campaigns/{id}/merchants/{merchant_id}": "campaign.share",
    "PUT /v1/campaigns/{id}/vips": "campaign.vip",
    "POST /v1/offers": "offer.created",
    "POST /v1/offers/{id}/close": "offer.closed",
    "POST /v1/offers/{id}/open": "offer.opened",
    "PUT /v1/offers/{id}/codes": "offer.low_stock",
    "POST /v1/offers/{id}/codes": "offer.codes",
    "POST /v1/campaigns/{id}/adjustments": "grant.asked",
    "POST /v1/campaigns/{id}/openings": "grant.asked",
    "POST /v1/campaigns/{id}/welcome-codes": "grant.asked",
    "POST /v1/grants/{id}/approve": "grant.approved",
    "POST /v1/grants/{id}/withdraw": "grant.withdrawn",
    "POST /v1/grants/{id}/balances": "grant.balances",
    "POST /v1/webhooks": "webhook.added",
    "DELETE /v1/webhooks/{id}": "webhook.removed",
}
NOT_LOGGED = {
    "POST /v1/actions": "a till's work, and a customer's",
    "POST /v1/actions/bulk": "a till's work, and customers'",
    "POST /v1/actions/preview": "changes nothing",
    "POST /v1/campaigns/{id}/rules/preview": "changes nothing",
    "POST /v1/codes/check": "changes nothing",
    "POST /v1/codes/use": "a till's work, and a customer's",
    "POST /v1/codes/undo": "a till's work, and a customer's",
    "POST /v1/codes/offline-uses": "a till's work, and customers'",
    "POST /v1/webhooks/deliveries/{id}/replay": "sends again what was sent",
}


def test_every_write_is_logged_or_has_a_reason(house: House) -> None:
    writes = {str(route) for route in routes(house) if route.secured and route.method != "GET"}
    assert writes == LOGGED.keys() | NOT_LOGGED.keys()
    assert not LOGGED.keys() & NOT_LOGGED.keys()


def log(merchant: Merchant, **params: Any) -> list[dict[str, Any]]:
    return list(merchant.client.items("/v1/audit-log", **params))


def vip(holder: Holder, campaign: int, last: str) -> dict[str, Any]:
    """Gold for the holder, who signed for it."""
    until = date(2031, 12, 31)
    wish = message(holder.address, campaign, holder.house.deployment.chain_id, "status", "gold", until).encode()
    signature = to_hex(signatures.sign(holder.key, signatures.personal(wish)))
    given = {"wallet": holder.name, "ladder": "status", "rung": "gold", "last": last}
    return given | {"until": until.isoformat(), "signature": signature}


def test_changes_are_seen_with_old_and_new_values(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    other, holder = Merchant.join(house), Holder.fresh(house)
    rungs = [{"id": "member", "at": 0}, {"id": "gold", "at": 5_000}]
    ladders = [{"id": "status", "by": "points", "window": "ever", "rungs": rungs}]
    rules = {"rules": [{"kind": "per_visit", "points": 300}], "ladders": ladders}
    done(merchant.call("POST", f"/campaigns/{campaign}/rules", rules), 201)
    for last in ("2031-12-31", "2030-06-30"):
        done(merchant.call("PUT", f"/campaigns/{campaign}/vips", vip(holder, campaign, last)))
    for verb in ("pause", "pause", "resume"):
        done(merchant.call("POST", f"/campaigns/{campaign}/{verb}"))
    done(merchant.call("POST", f"/campaigns/{campaign}/settle"), 202)
    for quota in (500, 700):
        done(merchant.call("PUT", f"/campaigns/{campaign}/merchants/{other.id}", {"daily_quota": quota}))
    offer = merchant.offer(2_500, codes=3)["id"]
    for verb in ("close", "open"):
        done(merchant.call("POST", f"/offers/{offer}/{verb}"))
    done(merchant.call("PUT", f"/offers/{offer}/codes", {"low_stock": 7}))
    hook = done(merchant.call("POST", "/webhooks", {"url": "http://127.0.0.1:9/hook"}), 201)["id"]
    assert merchant.call("DELETE", f"/webhooks/{hook}").status_code == 204
    key = done(merchant.call("POST", "/keys", {"scopes": ["codes"]}, once="k"), 201)["id"]
    done(merchant.call("POST", "/keys", {"scopes": ["codes"]}, once="k"), 201)  # sent twice is once
    assert merchant.call("POST", f"/campaigns/{campaign}/rules", {"rules": []}).status_code == 422
    rotated = done(merchant.call("POST", f"/keys/{key}/rotate", {"grace": 60}), 201)["id"]
    assert merchant.call("DELETE", f"/keys/{rotated}").status_code == 204

    told = [(c["what"], c["subject"], c["before"], c["after"]) for c in reversed(log(merchant))]
    expected = [LOGGED["POST /v1/merchants"], LOGGED["POST /v1/keys"], "campaign.registered", "campaign.rules"]
    expected += ["campaign.vip"] * 2 + ["campaign.paused"] * 2 + ["campaign.share"] * 2
    expected += ["offer.created", "offer.codes", "offer.closed", "offer.opened", "offer.low_stock"]
    expected += ["webhook.added", "webhook.removed"]
    expected += ["key.issued", "key.rotated", "key.revoked"]
    # Settling a campaign that settles at once changes its time only when the clock has ticked.
    assert [what for what, *_ in told if what != "campaign.settle"] == expected
    seen = {what: (subject, before, after) for what, subject, before, after in told}
    number, before, after = seen["campaign.rules"]
    assert (number, before["rules"]["rules"][0]["kind"], after["rules"]["rules"][0]["kind"]) == (
        campaign,
        "per_currency",
        "per_visit",
    )
    assert (before["version"], after["version"]) == (1, 2)
    until = {"ladder": "status", "rung": "gold", "last": "2031-12-31"}
    assert seen["campaign.vip"] == (campaign, until, until | {"last": "2030-06-30"})
    assert next(before for what, _, before, _ in told if what == "campaign.vip") is None
    assert seen["campaign.paused"] == (campaign, {"paused": True}, {"paused": False})
    assert seen["campaign.share"][1:] == (
        {"merchant_id": other.id, "daily_quota": 500},
        {"merchant_id": other.id, "daily_quota": 700},
    )
    assert seen["offer.codes"] == (offer, None, {"added": 3})
    assert seen["offer.closed"] == (offer, {"active": True}, {"active": False})
    assert seen["offer.opened"] == (offer, {"active": False}, {"active": True})
    assert seen["offer.low_stock"] == (offer, {"low_stock": 20}, {"low_stock": 7})
    assert seen["webhook.removed"] == (hook, {"url": "http://127.0.0.1:9/hook"}, None)
    assert seen["key.rotated"][0] == key
    assert seen["key.rotated"][2]["new_key"] == rotated
    assert abs(seen["key.revoked"][2]["revoked_at"] - time.time()) < 60


def test_rules_that_were_withdrawn_are_seen(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign()
    path, coming = f"/campaigns/{campaign}/rules", int(time.time()) + 86_400
    rules = {"rules": [{"kind": "per_visit", "points": 300}]}
    made = done(merchant.call("POST", path, rules | {"valid_from": coming}), 201)
    assert merchant.call("DELETE", f"{path}/{made['version']}").status_code == 204
    newest = log(merchant)[0]
    assert (newest["what"], newest["before"], newest["after"]) == ("campaign.rules_withdrawn", made, None)


def test_other_terms_are_seen_once(house: House, merchant: Merchant) -> None:
    campaign, logged = merchant.campaign(), len(log(merchant))
    name, settlement = {"name": "Summer"}, {"settle_every": 0, "min_wallets": 1, "step": 10}
    for _ in range(2):
        assert done(merchant.call("PUT", f"/campaigns/{campaign}/name", name))["name"] == "Summer"
        assert done(merchant.call("PUT", f"/campaigns/{campaign}/settlement", settlement))["step"] == 10
    told = [(c["what"], c["before"], c["after"]) for c in reversed(log(merchant)[:-logged])]
    assert [what for what, *_ in told] == ["campaign.name", "campaign.settlement"]
    assert (told[0][1] != name, told[0][2]) == (True, name)
    assert told[1][1:] == (settlement | {"step": 1}, settlement)


def test_who_did_it_is_a_key_and_each_sees_its_own(house: House, merchant: Merchant) -> None:
    other = Merchant.join(house)
    mine, theirs = log(merchant), log(other)
    assert {change["merchant_id"] for change in mine} == {merchant.id}
    assert {change["merchant_id"] for change in theirs} == {other.id}
    assert all(change["operator"] for change in mine)  # admitted, and given its first key
    second = done(merchant.call("POST", "/keys", {"scopes": ["manage"]}), 201)
    done(house.call("POST", "/keys", {"scopes": ["codes"]}, key=second["key"]), 201)
    newest = log(merchant, what="key.issued")[0]
    assert (newest["key"], newest["operator"], newest["after"]) == (second["id"], False, {"scopes": ["codes"]})
    everything = house.client(house.token).get("/v1/audit-log", limit=200)["items"]
    assert {merchant.id, other.id} <= {change["merchant_id"] for change in everything}
    assert [change["id"] for change in everything] == sorted((change["id"] for change in everything), reverse=True)
    till = done(merchant.call("POST", "/keys", {"scopes": ["actions"]}), 201)["key"]
    assert house.call("GET", "/audit-log", key=till).status_code == 403


def test_nothing_of_customers_comes_in(house: House, merchant: Merchant) -> None:
    campaign = merchant.campaign(rules=RULES)
    holder = Holder.fresh(house)
    done(merchant.report(merchant.purchase(campaign, 1_000, wallet=holder.name)), 202)
    holder.until_points(1_000)
    assert holder.name.lower()[2:] not in str(log(merchant)).lower()
