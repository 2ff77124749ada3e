"""The gateway in front of a market: offers, orders and wallets behind HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from nacl.public import PrivateKey
from sqlalchemy.orm import Session

from gateway.chain import signatures
from gateway.chain.hexes import checksum, keccak256, to_hex
from gateway.chain.indexer.receipts import Receipts
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import Apply, drain
from gateway.chain.relayer.decisions import RelayerSettings
from gateway.chain.relayer.service import Relayer
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs, Registry
from gateway.core.secrets import Secrets
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Merchant, Scope
from gateway.identity.wallets.explained import Explanations
from gateway.identity.wallets.orders import LOOK_EVERY, OpenOrders
from gateway.identity.wallets.proofs import Proofs
from gateway.identity.wallets.shared import SharedBudget
from gateway.loyalty.campaigns.models import Campaign, CampaignMerchant
from gateway.loyalty.campaigns.service import Campaigns
from gateway.loyalty.ledger.models import STREAM as LEDGER_STREAM
from gateway.loyalty.ledger.service import Ledger
from gateway.loyalty.moves import routes as moves_routes
from gateway.loyalty.moves import settlement as moves_settlement
from gateway.loyalty.moves.models import Move
from gateway.loyalty.moves.service import Moves
from gateway.loyalty.offers import documents
from gateway.loyalty.offers import routes as offers_routes
from gateway.loyalty.offers.codes import Codes
from gateway.loyalty.offers.pools import Pools
from gateway.loyalty.offers.service import Offers
from gateway.loyalty.redemptions import routes as redemptions_routes
from gateway.loyalty.redemptions import settlement as redemptions_settlement
from gateway.loyalty.redemptions.models import Redemption
from gateway.loyalty.redemptions.service import Redemptions
from gateway.loyalty.redemptions.standing import Asked
from gateway.loyalty.redemptions.submission import Submission
from gateway.loyalty.redemptions.terms import Terms
from gateway.loyalty.wallet_views import routes as wallet_routes
from gateway.web import errors
from gateway.web.guard import Guard
from tests.gateway.redemptions.market import BONUS, CLOSED, DAY, OPEN, SHORT, Market, address_of, key_of
from tests.support.anvil import anvil

CONFIRMATIONS = 2


@dataclass
class SealKey:
    """A holder's fresh X25519 key."""

    secret: bytes
    public: bytes

    @classmethod
    def fresh(cls) -> SealKey:
        key = PrivateKey.generate()
        return cls(bytes(key), bytes(key.public_key))


class Ladders:
    """Ranks as a test sets them, by holder, campaign and ladder."""

    def __init__(self) -> None:
        self.rungs: dict[tuple[bytes, int], dict[str, int]] = {}

    def ranks(self, _session: Session, campaign: int, asked: Collection[Asked]) -> Mapping[Asked, Mapping[str, int]]:
        return {each: self.rungs[each[0], campaign] for each in asked if (each[0], campaign) in self.rungs}


