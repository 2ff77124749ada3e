from __future__ import annotations

import threading

import pytest

from gateway.chain import calls
from gateway.chain.errors import NodeDown
from gateway.chain.indexer.models import EventKind
from gateway.chain.indexer.stream import drain
from gateway.loyalty.campaigns.schedule import GRACE, LAST_CALL
from gateway.loyalty.campaigns.schemas import CampaignIn
from gateway.loyalty.campaigns.service import REFRESH_EVERY, STREAM
from tests.gateway.campaigns.conftest import OPERATOR, RULES, TERMS, Room
from tests.support.hub import DAY


def test_a_campaign_is_registered_as_the_chain_knows_it_and_shown_to_all(room: Room) -> None:
    number, _, merchant, _ = room.registered(hold=3 * DAY, closed=True)
    seen = room.call("GET", f"/campaigns/{number}").json()
    on_chain = room.hub.reads.campaign(number)
    assert (seen["end"], seen["hold"], seen["closed"], seen["expiry"]) == (
        on_chain.end,
        3 * DAY,
        True,
        on_chain.expiry,
    )
    assert seen["terms_hash"] == "0x" + on_chain.terms.hex()
    assert (seen["terms"], seen["merchant_id"], seen["budget"]) == (TERMS, merchant, 0)
    assert seen["rules"][0]["rules"]["rules"][0]["points"] == 100
    assert "reserved" not in seen  # falls when codes lapse, so it would show how many were claimed


def test_an_owner_who_had_accepted_before_serves_at_once(room: Room) -> None:
    sender, _, key = room.merchant()
    number = room.hub.campaign(sender, TERMS)
    room.hub.send(sender, calls.invite_merchant(number, sender.address))
    room.hub.send(sender, calls.accept_merchant(number))
    answer = room.call("POST", "/campaigns", key, room.document(number)).json()
    assert [member["accepted"] for member in answer["merchants"]] == [True]
    number, *_ = room.registered()
    assert [m["accepted"] for m in room.call("GET", f"/campaigns/{number}").json()["merchants"]] == [False]


def test_registering_twice_under_one_key_is_once(room: Room) -> None:
    sender, _, key = room.merchant()
    document = room.document(room.hub.campaign(sender, TERMS))
    first = room.call("POST", "/campaigns", key, document, once="a")
    assert room.call("POST", "/campaigns", key, document, once="a").json() == first.json()
    other = room.call("POST", "/campaigns", key, document, once="b")
    assert (other.status_code, other.json()["code"]) == (409, "campaign-exists")


def test_unknown_and_foreign_campaigns_look_the_same(room: Room) -> None:
    number, *_ = room.registered()
    _, _, stranger = room.merchant()
    answers = [
        room.call("POST", "/campaigns", stranger, room.document(number)),
        room.call("POST", "/campaigns", stranger, room.document(number + 50)),
        room.call("POST", f"/campaigns/{number}/rules", stranger, RULES),
        room.call("POST", f"/campaigns/{number + 50}/rules", stranger, RULES),
        room.call("POST", f"/campaigns/{number}/pause", stranger),
        room.call("PUT", f"/campaigns/{number}/merchants/1", stranger, {"daily_quota": 5}),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "unknown-campaign")] * len(answers)
    assert room.call("GET", f"/campaigns/{number + 50}").json()["code"] == "unknown-campaign"


REFUSED: list[tuple[dict[str, object], str, str]] = [
    ({"terms": "other terms"}, "terms-mismatch", "terms"),
    ({"min_wallets": 19}, "settlement-too-exposed", "min_wallets"),
    ({"settle_every": 0}, "settlement-too-exposed", "settle_every"),
    ({"starts_at": 5}, "invalid-request", "starts_at"),
    ({"starts_at": 2**31 - 1}, "invalid-request", "starts_at"),
    ({"starts_at": True}, "invalid-request", "starts_at"),
    ({"step": 0}, "invalid-request", "step"),
    ({"step": 1.5}, "invalid-request", "step"),
    ({"name": "x" * 101}, "invalid-request", "name"),
    ({"terms": "\x00"}, "invalid-request", "terms"),
    ({"id": -1}, "invalid-request", "id"),
    ({"id": 10**30}, "invalid-request", "id"),
    ({"id": "1"}, "invalid-request", "id"),
    ({"settle_every": 8 * DAY}, "invalid-request", "settle_every"),
    ({"note": "hello"}, "invalid-request", "body"),
    ({"rules": {"rules": []}}, "invalid-request", "rules.rules"),
]


def test_what_does_not_fit_is_refused_by_name(room: Room) -> None:
    sender, _, key = room.merchant()
    number = room.hub.campaign(sender, TERMS)
    for change, code, field in REFUSED:
        answer = room.call("POST", "/campaigns", key, room.document(number, **change))
        assert (answer.json()["code"], answer.json()["field"]) == (code, field), change
    assert room.call("GET", f"/campaigns/{number}").status_code == 404


