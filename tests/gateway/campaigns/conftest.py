from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.sender import Sender
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.identity.merchants.service import Merchants
from gateway.loyalty.campaigns import routes
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.service import Campaigns
from gateway.web import errors
from tests.support.anvil import anvil
from tests.support.hub import Hub

OPERATOR = bytes.fromhex("0e" * 20)
TERMS = "One point for each pound. Ünïcode too."
RULES = {"rules": [{"kind": "per_currency", "points": 100, "per": 100}]}


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    with anvil() as node:
        deployed = Hub.deploy(node.url)
        yield deployed
        deployed.rpc.close()


@dataclass
class Room:
    """The room behind HTTP, over a real hub."""

    db: Database
    clock: Clock
    hub: Hub
    campaigns: Campaigns
    http: TestClient
    keys: ApiKeys = field(default_factory=ApiKeys)
    count: int = 0

    def merchant(self) -> tuple[Sender, int, str]:
        """Wallet, id and key (MANAGE) of a new merchant."""
        sender = self.hub.owner()
        with self.db.begin() as session:
            row = Merchants().create(session, "Corner Books", sender.address, self.clock.now())
            token = self.keys.issue(session, row.id, Scope.MANAGE, self.clock.now()).token
        return sender, row.id, token

    def call(self, method: str, path: str, key: str | None = None, body: object = None, once: str | None = None):
        self.count += 1
        headers = {"Idempotency-Key": once or f"key-{self.count}"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return self.http.request(method, f"/v1{path}", json=body, headers=headers)

    def document(self, campaign: int, **changes: object) -> dict[str, object]:
        document: dict[str, object] = {
            "id": campaign,
            "name": "Spring",
            "terms": TERMS,
            "starts_at": self.clock.now(),
            "settle_every": 86_400,
            "min_wallets": 20,
            "rules": RULES,
        }
        return document | changes

    def registered(self, **on_chain: object) -> tuple[int, Sender, int, str]:
        """A campaign with its owner: number, wallet, merchant's id and key."""
        sender, merchant, key = self.merchant()
        number = self.hub.campaign(sender, TERMS, **on_chain)  # type: ignore[arg-type]
        answer = self.call("POST", "/campaigns", key, self.document(number))
        assert answer.status_code == 201, answer.text
        return number, sender, merchant, key

    def event(self, kind: EventKind, block: int, **values: object) -> ChainEvent:
        """An event as the indexer appends it."""
        self.count += 1
        with self.db.begin() as session:
            row = ChainEvent(
                kind=kind,
                block=block,
                block_time=self.clock.now(),
                log_index=self.count,
                tx_hash=self.count.to_bytes(32, "big"),
                **values,
            )
            session.add(row)
        return row

    def apply(self, *events: ChainEvent) -> None:
        with self.db.begin() as session:
            self.campaigns.apply_events(session, events)

    def row(self, campaign: int) -> Campaign:
        with self.db.begin() as session:
            return session.get_one(Campaign, campaign)


@pytest.fixture
def room(db: Database, clock: Clock, hub: Hub) -> Room:
    campaigns = Campaigns(db, hub.reads, clock, [OPERATOR])
    keys = ApiKeys()
    app = FastAPI()
    errors.install(app)
    app.include_router(routes.build(db, Auth(db, keys, clock), campaigns, Merchants(), clock))
    return Room(db, clock, hub, campaigns, TestClient(app), keys)
