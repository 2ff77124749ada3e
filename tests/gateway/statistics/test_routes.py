"""Third door over HTTP: releases and what is public, nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.loyalty.ledger.service import Ledger
from gateway.statistics import routes
from gateway.web import errors
from tests.gateway.ledger.model import NaiveChain, holder
from tests.gateway.ledger.test_ledger import book
from tests.gateway.statistics.conftest import Scene


@pytest.fixture
def http(scene: Scene) -> TestClient:
    app = FastAPI()
    errors.install(app)
    app.include_router(routes.build(scene.db, Auth(scene.db, ApiKeys(), scene.clock), Ledger()))
    return TestClient(app)


@pytest.fixture
def key(scene: Scene) -> Callable[[int | None, Scope], dict[str, str]]:
    def issue(merchant: int | None, scopes: Scope) -> dict[str, str]:
        with scene.db.begin() as session:
            token = ApiKeys().issue(session, merchant, scopes, scene.clock.now()).token
        return {"Authorization": f"Bearer {token}"}

    return issue


def test_every_figure_carries_what_is_needed_to_read_it(scene: Scene, http: TestClient, key: Callable) -> None:  # type: ignore[type-arg]
    scene.crowd(80)
    scene.close()
    answer = http.get("/v1/statistics", headers=key(1, Scope.STATISTICS)).json()
    assert answer["next"] is None
    assert [item["metric"] for item in answer["items"]] == ["wallets", "purchases", "revenue", "visits", "claims"]
    first = answer["items"][0]
    assert (first["week"], first["margin"], first["epsilon_thousandths"]) == ("2026-W03", 7, 400)
    assert first["too_few"] is False
    assert abs(first["value"] - 80) <= 20
    assert "wallets" in first["formula"]
    assert "noise" in first["formula"]
    for item in answer["items"]:
        assert not [value for value in item.values() if isinstance(value, float)]


def test_too_few_is_null(scene: Scene, http: TestClient, key: Callable) -> None:  # type: ignore[type-arg]
    scene.crowd(2)
    scene.close()
    items = http.get("/v1/statistics", headers=key(1, Scope.STATISTICS)).json()["items"]
    assert [(item["value"], item["too_few"]) for item in items] == [(None, True)] * 5


def test_a_merchant_sees_its_own_figures_page_by_page_and_always_the_same(
    scene: Scene,
    http: TestClient,
    key: Callable,  # type: ignore[type-arg]
) -> None:
    scene.crowd(80)
    scene.crowd(80, merchant=2)
    scene.close()
    mine = key(1, Scope.STATISTICS)
    whole = http.get("/v1/statistics", headers=mine).json()["items"]
    assert whole == http.get("/v1/statistics", headers=mine).json()["items"]
    assert len(whole) == 5
    page = http.get("/v1/statistics?limit=3", headers=mine).json()
    rest = http.get(f"/v1/statistics?limit=3&cursor={page['next']}", headers=mine).json()
    assert page["items"] + rest["items"] == whole
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("merchant", "scopes", "status"), [(1, Scope.ACTIONS | Scope.MANAGE, 403), (None, Scope.ADMIN, 403)]
)
def test_other_keys_are_refused(
    http: TestClient,
    key: Callable,  # type: ignore[type-arg]
    merchant: int | None,
    scopes: Scope,
    status: int,
) -> None:
    assert http.get("/v1/statistics", headers=key(merchant, scopes)).status_code == status
    assert http.get("/v1/statistics").status_code == 401


def test_no_range_no_filter_no_odd_cursor(http: TestClient, key: Callable) -> None:  # type: ignore[type-arg]
    mine = key(1, Scope.STATISTICS)
    for query in ("cursor=-1", "cursor=x", "limit=0", "limit=201", f"cursor={2**63}"):
        problem = http.get(f"/v1/statistics?{query}", headers=mine)
        assert (problem.status_code, problem.json()["code"]) == (422, "invalid-request")


def test_the_routes_read_releases_and_never_a_fact(scene: Scene, http: TestClient, key: Callable) -> None:  # type: ignore[type-arg]
    scene.crowd(3)
    mine = key(1, Scope.STATISTICS)
    statements: list[str] = []
    sa.event.listen(scene.db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    http.get("/v1/statistics", headers=mine)
    http.get("/v1/statistics/public")
    assert any("FROM releases" in statement for statement in statements)
    assert not [s for s in statements if "stat_facts" in s or "stat_weeks" in s or "actions" in s]


def test_public_totals_need_no_key_and_are_exact(scene: Scene, http: TestClient) -> None:
    chain, anna, shop = NaiveChain(), holder(0), holder(2)
    chain.award(anna, 1, 1_000)
    chain.award(anna, 3, 700)
    chain.enter(anna, 2, 300, bonus=0)
    chain.move(anna, 2, 3, 200, bonus=20)
    chain.redeem(anna, shop, 150)
    chain.cash_out(shop, 50)
    book(scene.db, chain.events)
    answer = http.get("/v1/statistics/public").json()
    address = "0x" + "03" * 20
    assert answer["privacy"] == "public"
    assert answer["wallets"] == {
        "minted": 1_720,
        "burned": 50,
        "cashed_out": 50,
        "redeemed": [{"merchant": address, "redemptions": 1, "points": 150}],
    }
    by_campaign = {item["campaign"]: item for item in answer["items"]}
    assert sorted(by_campaign) == [1, 2, 3, 4]
    assert by_campaign[3] == {
        "campaign": 3, "privacy": "public", "awarded": 700, "clawed_back": 0, "entered": 0, "left": 0, "moved_in": 200,
        "moved_out": 0, "bonus": 20, "expired": 0, "redeemed": [],
    }  # fmt: skip
    assert (by_campaign[2]["entered"], by_campaign[2]["moved_out"]) == (300, 200)
    page = http.get("/v1/statistics/public?limit=2&cursor=1").json()
    assert ([item["campaign"] for item in page["items"]], page["next"]) == ([2, 3], 3)
    names = {name for item in answer["items"] for name in item} | set(answer["wallets"])
    assert names - {"campaign", "privacy"} == set(answer["formulas"])