ODD_RULES: list[object] = [
    {"kind": "per_currency", "points": 0, "per": 100},
    {"kind": "per_currency", "points": -1, "per": 100},
    {"kind": "per_currency", "points": True, "per": 100},
    {"kind": "per_currency", "points": 1.0, "per": 100},
    {"kind": "per_currency", "points": "1", "per": 100},
    {"kind": "per_currency", "points": 10**30, "per": 100},
    {"kind": "per_currency", "points": 1, "per": 0},
    {"kind": "per_currency", "points": 1, "per": 1, "products": []},
    {"kind": "per_currency", "points": 1, "per": 1, "products": ["a", "a"]},
    {"kind": "per_currency", "points": 1, "per": 1, "products": ["é"]},
    {"kind": "per_currency", "points": 1, "per": 1, "categories": ["x" * 65]},
    {"kind": "per_currency", "points": 1, "per": 1, "colour": "red"},
    {"kind": "per_visit"},
    {"kind": "per_action", "points": 1, "action": "Review!"},
    {"kind": "per_moon", "points": 1},
    {},
    [],
    None,
]


def test_odd_rules_are_refused(room: Room) -> None:
    number, _, _, key = room.registered()
    for rule in ODD_RULES:
        answer = room.call("POST", f"/campaigns/{number}/rules", key, {"rules": [rule]})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), rule
        assert answer.json()["field"].startswith("rules[0]"), rule


def test_new_rules_come_into_force_later_and_never_backwards(room: Room) -> None:
    number, _, _, key = room.registered()
    later = room.clock.now() + 3_600
    new = {"rules": [{"kind": "per_visit", "points": 5}], "valid_from": later}
    assert room.call("POST", f"/campaigns/{number}/rules", key, new).json()["version"] == 2
    assert [rules["version"] for rules in room.call("GET", f"/campaigns/{number}").json()["rules"]] == [1, 2]
    room.clock.offset += 3_601
    assert [rules["version"] for rules in room.call("GET", f"/campaigns/{number}").json()["rules"]] == [2]
    refused = room.call("POST", f"/campaigns/{number}/rules", key, new)
    assert (refused.status_code, refused.json()["field"]) == (422, "valid_from")


def test_rules_to_come_are_withdrawn_and_those_of_earlier_times_stay_to_be_read(room: Room) -> None:
    number, _, _, key = room.registered()
    path, now = f"/campaigns/{number}/rules", room.clock.now()

    def shown(**params: int) -> list[int]:
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return [item["version"] for item in room.call("GET", f"{path}?{query}").json()["items"]]

    for start in (None, now + DAY, now + 30 * DAY):
        assert room.call("POST", path, key, RULES | {"valid_from": start}).status_code == 201
    assert (shown(), shown(cursor=1, limit=2)) == ([1, 2, 3, 4], [2, 3])
    _, _, stranger = room.merchant()
    assert room.call("DELETE", f"{path}/4", stranger).json()["code"] == "unknown-campaign"
    assert room.call("DELETE", f"{path}/9", key).json()["code"] == "not-found"
    assert room.call("DELETE", f"{path}/2", key).json()["code"] == "rules-in-force"
    assert room.call("POST", path, key, RULES | {"valid_from": now + 2 * DAY}).json()["field"] == "valid_from"
    for _ in range(2):
        assert room.call("DELETE", f"{path}/4", key, once="w").status_code == 204
    assert room.call("POST", path, key, RULES | {"valid_from": now + 2 * DAY}).json()["version"] == 5
    assert room.call("DELETE", f"{path}/4", key).json()["code"] == "not-found"  # said again, it hits no other
    assert shown(cursor=4) == [5]
    room.clock.offset += DAY - 300
    assert room.call("DELETE", f"{path}/3", key).json()["code"] == "rules-in-force"  # a till's clock may run ahead
    assert room.call("GET", f"/campaigns/{number + 50}/rules").json()["code"] == "unknown-campaign"


def test_the_first_rules_stay(room: Room) -> None:
    sender, _, key = room.merchant()
    number = room.hub.campaign(sender, TERMS)
    room.call("POST", "/campaigns", key, room.document(number, starts_at=room.clock.now() + DAY))
    assert room.call("DELETE", f"/campaigns/{number}/rules/1", key).json()["code"] == "rules-in-force"


def test_pausing_and_resuming(room: Room) -> None:
    number, _, _, key = room.registered()
    assert room.call("POST", f"/campaigns/{number}/pause", key).json()["paused"] is True
    assert room.call("GET", f"/campaigns/{number}").json()["paused"] is True
    assert room.call("POST", f"/campaigns/{number}/resume", key).json()["paused"] is False


