from __future__ import annotations

from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.secrets import Secrets
from gateway.identity.merchants import routes
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.identity.merchants.service import Merchants
from gateway.web import errors

HUB = bytes.fromhex("aa" * 20)


@dataclass
class Room:
    """The room behind HTTP, with the operator's first key."""

    db: Database
    clock: Clock
    keys: ApiKeys
    merchants: Merchants
    http: TestClient
    operator: str
    count: int = 0

    def call(self, method: str, path: str, key: str | None, body: object = None, once: str | None = None):
        self.count += 1
        headers = {"Idempotency-Key": once or f"key-{self.count}"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return self.http.request(method, f"/v1{path}", json=body, headers=headers)

    def merchant(self, name: str = "Corner Books") -> int:
        self.count += 1
        body = {"name": name, "address": f"0x{self.count:040x}"}
        return self.call("POST", "/merchants", self.operator, body).json()["id"]

    def key(self, merchant: int, *scopes: str) -> str:
        body = {"merchant_id": merchant, "scopes": list(scopes)}
        return self.call("POST", "/keys", self.operator, body).json()["key"]


@pytest.fixture
def room(db: Database, clock: Clock, secrets: Secrets) -> Room:
    keys, merchants = ApiKeys(), Merchants([HUB])
    app = FastAPI()
    errors.install(app)
    app.include_router(routes.build(db, Auth(db, keys, clock), merchants, keys, secrets, clock))
    with db.begin() as session:
        operator = keys.issue(session, None, Scope.ADMIN, clock.now()).token
    return Room(db, clock, keys, merchants, TestClient(app), operator)
