"""A merchant's programme as one file: read strictly, compared, applied once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.chain import calls
from gateway.chain.hexes import checksum
from gateway.chain.reads import Change, Operator
from gateway.chain.signatures import address_of
from gateway.client import Client
from gateway.commands import campaign_file, offers_section, terms_section, yaml_files
from gateway.commands.campaign_file import CampaignFile
from gateway.commands.console import CommandError
from gateway.commands.creating import DEFAULT_RULES, Registration, check
from gateway.commands.offers_section import OfferItem, Publisher
from gateway.commands.terms_section import Owner, TermsItem
from gateway.loyalty.rules.document import RulesDocument

ROOT = Path(__file__).parents[2]
NOTHING = Change(0, 0, 0)
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(example: Path) -> None:
    file = campaign_file.load(example)
    assert file.earning is not None
    assert RulesDocument.model_validate_json(file.earning.dump()) == file.earning


def test_the_published_schema_is_the_files() -> None:
    published = json.loads((ROOT / "docs/campaign.schema.json").read_text())
    made: Any = CampaignFile.model_json_schema()
    assert published == made, "stale: loyalty campaign schema > docs/campaign.schema.json"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_words_are_what_they_look_like(tmp_path: Path) -> None:
    text = "a: 16:00\nb: no\nc: 2026-12-01\nd: 12\ne: true\nf: ~\ng: 1.5\nh: 0o17\n"
    assert yaml_files.read(write(tmp_path / "f.yaml", text)) == {
        "a": "16:00",
        "b": "no",
        "c": "2026-12-01",
        "d": 12,
        "e": True,
        "f": None,
        "g": "1.5",
        "h": "0o17",
    }


RULE = "earning: {rules: [{kind: per_visit, points: 5}]}\n"
WRONG = [
    (RULE + RULE, "line 1, column 1: earning stands twice"),
    ("earning: {rules: [", "line 1, column 19"),
    ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ("earning: {rules: []}", "earning.rules: List should have at least 1 item"),
    ("earnings: {}", "earnings: Extra inputs are not permitted"),
    (RULE + "typo: 1\n", "typo: Extra inputs are not permitted"),
    ("terms: {name: A, first: 2026-12-01, last: 2026-11-30}", "last is before first"),
    ("terms: {name: A, first: 2026-12-01, last: 2027-11-30, bonus: 5}", "only a closed loop has a bonus"),
    ("terms: {name: A, first: 2026-12-01, last: 2027-11-30, hold: 91d}", "hold: 90d at most"),
    (
        "terms: {name: A, first: 2026-12-01, last: 2027-11-30, settle_every: 1w}",
        "terms.settle_every",
    ),
    ("earning: {rules: [{kind: per_visit, points: 1.5}]}", "earning.rules.0.per_visit.points: Input should be a valid"),
    ("earning: {rules: [{kind: magic}]}", "earning.rules.0: Input tag 'magic'"),
    ("earning: {rules: [{kind: per_visit, points: 5, when: amount > open('x')}]}", "only comparisons"),
    ("earning: {zone: Mars/Base, rules: [{kind: per_visit, points: 5}]}", "no such time zone"),
    (
        RULE.replace("{rules", "{caps: [{id: a, per: wallet, period: day, points: 1, rules: [x]}], rules"),
        "names a rule",
    ),
    ("- 1", "file: Input should be a valid dictionary"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=lambda value: value[:40])
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        campaign_file.load(write(tmp_path / "f.yaml", text))
    assert message in str(refused.value)


class Gateway:
    """Answers as the gateway does for campaign 1, and keeps what was written."""

    def __init__(self) -> None:
        self.rules = [{"version": 1, "valid_from": 1, "rules": json.loads(document(5).dump())}]
        self.written: list[tuple[str, str]] = []
        self.quotas = {2: 50, 3: 900, 4: 0}
        self.offers = [
            {"id": n, "active": n != 4, "document": json.dumps({"ref": f"r{n}", "campaign": campaign})}
            for n, campaign in ((1, 1), (2, None), (3, 2), (4, 1))
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            quotas = [{"merchant_id": id, "daily_quota": quota} for id, quota in self.quotas.items()]
            lists = {"/v1/campaigns/1/merchants": quotas, "/v1/offers": self.offers}
            if request.url.path in lists:
                return httpx.Response(200, json={"items": lists[request.url.path], "next": None})
            answer = (
                LAUNCHED
                if request.url.path == "/v1/campaigns/1"
                else {"hub": f"0x{'11' * 20}", "chain_id": 1, "key": f"0x{'d7' * 32}", "pattern": None, "low_stock": 20}
            )
            return httpx.Response(200, json=answer | {"rules": self.rules})
        body: dict[str, Any] = json.loads(request.content or b"{}")
        if request.url.path.endswith("/preview"):
            past = {"actions": 9, "unknown": 2, "awarded": 1, "before": 500, "after": 1_000}
            return httpx.Response(200, json=past | {"rungs": {"status": {"member": 6, "gold": 1}, "club": {}}})
        self.written.append((request.method, request.url.path))
        if "/merchants/" in request.url.path:
            self.quotas[int(request.url.path.rsplit("/", 1)[1])] = body["daily_quota"]
        if request.url.path.endswith("/rules"):
            self.rules.append({"version": 2, "valid_from": 2, "rules": body})
        return httpx.Response(201, json={})


PUBLISHER = Publisher(1, checksum(address_of(b"\x07" * 32)), lambda: b"\x07" * 32)


def document(points: int, **more: Any) -> RulesDocument:
    return RulesDocument.model_validate({"rules": [{"kind": "per_visit", "points": points}]} | more)


def test_a_file_is_applied_once_and_a_dry_run_changes_nothing() -> None:
    gateway = Gateway()
    goals = {"challenges": [{"id": "came", "period": "campaign", "points": 0}]}
    badged = document(7, badges=[{"number": 1, "name": "Guest", "goal": "came"}], **goals)
    file = CampaignFile(campaign=1, earning=badged, shares=[{"merchant": 2, "daily_quota": 100}])
    with Client("http://gateway", "key", transport=httpx.MockTransport(gateway)) as client:
        told = [change.told() for change in campaign_file.plan(client, 1, file, True, PUBLISHER)]
        assert [(t["section"], t["change"]) for t in told] == [
            ("earning", "\n".join(["publish new rules:", *told[0]["differences"]])),
            ("shares", "merchant 2: at most 1.00 points a day"),
            ("shares", "merchant 3: at most 0.00 points a day (it earns nothing more)"),
        ]
        assert told[0]["differences"] == [
            "rules[0].points: 5 → 7",
            'challenges[came]: new, {"id": "came", "counts": "actions", "target": 1, "points": 0…',
            'badges[1]: new, {"number": 1, "name": "Guest", "goal": "came", "times": 1}',
        ]
        assert told[0]["in_words"] == (
            "of 9 actions of the last 90 days 7 can be judged: 5.00 points by the rules of then, 10.00 by these; "
            "status: 6 member, 1 gold; club: nobody; badge 1: came: an action in the campaign"
        )
        assert gateway.written == []
        campaign_file.carry_out(campaign_file.plan(client, 1, file, False, PUBLISHER))
        shares = [("PUT", f"/v1/campaigns/1/merchants/{merchant}") for merchant in (2, 3)]
        assert gateway.written == [("POST", "/v1/campaigns/1/rules"), *shares]
        assert campaign_file.plan(client, 1, file, False, PUBLISHER) == []


def test_what_is_not_in_the_file_any_more_is_closed_and_said() -> None:
    gateway = Gateway()
    with Client("http://gateway", "key", transport=httpx.MockTransport(gateway)) as client:
        assert campaign_file.plan(client, 1, CampaignFile(), False, PUBLISHER) == []
        plan = campaign_file.plan(client, 1, CampaignFile(offers=[], shares=[]), False, PUBLISHER)
        assert [change.what for change in plan] == [
            "merchant 2: at most 0.00 points a day (it earns nothing more)",
            "merchant 3: at most 0.00 points a day (it earns nothing more)",
            "close offer number 1 (r1): it is not in the file",
            "offer number 2 (r2) is not in the file and stays: it is paid from wallets, not this campaign",
        ]
        campaign_file.carry_out(plan)
    assert gateway.written[2:] == [("POST", "/v1/offers/1/close")]


def test_another_campaign_s_offer_of_the_same_ref_stays() -> None:
    item = {"title": "Tea", "reward": {"kind": "product", "product": "tea"}, "price": 500, "codes": "pool"}
    days = {"first": "2026-12-01", "last": "2026-12-31"}
    with Client("http://gateway", "key", transport=httpx.MockTransport(Gateway())) as client:

        def planned(ref: str) -> list[str]:
            file = CampaignFile.model_validate({"offers": [item | days | {"ref": ref}]})
            return [change.what for change in campaign_file.plan(client, 1, file, False, PUBLISHER)]

        closed = "close offer number 1 (r1): it is not in the file"
        stays = "offer number 2 (r2) is not in the file and stays: it is paid from wallets, not this campaign"
        assert planned("r3") == ["publish offer r3", closed, stays]
        assert planned("r2") == ["publish offer r2 instead of number 2", "close offer number 2 (r2)", closed]


def test_two_files_do_not_replace_each_other_s_offers() -> None:
    def item(**changes: Any) -> OfferItem:
        tea = {"ref": "tea", "title": "Tea", "reward": {"kind": "product", "product": "tea"}, "codes": "pool"}
        days = {"first": "2026-12-01", "last": "2026-12-31"}
        return OfferItem.model_validate(tea | days | {"price": 500, "paid_from": "wallet"} | changes)

    gateway, chain = Gateway(), {"hub": f"0x{'11' * 20}", "chain_id": 1}
    with Client("http://gateway", "key", transport=httpx.MockTransport(gateway)) as client:

        def planned(there: OfferItem, of: int | None, active: bool = True, **changes: Any) -> list[str]:
            text = offers_section.document(there, of or 99, PUBLISHER, chain, "").replace(":99,", ":null,")
            gateway.offers = [{"id": 9, "active": active, "source": "pool", "document": text}]
            file = CampaignFile(offers=[item(**changes)])
            return [change.what for change in campaign_file.plan(client, 1, file, False, PUBLISHER)]

        assert planned(item(), 1) == planned(item(), 2) == []
        assert planned(item(), 1, price=400) == ["publish offer tea instead of number 9", "close offer number 9 (tea)"]
        with pytest.raises(CommandError, match="the file of campaign 2 has tea, number 9, with other terms"):
            planned(item(), 2, price=400)
        assert planned(item(), None, price=400) == planned(item(), 1, price=400)
        with pytest.raises(CommandError, match="the file of campaign 2 has tea, number 9, open"):
            planned(item(), 2, closed=True)
        assert planned(item(), 1, closed=True) == ["close offer number 9 (tea)"]
        assert planned(item(), 2, active=False, price=400) == ["publish offer tea"]
        assert planned(item(), 2, active=False, closed=True) == []
        assert planned(item(), 2, paid_from="campaign") == ["publish offer tea"]


DAY = 86_400
#: 2026-12-01 to 2027-11-30 in London.
LAUNCHED: dict[str, Any] = {
    "id": 1, "name": "Spring", "terms": "t", "starts_at": 1_796_083_200, "end": 1_796_083_200 + 365 * DAY,
    "hold": 14 * DAY, "closed": True, "bonus": 500, "settle_every": DAY, "min_wallets": 20, "step": 1, "daily_cap": 900,
    "coming": None,
    "notice": 7 * DAY,
}  # fmt: skip
TERMS: dict[str, Any] = {
    "name": "Spring", "text": "t", "first": "2026-12-01", "last": "2027-11-30", "zone": "Europe/London",
    "loop": "closed", "hold": "14d", "bonus": 500, "settle_every": "24h", "daily_cap": 900,
}  # fmt: skip


class Hub:
    """The chain as the terms' section looks at it, and what it sends there."""

    def __init__(self, announced: Change) -> None:
        self.announced = announced
        self.sent: list[bytes] = []
        self.reads = self

    def pending_change(self, campaign: int) -> Change:
        return self.announced

    def operator(self, campaign: int, key: bytes) -> Operator:
        return Operator(900, 0)

    def hub(self, what: str, data: bytes) -> None:
        self.sent.append(data)


