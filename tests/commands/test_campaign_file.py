"""A merchant's programme as one file: read strictly, compared, applied once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.chain.hexes import checksum
from gateway.chain.signatures import address_of
from gateway.client import Client
from gateway.commands import campaign_file, yaml_files
from gateway.commands.campaign_file import CampaignFile
from gateway.commands.console import CommandError
from gateway.commands.offers_section import Publisher
from gateway.loyalty.rules.document import RulesDocument

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(example: Path) -> None:
    file = campaign_file.load(example)
    assert file.earning is not None
    assert RulesDocument.model_validate_json(file.earning.dump()) == file.earning


def test_the_published_schema_is_the_files() -> None:
    published = json.loads((ROOT / "docs/campaign.schema.json").read_text())
    assert published == CampaignFile.model_json_schema()


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

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"id": 1, "rules": self.rules})
        body: dict[str, Any] = json.loads(request.content)
        if request.url.path.endswith("/preview"):
            past = {"actions": 9, "unknown": 2, "awarded": 1, "before": 500, "after": 1_000}
            return httpx.Response(200, json=past | {"rungs": {"status": {"member": 6, "gold": 1}, "club": {}}})
        self.written.append((request.method, request.url.path))
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
    file = CampaignFile(campaign=1, earning=badged, shares=[{"merchant": 2, "daily_quota": 100}])  # type: ignore[list-item]
    with Client("http://gateway", "key", transport=httpx.MockTransport(gateway)) as client:
        told = [change.told() for change in campaign_file.plan(client, 1, file, True, PUBLISHER)]
        assert [(t["section"], t["change"]) for t in told] == [
            ("earning", "publish version 2 of the rules (1 rules)"),
            ("shares", "merchant 2: at most 1.00 points a day"),
        ]
        assert told[0]["in_words"] == (
            "of 9 actions of the last 90 days 7 can be judged: 5.00 points by the rules of then, 10.00 by these; "
            "status: 6 member, 1 gold; club: nobody; badge 1: came: an action in the campaign"
        )
        assert gateway.written == []
        for change in campaign_file.plan(client, 1, file, False, PUBLISHER):
            change.do()
        assert gateway.written == [("POST", "/v1/campaigns/1/rules"), ("PUT", "/v1/campaigns/1/merchants/2")]
        again = campaign_file.plan(client, 1, file, False, PUBLISHER)
        assert [change.section for change in again] == ["shares"]
