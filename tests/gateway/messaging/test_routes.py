"""Webhooks over HTTP."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.messaging import routes
from gateway.messaging.models import MessageKind
from gateway.messaging.outbox import MAX_ENDPOINTS, Outbox
from gateway.web import errors
from tests.gateway.messaging.conftest import Scene
from tests.gateway.messaging.receiver import Receiver

URL = "https://shop.example/hooks"


class Client:
    """Two merchants' managers, and a till without the right."""

    def __init__(self, scene: Scene) -> None:
        app = FastAPI()
        errors.install(app)
        strict = Outbox(scene.clock, scene.keys, private=False)
        app.include_router(routes.build(scene.db, Auth(scene.db, ApiKeys(), scene.clock), strict, scene.clock))
        self.http, self.count = TestClient(app), 0
        with scene.db.begin() as session:
            scopes = {"one": (1, Scope.MANAGE), "two": (2, Scope.MANAGE), "till": (1, Scope.ACTIONS | Scope.CODES)}
            self.tokens = {
                name: ApiKeys().issue(session, merchant, scope, scene.clock.now()).token
                for name, (merchant, scope) in scopes.items()
            }

    def call(self, who: str, method: str, path: str = "", body: object = None, once: str | None = None):  # type: ignore[no-untyped-def]
        self.count += 1
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": once or f"k{self.count}"}
        return self.http.request(method, f"/v1/webhooks{path}", json=body, headers=headers)


@pytest.fixture
def client(scene: Scene) -> Client:
    return Client(scene)


def test_the_secret_is_shown_once_and_again_only_for_the_same_request(client: Client) -> None:
    made = client.call("one", "POST", body={"url": URL}, once="same")
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert client.call("one", "POST", body={"url": URL}, once="same").json() == made.json()
    conflict = client.call("one", "POST", body={"url": URL + "2"}, once="same")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "idempotency-conflict")
    listed = client.call("one", "GET").json()
    assert [set(item) for item in listed["items"]] == [{"id", "url", "active", "created_at"}]


def test_the_database_holds_no_secret_in_the_clear(client: Client, scene: Scene) -> None:
    secret = client.call("one", "POST", body={"url": URL}).json()["secret"]
    with scene.db.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM idempotent_writes").all()
        rows += connection.exec_driver_sql("SELECT * FROM webhook_endpoints").all()
    assert secret not in repr(rows)
    assert secret.removeprefix("whsec_") not in repr(rows)


def test_a_url_inside_our_network_or_without_tls_is_refused(client: Client) -> None:
    for url in ("http://shop.example/", "https://127.0.0.1/", "https://u:p@shop.example/", "nonsense"):
        problem = client.call("one", "POST", body={"url": url})
        assert (problem.status_code, problem.json()["code"]) == (422, "webhook-url-refused")
        assert problem.json()["field"] == "url"
        assert url not in problem.text
    assert client.call("one", "GET").json()["items"] == []


def test_a_malformed_body_is_refused(client: Client) -> None:
    for body in ({}, {"url": 5}, {"url": ""}, {"url": URL, "more": 1}, {"url": "x" * 501}, [], None):
        problem = client.call("one", "POST", body=body)
        assert (problem.status_code, problem.json()["code"]) == (422, "invalid-request")


def test_there_is_an_end_to_the_number_of_webhooks(client: Client) -> None:
    for _ in range(MAX_ENDPOINTS):
        assert client.call("one", "POST", body={"url": URL}).status_code == 201
    assert client.call("one", "POST", body={"url": URL}).json()["code"] == "too-many-webhooks"
    assert client.call("two", "POST", body={"url": URL}).status_code == 201


def test_a_till_may_not_and_another_merchant_sees_nothing(client: Client, scene: Scene) -> None:
    made = client.call("one", "POST", body={"url": URL}).json()
    scene.write(MessageKind.CODE_USED)
    delivery = client.call("one", "GET", "/deliveries").json()["items"][0]["id"]
    assert client.call("till", "GET").status_code == 403
    assert client.call("two", "GET").json()["items"] == []
    assert client.call("two", "GET", "/deliveries").json()["items"] == []
    assert client.call("two", "DELETE", f"/{made['id']}").json()["code"] == "unknown-webhook"
    assert client.call("two", "POST", f"/deliveries/{delivery}/replay").json()["code"] == "unknown-delivery"


def test_deliveries_are_listed_newest_first_and_replayed(client: Client, scene: Scene, receiver: Receiver) -> None:
    receiver.statuses = [204]
    scene.endpoint(receiver)
    scene.write(*MessageKind)
    while scene.courier.deliver_due():
        pass
    first = client.call("one", "GET", "/deliveries?limit=4").json()
    rest = client.call("one", "GET", f"/deliveries?limit=4&cursor={first['next']}").json()
    items = first["items"] + rest["items"]
    assert [item["id"] for item in items] == sorted((item["id"] for item in items), reverse=True)
    assert {(item["state"], item["attempts"], item["next_at"]) for item in items} == {("delivered", 1, None)}
    assert {item["type"] for item in items} == {
        "batch.landed", "redemption.delivered", "code.used", "statistics.released", "codes.low",
        "code.used_twice", "badges.landed",
    }  # fmt: skip
    answer = client.call("one", "POST", f"/deliveries/{items[0]['id']}/replay", once="again")
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (202, "waiting", 0)
    assert scene.courier.deliver_due() == 1
    assert client.call("one", "POST", f"/deliveries/{items[0]['id']}/replay", once="again").json() == answer.json()
    assert scene.courier.deliver_due() == 0
    assert len(receiver.received) == 8
    assert receiver.received[7].headers["webhook-id"] == items[0]["message"]


def test_removing_forgets_what_waits(client: Client, scene: Scene) -> None:
    made = client.call("one", "POST", body={"url": URL}).json()
    scene.write(*MessageKind)
    assert client.call("one", "DELETE", f"/{made['id']}").status_code == 204
    assert scene.deliveries() == []
    assert client.call("one", "DELETE", f"/{made['id']}").status_code == 404


def test_writes_need_an_idempotency_key(client: Client) -> None:
    headers = {"Authorization": f"Bearer {client.tokens['one']}"}
    problem = client.http.post("/v1/webhooks", json={"url": URL}, headers=headers)
    assert problem.json()["code"] == "idempotency-key-required"