def terms(announced: Change = NOTHING, **changed: Any) -> tuple[list[str], list[bytes]]:
    hub = Hub(announced)
    owner = Owner(lambda: hub, lambda: hub, lambda: b"k" * 20)  # type: ignore[arg-type, return-value]
    with Client("http://gateway", "key", transport=httpx.MockTransport(Gateway())) as client:
        plan = terms_section.plan(client, owner, LAUNCHED, TermsItem.model_validate(TERMS | changed))
        campaign_file.carry_out(plan)
    return [change.what for change in plan], hub.sent


def settling(coming: dict[str, int] | None = None, notice: int = 7 * DAY, **changed: Any) -> list[tuple[str, bool]]:
    """What is said of name and settlements, and whether something is done about it."""
    owner = Owner(*[lambda: None] * 3)  # type: ignore[arg-type]
    now, wanted = LAUNCHED | {"coming": coming, "notice": notice}, TermsItem.model_validate(TERMS | changed)
    with Client("http://gateway", "key", transport=httpx.MockTransport(Gateway())) as client:
        return [(change.what, change.do is not None) for change in terms_section.plan(client, owner, now, wanted)]


def test_the_name_changes_at_once_and_settlements_are_announced() -> None:
    assert settling(name="Winter") == [("the name is Winter", True)]
    half = "settles every 12 hours, from 20 wallets on, in steps of 0.01"
    assert settling(settle_every="12h") == [(f"{half}: announce it, in force 7 days later", True)]
    assert settling(notice=0, settle_every="12h") == [(f"{half}: change it, in force at once", True)]
    coming = {"settle_every": DAY // 2, "min_wallets": 20, "step": 1, "since": 1_796_083_200}
    assert settling(coming, settle_every="12h") == [(f"{half}: announced, in force from 2026-12-01 00:00 UTC", False)]
    daily = "settles every 24 hours, from 20 wallets on, in steps of 0.01"
    assert settling(coming) == [(f"{daily}: as now: withdraw what was announced", True)]
    more = {"settle_every": "12h", "min_wallets": 30, "step": 10}
    assert settling(coming, **more) == [
        ("settles every 12 hours, from 30 wallets on, in steps of 0.10: announce it, in force 7 days later", True)
    ]
    unsaid = {name: value for name, value in TERMS.items() if name != "settle_every"}
    assert TermsItem.model_validate(unsaid).settlement() == {}


def test_the_same_terms_change_nothing_and_what_was_not_said_is_left() -> None:
    assert terms() == ([], [])
    said = {name: TERMS[name] for name in ("name", "first", "last", "zone")}
    assert TermsItem.model_validate(said).fixed().keys() == {"first"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "u"), ("first", "2026-12-02"), ("hold", "15d"),
    ],
)  # fmt: skip
def test_what_was_promised_for_good_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(CommandError, match=f"terms.{field}: campaign 1 was launched with") as refused:
        terms(**{field: value})
    assert refused.value.code == "fixed-terms"


