"""Files, the bulk call and single calls give the same points."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.commands.action_files import Defaults, Reported, read
from gateway.commands.bulk import report_all
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.secrets import Secrets
from gateway.models import metadata
from tests.gateway.earning.conftest import Room, build_room, wallet
from tests.support.client import client_over
from tests.support.clocks import StoppedClock

NUMBERS = itertools.count(1)
PRODUCTS = st.sampled_from(["tea", "bun", "wine", "book"])
LINES = st.lists(
    st.tuples(PRODUCTS, st.sampled_from(["", "books"]), st.integers(1, 9), st.integers(0, 9_999)),
    min_size=1,
    max_size=4,
)
#: Who, how long ago, what; or a visit.
SALES = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 50_000), LINES | st.none()), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """One room for all examples; each has a campaign of its own."""
    db = Database(f"sqlite:///{tmp_path_factory.mktemp('files') / 'loyalty.db'}")
    metadata.create_all(db.engine)
    clock = StoppedClock()
    return build_room(db, clock, Jobs(clock), Secrets(b"test master secret, 32 bytes or more"))


def by_time(room: Room) -> dict[str, Any]:
    """More points for what was done some hours ago: by its own time, whenever and however it is told."""
    start, end = (f"{(room.clock.now() // 3_600 - ago) % 24:02}:00" for ago in (10, 4))
    return {"multipliers": [{"id": "then", "percent": 200, "hours": {"start": start, "end": end}}]}


def told(room: Room, campaign: int, sales: list[tuple[int, int, Any]]) -> list[dict[str, Any]]:
    """The same sales as the API takes them."""
    actions = []
    for number, (who, ago, lines) in enumerate(sales):
        action: dict[str, Any] = {
            "key": f"{campaign}-{number}",
            "campaign": campaign,
            "kind": "visit" if lines is None else "purchase",
            "occurred_at": room.clock.now() - ago,
            "wallet": wallet(who),
        }
        if lines is not None:
            action["lines"] = [
                {"product": product, "quantity": quantity, "amount": amount}
                | ({"category": category} if category else {})
                for product, category, quantity, amount in lines
            ]
        actions.append(action)
    return actions


def as_csv(actions: list[dict[str, Any]]) -> bytes:
    rows = ["key,campaign,kind,occurred_at,wallet,product,category,quantity,amount"]
    for action in actions:
        head = ",".join(str(action[name]) for name in ("key", "campaign", "kind", "occurred_at", "wallet"))
        for line in action.get("lines") or [{}]:
            money = f"{line['amount'] // 100}.{line['amount'] % 100:02}" if line else ""
            rows.append(
                f"{head},{line.get('product', '')},{line.get('category', '')},{line.get('quantity', '')},{money}"
            )
    return ("\n".join(rows) + "\n").encode()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SALES, st.randoms(use_true_random=False))
def test_previewed_one_by_one_in_bulk_and_from_files_it_is_the_same(shared: Room, sales: Any, chance: Any) -> None:
    room = shared
    first, *_ = [room.campaign(next(NUMBERS), programme=by_time(room)) for _ in range(4)]
    client = client_over(room.http, room.key)
    single = {}
    actions = told(room, first, sales)
    chance.shuffle(actions)  # whatever the order of arrival
    for action in actions:
        key = action.pop("key")
        shown = room.call("POST", "/actions/preview", action).json()
        answer = room.call("POST", "/actions", action, once=key).json()
        assert (shown["points"], shown["verdicts"]) == (answer["points"], answer["verdicts"])
        assert sum(verdict["points"] for verdict in answer["verdicts"]) == answer["points"]
        single[key.split("-")[1]] = answer["points"]
    bulk = {r["key"].split("-")[1]: r["action"]["points"] for r in report_all(client, told(room, first + 1, sales))}
    jsonl = "".join(json.dumps(action) + "\n" for action in told(room, first + 2, sales)).encode()
    files = []
    for data, is_json in ((jsonl, True), (as_csv(told(room, first + 3, sales)), False)):
        items = [item.action for item in read(io.BytesIO(data), is_json, Defaults()) if isinstance(item, Reported)]
        files.append({r["key"].split("-")[1]: r["action"]["points"] for r in report_all(client, items)})
    assert single == bulk == files[0] == files[1]
    assert room.row(first).reserved == room.row(first + 3).reserved == sum(single.values())


def test_one_that_spoils_the_whole_call_is_refused_alone(shared: Room) -> None:
    room, campaign = shared, 10**6
    room.campaign(campaign)
    actions = told(room, campaign, [(1, 5, [("tea", "", 1, 100)])] * 9)
    actions[4]["wallet"] = "\ud800"  # no JSON text, so that the server cannot read the call
    results = report_all(client_over(room.http, room.key), actions)
    assert [result["status"] for result in results] == [202] * 4 + [422] + [202] * 4
    assert [result["key"] for result in results] == [action["key"] for action in actions]


def test_a_return_in_a_file_is_judged_by_its_receipt(shared: Room) -> None:
    room, campaign = shared, next(NUMBERS)
    room.campaign(campaign, rules=[{"kind": "per_purchase", "points": 500, "when": "quantity >= 2"}])
    now = room.clock.now()
    head = "key,kind,campaign,occurred_at,wallet,refers_to_key,receipt,product,quantity,amount\n"
    sold = "".join(f"{campaign}-s,purchase,{campaign},{now},{wallet(1)},,,{p},1,2.00\n" for p in ("tea", "bun"))
    back = f"{campaign}-%s,refund,{campaign},{now},,{campaign}-s,%s,%s,1,2.00\n"
    rows = back % ("x", "", "bun") + back % ("r", "yes", "tea") + back % ("r", "yes", "bun") + back % ("r", "", "bun")
    items = read(io.BytesIO((head + sold + rows).encode()), False, Defaults())
    client = client_over(room.http, room.key)
    results = report_all(client, [item.action for item in items if isinstance(item, Reported)])
    assert [result["status"] for result in results] == [202, 422, 202]
    assert results[1]["problem"]["code"] == "refund-receipt-required"
    assert results[2]["action"]["points"] == 500
    assert [line["product"] for line in results[2]["action"]["left"]] == ["tea"]