class World:
    """The gateway's side: one database, all services as bootstrap builds them, HTTP in front."""

    def __init__(self, market: Market, db: Database, clock: Clock, secrets: Secrets) -> None:
        self.market, self.db, self.clock, self.jobs = market, db, clock, Jobs(clock)
        self.deployment, self.domains, self.reads = market.deployment, market.deployment.domains, market.reads
        self.node, self.rpc = market.node, market.rpc
        self.seen: list[tuple[str, int]] = []
        self._count = itertools.count()
        self._build_services(secrets)
        self._build_http()
        self._write_merchants()

    def _build_services(self, secrets: Secrets) -> None:
        db, clock, deployment = self.db, self.clock, self.deployment
        relaying = RelayerSettings(confirmations=CONFIRMATIONS, look_every=0, resend_after=1)
        self.relayer = Relayer(db, self.rpc, clock, self.jobs, [key_of("relayer")], deployment, relaying)
        self.indexer = Indexer(db, self.rpc, clock, deployment, CONFIRMATIONS)
        #: Who was paid by a campaign of this gateway; None: everybody.
        self.earned: set[bytes] | None = None
        self.shared = SharedBudget(clock, lambda _, holder: self.earned is None or holder in self.earned, 1)
        self.ledger = Ledger()
        self.explained = Explanations(db, self.reads, Receipts(db, self.rpc, deployment), self.ledger, LEDGER_STREAM)
        kept = (Move.__table__, Redemption.__table__)
        self.orders = OpenOrders(db, self.reads, clock, self.shared, self.explained.of, kept)
        self.codes = Codes(secrets, self.jobs, clock)
        self.pools = Pools(secrets)
        self.offers = Offers(clock, deployment.chain_id, deployment.hub, self.codes.public_key)
        common = (self.reads, self.relayer, self.orders, self.ledger)
        self.ladders = Ladders()
        terms = Terms(clock, self.ladders)
        self.redemptions = Redemptions(db, clock, self.domains, *common, self.offers, self.codes, terms)
        self.submission = Submission(db, clock, self.rpc, deployment.hub, self.relayer)
        #: Whether the database knows everything that the relayer's key has sent.
        self.whole = True
        self.settlement = redemptions_settlement.Settlement(
            db, clock, self.jobs, self.orders, self.codes, lambda: self.whole
        )
        contracts = (deployment.token, deployment.hub, deployment.asset)
        self.moves = Moves(db, clock, self.domains, *common, contracts)
        self.moves_settlement = moves_settlement.Settlement(clock, self.orders)
        self.streams: dict[str, Apply] = {
            LEDGER_STREAM: self.ledger.apply_events,
            redemptions_settlement.STREAM: self.settlement.apply_events,
            moves_settlement.STREAM: self.moves_settlement.apply_events,
        }
        told = ("redemption.delivered", "code.used", "code.used_twice", "codes.low")
        self.jobs.registry = Registry(
            {
                "redemptions.tx_failed": self.submission.tx_failed,
                "redemptions.tx_done": self.submission.tx_done,
                "moves.tx_refused": self.moves_settlement.tx_refused,
                "moves.tx_reverted": self.moves_settlement.tx_reverted,
                **{f"told.{event}": lambda _, ref, event=event: self.seen.append((event, ref)) for event in told},
            },
            {
                "tx.refused": ("redemptions.tx_failed", "moves.tx_refused"),
                "tx.reverted": ("redemptions.tx_failed", "moves.tx_reverted"),
                "tx.done": ("redemptions.tx_done",),
                **{event: (f"told.{event}",) for event in told},
            },
        )

    def _build_http(self) -> None:
        db, clock, keys = self.db, self.clock, ApiKeys()
        self.keys = keys
        auth, app = Auth(db, keys, clock), FastAPI()
        errors.install(app)
        proofs = Proofs(clock, self.deployment.chain_id)
        campaigns = Campaigns(db, self.reads, clock, ())
        app.include_router(offers_routes.build(db, auth, campaigns, self.offers, self.codes, self.pools, clock))
        app.include_router(redemptions_routes.build(db, self.redemptions))
        app.include_router(moves_routes.build(db, self.moves))
        app.include_router(
            wallet_routes.build(db, clock, self.reads, self.orders, self.ledger, self.redemptions, proofs)
        )
        self.http = TestClient(Guard(app, max_body=2**24))

    def _write_merchants(self) -> None:
        now = self.clock.now()
        self.tokens: dict[str, str] = {}
        with self.db.begin() as session:
            for name in ("corner", "bakery"):
                merchant = Merchant(name=name, address=address_of(name), created_at=now)
                session.add(merchant)
                session.flush()
                scopes = Scope.MANAGE | Scope.CODES | Scope.ACTIONS
                for which in (name, f"{name} 2"):
                    self.tokens[which] = self.keys.issue(session, merchant.id, scopes, now).token
            for campaign in (OPEN, CLOSED, SHORT):
                session.add(_mirror(campaign, now))
                session.flush()
                session.add(CampaignMerchant(campaign_id=campaign, merchant_id=1, daily_quota=10**6, accepted=True))

    # ----------------------------------------------------------------- worker

    def turn(self) -> int:
        """Every wheel once."""
        wheels = [
            self.relayer.step,
            self.indexer.step,
            *(partial(drain, self.db, name, apply) for name, apply in self.streams.items()),
            partial(self.jobs.run_due, self.db),
            self.submission.submit_due,
            self.settlement.sweep_dead,
            self.settlement.wipe_due,
            self.moves.submit_due,
            self.moves_settlement.sweep_dead,
        ]
        return sum(wheel() for wheel in wheels)

    def settle(self) -> None:
        """Turns the wheels and mines, until nothing moves for longer than an event takes to be deep enough."""
        quiet = 0
        for _ in range(60):
            self.node.mine()
            quiet = 0 if self.turn() else quiet + 1
            if quiet > CONFIRMATIONS + 1:
                return
        raise AssertionError("the wheels never came to rest")

    def catch_up(self) -> None:
        """Reads the chain's events to depth; nothing else moves."""
        self.node.mine(CONFIRMATIONS)
        while self.indexer.step():
            pass
        for name, apply in self.streams.items():
            while drain(self.db, name, apply):
                pass

    # ------------------------------------------------------------------- HTTP

    def call(self, method: str, path: str, body: object = None, who: str | None = None, **more: Any) -> httpx.Response:
        """`who`: the merchant whose key is sent, with a fresh Idempotency-Key unless `once` names one."""
        headers = dict(more.pop("headers", {}))
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
            headers["Idempotency-Key"] = more.pop("once", f"key-{next(self._count)}")
        if body is not None:
            more["json"] = body
        return self.http.request(method, f"/v1{path}", headers=headers, **more)

    # ----------------------------------------------------------------- offers

    def terms(self, **changes: Any) -> dict[str, Any]:
        now = self.clock.now()
        return {
            "merchant": checksum(address_of("corner")),
            "hub": checksum(self.deployment.hub),
            "chain_id": self.deployment.chain_id,
            "title": "Coffee",
            "description": "One small coffee.",
            "kind": "product",
            "price": 2_500,
            "campaign": None,
            "starts_at": now - 60,
            "ends_at": now + 30 * DAY,
            "code_valid": 90 * DAY,
        } | changes

    def full(self, **changes: Any) -> str:
        """A document of version 2: a coffee."""
        terms = self.terms(**{"version": 2, "reward": {"kind": "product", "product": "coffee"}} | changes)
        del terms["kind"]
        return documents.canonical(terms)

    def offer_body(self, signer: str = "corner", document: str | None = None, **changes: Any) -> dict[str, Any]:
        extra = {
            k: changes.pop(k) for k in ("source", "pattern", "stock_limit", "wallet_limit", "low_stock") if k in changes
        }
        text = document if document is not None else documents.canonical(self.terms(**changes))
        signature = signatures.sign(key_of(signer), signatures.personal(text.encode()))
        return {"document": text, "signature": to_hex(signature), "source": "pool"} | extra

    def offer(self, codes: int = 0, **changes: Any) -> dict[str, Any]:
        """A published offer with so many codes CODE-0001 … in its pool."""
        changes.setdefault("description", f"Offer {next(self._count)}")
        answer = self.call("POST", "/offers", self.offer_body(**changes), "corner")
        assert answer.status_code == 201, answer.text
        offer: dict[str, Any] = answer.json()
        if codes:
            rows = "".join(f"CODE-{offer['id']:02}-{number:04}\n" for number in range(1, codes + 1))
            assert self.upload(offer["id"], f"code\n{rows}").status_code == 201
        return offer

    def upload(self, offer: int, text: str | bytes, who: str = "corner", **more: Any) -> httpx.Response:
        data = text.encode() if isinstance(text, str) else text
        return self.call("POST", f"/offers/{offer}/codes", who=who, content=data, **more)

    def generated(self, **changes: Any) -> dict[str, Any]:
        return self.offer(source="generated", pattern="CAFE-****-****-****-%", **changes)

    # ----------------------------------------------------------------- orders

    def order(self, offer: dict[str, Any], name: str = "ann", **changes: Any) -> dict[str, Any]:
        """A signed order for a code; `seal` a SealKey. Changes are made before it is signed."""
        source = changes.get("source", offer["campaign"] or 0)
        holder = address_of(name)
        body = {
            "holder": checksum(holder),
            "offer": offer["id"],
            "source": source,
            "amount": offer["price"],
            "nonce": self.orders.chain_nonce(holder, source),
            "deadline": self.clock.now() + 3_600,
            "seal_key": to_hex(SealKey.fresh().public),
        } | changes
        terms = (
            bytes.fromhex(offer["merchant"][2:]),
            body["amount"],
            bytes.fromhex(offer["hash"][2:]),
            bytes.fromhex(body["seal_key"][2:]),
            body["nonce"],
            body["deadline"],
        )
        digest = self.domains.spend(holder, source, *terms) if source else self.domains.redemption(holder, *terms)
        return body | {"signature": to_hex(signatures.sign(key_of(name), digest))}

    def redeem(self, offer: dict[str, Any], name: str = "ann", **changes: Any) -> httpx.Response:
        return self.call("POST", "/redemptions", self.order(offer, name, **changes))

    def move_body(self, kind: str, name: str = "ann", **fields: Any) -> dict[str, Any]:
        """A signed move; `source`, `target`, `amount`, … as the kind has them."""
        holder = address_of(name)
        source = fields.get("source", 0)
        end = {
            "nonce": fields.pop("nonce", None),
            "deadline": fields.pop("deadline", self.clock.now() + 3_600),
        }
        if end["nonce"] is None:
            end["nonce"] = self.orders.chain_nonce(holder, source)
        method, names = {
            "enter": ("enter", {"target": "campaign", "amount": "amount", "min_received": "min_received"}),
            "leave": ("leave", {"source": "campaign", "amount": "amount"}),
            "move": ("move", {n: n for n in ("source", "target", "amount", "min_received")}),
            "send": ("transfer", {"recipient": "to", "amount": "amount"}),
            "cash_out": ("cash_out", {"recipient": "to", "amount": "amount"}),
            "stay": ("stay", {"source": "campaign", "stay": "stay"}),
        }[kind]
        signed = {ours: fields[field] for field, ours in names.items()}
        digest = getattr(self.domains, method)(holder, *signed.values(), **end)
        shown = {k: checksum(v) if isinstance(v, bytes) else v for k, v in fields.items()}
        signature = to_hex(signatures.sign(key_of(name), digest))
        return {"kind": kind, "holder": checksum(holder), **shown, **end, "signature": signature}

    def move(self, kind: str, name: str = "ann", **fields: Any) -> httpx.Response:
        return self.call("POST", "/moves", self.move_body(kind, name, **fields))