def test_a_name_changes_at_once_and_settlements_a_week_after_they_were_announced(room: Room) -> None:
    number, _, _, key = room.registered()
    path = f"/campaigns/{number}/settlement"
    assert room.call("PUT", f"/campaigns/{number}/name", key, {"name": "Summer"}).json()["name"] == "Summer"
    wanted = {"settle_every": 43_200, "min_wallets": 30, "step": 100}
    due = room.row(number).settle_at

    def seen() -> tuple[dict[str, int], dict[str, int] | None]:
        answer = room.call("GET", f"/campaigns/{number}").json()
        return {name: answer[name] for name in wanted}, answer["coming"]

    def announced() -> int:
        """From when on they are in force."""
        now, coming = seen()
        assert coming is not None
        assert (now, {name: coming[name] for name in wanted}) == (before, wanted)
        return coming["since"]

    before = seen()[0]
    assert room.call("PUT", path, key, wanted).status_code == 200
    since = announced()
    assert since >= room.clock.now() + GRACE - 60
    assert room.call("GET", f"/campaigns/{number}").json()["notice"] == GRACE
    room.clock.offset += DAY
    room.call("PUT", path, key, wanted)
    assert announced() == since  # said again, it keeps its time
    room.call("PUT", path, key, before)
    assert seen() == (before, None)
    room.call("PUT", path, key, wanted)
    assert announced() >= since + DAY
    room.clock.offset += GRACE - 60
    room.campaigns.refresh_due()
    announced()
    room.clock.offset += REFRESH_EVERY
    room.campaigns.refresh_due()
    assert seen() == (wanted, None)
    assert room.row(number).settle_at == due  # what waits is not put off


def test_other_settlements_are_no_less_private_than_the_gateway_allows(room: Room) -> None:
    number, _, _, key = room.registered()
    path, good = f"/campaigns/{number}/settlement", {"settle_every": 43_200, "min_wallets": 30, "step": 100}
    _, _, stranger = room.merchant()
    for field, value in (("settle_every", 3_599), ("min_wallets", 19)):
        refused = room.call("PUT", path, key, good | {field: value}).json()
        assert (refused["code"], refused["field"]) == ("settlement-too-exposed", field)
    for body in ({}, good | {"hold": 0}, good | {"step": 0}, good | {"step": True}, {"name": ""}):
        assert room.call("PUT", path, key, body).json()["code"] == "invalid-request"
        assert room.call("PUT", f"/campaigns/{number}/name", key, body).json()["code"] == "invalid-request"
    for where, body in ((path, good), (f"/campaigns/{number}/name", {"name": "Mine"})):
        assert room.call("PUT", where, stranger, body).json()["code"] == "unknown-campaign"
    assert room.row(number).coming_from is None


def test_another_merchant_gets_a_quota_and_the_chains_word_is_followed(room: Room) -> None:
    number, owner, _, key = room.registered()
    sender, merchant, _ = room.merchant()
    path = f"/campaigns/{number}/merchants/{merchant}"
    assert room.call("PUT", path, key, {"daily_quota": 500}).json() == {
        "campaign": number,
        "merchant_id": merchant,
        "daily_quota": 500,
        "accepted": False,
    }
    room.hub.send(owner, calls.invite_merchant(number, sender.address))
    room.hub.send(sender, calls.accept_merchant(number))
    assert room.campaigns.refresh_due() == 1
    assert room.call("PUT", path, key, {"daily_quota": 0}).json()["accepted"] is True
    assert room.call("PUT", f"/campaigns/{number}/merchants/999", key, {"daily_quota": 0}).status_code == 404
    for quota in (-1, True, "5", 1.5, 10**40, None):
        assert room.call("PUT", path, key, {"daily_quota": quota}).json()["field"] == "daily_quota"


def test_a_merchant_that_joins_while_the_chain_is_asked_is_not_forgotten(room: Room) -> None:
    number, owner, _, key = room.registered()
    sender, merchant, _ = room.merchant()
    room.hub.send(owner, calls.invite_merchant(number, sender.address))
    room.hub.send(sender, calls.accept_merchant(number))
    path = f"/campaigns/{number}/merchants/{merchant}"

    class Slow:
        """Between question and answer the owner lets the merchant in."""

        def campaign(self, campaign: int) -> object:
            assert room.call("PUT", path, key, {"daily_quota": 500}).json()["accepted"] is False
            return room.hub.reads.campaign(campaign)

        is_merchant = room.hub.reads.is_merchant

    reads, room.campaigns.reads = room.campaigns.reads, Slow()  # type: ignore[assignment]
    room.campaigns.refresh_due()
    room.campaigns.reads = reads
    assert room.campaigns.refresh_due() == 1
    assert room.call("PUT", path, key, {"daily_quota": 500}, once="again").json()["accepted"] is True