def test_end_and_bonus_are_announced_one_after_the_other() -> None:
    end = LAUNCHED["end"] + 31 * DAY
    longer = {"last": "2027-12-31"}
    assert terms(**longer) == (
        ["the last day is 2027-12-31: announce it, in force 7 days later"],
        [calls.schedule_end(1, end)],
    )
    both, sent = terms(**longer, bonus=700)
    assert sent == [calls.schedule_end(1, end)]
    assert both[1].startswith("the entry bonus is 7.00 %: can be announced after the end that is in force from")
    assert terms(Change(1, 1_796_083_200, end), **longer) == (
        ["the last day is 2027-12-31: announced, in force from 2026-12-01 00:00 UTC"],
        [],
    )


def test_the_cap_is_the_keys_on_the_chain() -> None:
    what, sent = terms(daily_cap=1_000)
    assert what == ["the gateway's key awards at most 10.00 points a day"]
    assert sent == [calls.set_operator(1, b"k" * 20, 1_000)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "name: String should have at least 1 character"),
        ({"name": "x" * 101}, "name: String should have at most 100 characters"),
        ({"step": 0}, "step: Input should be greater than or equal to 1"),
        ({"settle_every": 8 * 86_400}, "settle_every: Input should be less than or equal to 604800"),
        ({"rules": {"rules": []}}, "rules"),
    ],
)
def test_what_the_gateway_would_refuse_never_gets_onto_the_chain(changes: dict[str, Any], told: str) -> None:
    good = Registration("Points", 1_767_225_600, 86_400, 20, 1, DEFAULT_RULES)
    check("terms", good)
    with pytest.raises(CommandError, match=re.escape(told)):
        check("terms", replace(good, **changes))