def _mirror(campaign: int, now: int) -> Campaign:
    return Campaign(
        id=campaign,
        merchant_id=1,
        name=f"campaign {campaign}",
        terms="terms",
        terms_hash=keccak256(b"terms"),
        starts_at=now,
        refresh_at=now,
        end=now + 60 * DAY,
        hold=0,
        closed=campaign == CLOSED,
        bonus=BONUS if campaign == CLOSED else 0,
        settle_every=0,
        min_wallets=1,
        step=1,
        settled_at=now,
        settle_at=now,
        created_at=now,
    )


def look(world: World, times: int = 2) -> None:
    """The chain goes on, and orders are looked up."""
    for _ in range(times):
        world.clock.offset += LOOK_EVERY + 1
        world.settle()


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    """Asserts a problem+json with this code and field."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("field") == field, answer.text


@pytest.fixture(scope="session")
def market() -> Iterator[Market]:
    with anvil() as node:
        made = Market(node)
        yield made
        made.rpc.close()


@pytest.fixture
def world(market: Market, db: Database, clock: Clock, secrets: Secrets) -> World:
    """A fresh gateway on a fresh market, its ledger up to date."""
    market.reset()
    made = World(market, db, clock, secrets)
    made.indexer.step()
    made.catch_up()
    return made