def test_an_older_answer_of_a_slower_worker_is_not_believed(room: Room) -> None:
    number, owner, _, key = room.registered()
    sender, merchant, _ = room.merchant()
    path = f"/campaigns/{number}/merchants/{merchant}"
    room.call("PUT", path, key, {"daily_quota": 500})
    reads = room.campaigns.reads

    class Slow:
        """Between question and answer the merchant is accepted, the event read, and the campaign looked at again."""

        campaign = reads.campaign

        def is_merchant(self, campaign: int, address: bytes) -> bool:
            old = reads.is_merchant(campaign, address)
            if address == sender.address:
                room.hub.send(owner, calls.invite_merchant(number, sender.address))
                room.hub.send(sender, calls.accept_merchant(number))
                room.apply(room.event(EventKind.MERCHANT_ACCEPTED, 1, campaign=number))
                room.campaigns.reads = reads
                assert room.campaigns.refresh_due() == 1
            return old

    room.campaigns.reads = Slow()
    room.campaigns.refresh_due()
    assert room.call("PUT", path, key, {"daily_quota": 500}, once="again").json()["accepted"] is True


def test_a_node_that_is_down_puts_nothing_off(room: Room) -> None:
    room.registered()

    class Down:
        def campaign(self, campaign: int) -> object:
            raise NodeDown

    reads, room.campaigns.reads = room.campaigns.reads, Down()  # type: ignore[assignment]
    with pytest.raises(NodeDown):
        room.campaigns.refresh_due()
    room.campaigns.reads = reads
    assert room.campaigns.refresh_due() == 1


def test_an_earlier_end_moves_the_next_settlement(room: Room) -> None:
    number, owner, _, _ = room.registered(lasts=60 * DAY)
    chain_now = room.hub.reads.head().time
    room.hub.send(owner, calls.schedule_end(number, chain_now + 8 * DAY))
    snapshot = room.hub.rpc.call("evm_snapshot")
    room.hub.rpc.call("evm_increaseTime", hex(7 * DAY + 60))
    room.hub.rpc.call("anvil_mine", "0x1")
    room.campaigns.refresh_due()
    row = room.row(number)
    room.hub.rpc.call("evm_revert", snapshot)
    assert row.end == chain_now + 8 * DAY
    assert row.settle_at <= row.end + GRACE - LAST_CALL


def test_a_new_owner_takes_over_and_an_unknown_one_pauses(room: Room) -> None:
    number, owner, _, key = room.registered()
    heir, merchant, heir_key = room.merchant()
    room.hub.send(owner, calls.offer_ownership(number, heir.address))
    room.hub.send(heir, calls.accept_ownership(number))
    room.apply(room.event(EventKind.OWNERSHIP_TRANSFERRED, 1, campaign=number))
    room.campaigns.refresh_due()
    assert room.row(number).merchant_id == merchant
    assert room.call("POST", f"/campaigns/{number}/resume", key).status_code == 404
    assert room.call("POST", f"/campaigns/{number}/resume", heir_key).status_code == 200

    stranger = room.hub.owner()
    room.hub.send(heir, calls.offer_ownership(number, stranger.address))
    room.hub.send(stranger, calls.accept_ownership(number))
    room.clock.offset += 301
    room.campaigns.refresh_due()
    assert room.row(number).paused


def test_a_late_registration_counts_what_was_indexed_before(room: Room) -> None:
    sender, _, key = room.merchant()
    number = room.hub.campaign(sender, TERMS)
    funded = room.event(EventKind.FUNDED, 1, campaign=number, amount=1_000, extra=0)
    cap = room.event(EventKind.OPERATOR_SET, 1, campaign=number, counterparty=OPERATOR, amount=70)
    room.call("POST", "/campaigns", key, room.document(number))
    assert (room.row(number).budget, room.row(number).daily_cap) == (1_000, 70)
    room.apply(funded, cap)  # the stream comes to them only now
    assert room.row(number).budget == 1_000


def test_money_that_arrives_while_a_campaign_is_being_registered_is_counted_once(room: Room) -> None:
    """The stream must not pass the event while the campaign's row is not yet to be seen."""
    sender, merchant, _ = room.merchant()
    number = room.hub.campaign(sender, TERMS)
    new = CampaignIn.model_validate(room.document(number)).new()

    def arrive() -> None:
        room.event(EventKind.FUNDED, 1, campaign=number, amount=1_000, extra=0)
        drain(room.db, STREAM, room.campaigns.apply_events)

    arriving = threading.Thread(target=arrive)
    with room.db.begin() as session:
        room.campaigns.register(session, merchant, new, room.hub.reads.campaign(number))
        arriving.start()
        arriving.join(1)
    arriving.join()
    assert room.row(number).budget == 1_000
