"""The room over a real database and the real queue and stream; the hub's award rules as a model in memory.

The same walks over a real chain: test_chain.py.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from gateway.app import Gateway
from gateway.chain.errors import Reverted
from gateway.chain.hexes import checksum, keccak256
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.stream import drain
from gateway.chain.reads import Campaign as OnChain
from gateway.chain.relayer.models import ChainTx, Purpose, SignedTx, TxState
from gateway.chain.relayer.queue import Queue
from gateway.commands import audit_earning
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Job, Jobs, Registry
from gateway.core.secrets import Secrets
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.identity.merchants.service import Merchants
from gateway.identity.wallets.proofs import Proofs
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.campaigns.service import Campaigns, NewCampaign
from gateway.loyalty.earning import routes
from gateway.loyalty.earning.batches import Settler
from gateway.loyalty.earning.boards import routes as boards_routes
from gateway.loyalty.earning.boards.service import Leaderboards
from gateway.loyalty.earning.claims import Claims
from gateway.loyalty.earning.counter.routes import ways
from gateway.loyalty.earning.early import routes as early_routes
from gateway.loyalty.earning.early.service import Early
from gateway.loyalty.earning.grants import routes as grants_routes
from gateway.loyalty.earning.grants.service import Grants
from gateway.loyalty.earning.landing import Landing
from gateway.loyalty.earning.models import Batch
from gateway.loyalty.earning.play import routes as play_routes
from gateway.loyalty.earning.play.service import Play
from gateway.loyalty.earning.referrals import routes as referrals_routes
from gateway.loyalty.earning.referrals.service import Referrals
from gateway.loyalty.earning.service import Earning
from gateway.loyalty.rules.document import RulesDocument
from gateway.loyalty.tiers import routes as tiers_routes
from gateway.loyalty.tiers.service import Tiers
from gateway.loyalty.tiers.vips import Vips
from gateway.web import errors
from gateway.web.guard import Guard

DAY = 86_400
CHAIN = 31_337
HUB, TOKEN, ASSET, OPERATOR = (bytes.fromhex(f"c{digit}" * 20) for digit in range(4))
RULES: list[dict[str, Any]] = [
    {"kind": "per_currency", "points": 100, "per": 100},
    {"kind": "per_currency", "points": 1, "per": 3, "categories": ["books"], "min_amount": 100},
    {"kind": "per_visit", "points": 500},
    {"kind": "per_action", "action": "review", "points": 200},
]


def wallet(number: int) -> str:
    return checksum(number.to_bytes(20, "big"))


def address(number: int) -> bytes:
    return number.to_bytes(20, "big")


@dataclass
class HubModel:
    """What the contract does with batches: each number once, clawbacks only from what is pending."""

    db: Database
    clock: Clock
    taken: set[tuple[int, int]] = field(default_factory=set)
    pending: dict[tuple[int, bytes], int] = field(default_factory=dict)
    given: dict[tuple[int, bytes], int] = field(default_factory=dict)
    refuse: bool = False
    #: Campaigns that a reorganisation took away.
    gone: set[int] = field(default_factory=set)
    block: int = 10
    calls: int = 0
    #: Databases that this chain has seen come and go, and the calldata of what was sent, by hash.
    life: int = 0
    sent: dict[bytes, bytes] = field(default_factory=dict)
    history: list[tuple[int, ChainTx, tuple[Any, ...]]] = field(default_factory=list)

    def landed(self, campaign: int, number: int) -> bool:
        self.calls += 1
        if campaign in self.gone:
            raise Reverted(keccak256(b"UnknownCampaign(uint256)")[:4])
        return (campaign, number) in self.taken

    def mine(self, limit: int = 1_000, tell: bool = True, newest_first: bool = False) -> int:
        """Lands what the relayer has, one block each, or refuses it; how many. Without `tell` no event comes."""
        with self.db.begin() as session:
            queue = sa.select(ChainTx).where(ChainTx.state == TxState.QUEUED, ChainTx.purpose != Purpose.RELEASE)
            order = ChainTx.id.desc() if newest_first else ChainTx.id
            rows = list(session.scalars(queue.order_by(order).limit(limit)))
            for tx in rows:
                ok = not self.refuse and self._land(session, tx, tell)
                tx.state = TxState.DONE if ok else TxState.REFUSED
            return len(rows)

    def _land(self, session: Any, tx: ChainTx, tell: bool) -> bool:
        words = [tx.data[start : start + 32] for start in range(4, len(tx.data), 32)]
        campaign, number = (int.from_bytes(word, "big") for word in words[:2])
        if (campaign, number) in self.taken:
            return False
        self.taken.add((campaign, number))
        # As the relayer does before it sends: what lands is known by its signed form.
        form = {"raw": b"\x02" + bytes(100), "max_fee": 1, "tip": 1, "empty": False, "signed_at": self.clock.now()}
        session.merge(SignedTx(hash=self._hash(tx), tx_id=tx.id, **form))
        self.sent[self._hash(tx)] = tx.data
        entries = [(word[:20], int.from_bytes(word[20:], "big")) for word in words[4:]]
        assert len({holder for holder, _ in entries}) == len(entries)
        self.block += 1
        log = itertools.count()
        moved = {}
        for holder, amount in entries:
            key = (campaign, holder)
            if tx.purpose == Purpose.AWARD:
                assert amount > 0
                moved[holder] = amount
                self.pending[key] = self.pending.get(key, 0) + amount
            else:
                moved[holder] = -min(amount, self.pending.get(key, 0))
                self.pending[key] = self.pending.get(key, 0) + moved[holder]
                if tell and moved[holder]:
                    kind = EventKind.ACCOUNT_CLAWED_BACK
                    values = {"holder": holder, "amount": -moved[holder]}
                    session.add(self._event(kind, campaign, tx, next(log), **values))
            self.given[key] = self.given.get(key, 0) + moved[holder]
        kind = EventKind.AWARD_LANDED if tx.purpose == Purpose.AWARD else EventKind.CLAWBACK_LANDED
        total = abs(sum(moved.values()))
        if tell:
            session.add(self._event(kind, campaign, tx, next(log), number=number.to_bytes(32, "big"), amount=total))
        self.history.append((self.block, tx, (campaign, number, moved)))
        return True

    def _hash(self, tx: ChainTx) -> bytes:
        return keccak256(b"%d %d" % (self.life, tx.id))

    def _event(self, kind: EventKind, campaign: int, tx: ChainTx, log: int, **values: Any) -> ChainEvent:
        return ChainEvent(
            kind=kind,
            block=self.block,
            block_time=self.clock.now(),
            log_index=log,
            tx_hash=self._hash(tx),
            campaign=campaign,
            **values,
        )

    def rewind(self, fork: int) -> None:
        """A reorganisation: what came after block `fork` never happened, and the node forgot it."""
        for _, _tx, (campaign, number, moved) in [item for item in self.history if item[0] > fork]:
            self.taken.remove((campaign, number))
            for holder, amount in moved.items():
                self.pending[campaign, holder] -= amount
                self.given[campaign, holder] -= amount
        self.history = [item for item in self.history if item[0] <= fork]
        self.block = fork
        with self.db.begin() as session:
            gone = sa.update(ChainEvent).where(ChainEvent.block > fork, ChainEvent.kind != EventKind.REWIND)
            session.execute(gone.values(orphaned=True))
            session.flush()
            session.add(
                ChainEvent(
                    kind=EventKind.REWIND, block=fork, block_time=self.clock.now(), log_index=0, tx_hash=bytes(32)
                )
            )


@dataclass
class Room:
    """The room behind HTTP, with one merchant and as many campaigns as a test makes."""

    db: Database
    clock: Clock
    jobs: Jobs
    hub: HubModel
    campaigns: Campaigns
    earning: Earning
    claims: Claims
    settler: Settler
    landing: Landing
    tiers: Tiers
    early: Early
    http: TestClient
    merchant: int = 0
    key: str = ""
    count: int = 0

    def new_merchant(self) -> tuple[int, str]:
        self.count += 1
        with self.db.begin() as session:
            row = Merchants().create(session, "Books", keccak256(b"m%d" % self.count)[:20], self.clock.now())
            scopes = Scope.ACTIONS | Scope.MANAGE
            return row.id, ApiKeys().issue(session, row.id, scopes, self.clock.now()).token

    def campaign(
        self,
        number: int = 1,
        *,
        budget: int = 10**9,
        cap: int = 10**9,
        lasts: int = 30 * DAY,
        hold: int = 0,
        closed: bool = False,
        settle_every: int = 0,
        min_wallets: int = 1,
        step: int = 1,
        rules: list[dict[str, Any]] | None = None,
        programme: dict[str, Any] | None = None,
        began: int = DAY,
    ) -> int:
        """A funded campaign of the room's merchant."""
        now = self.clock.now()
        owner = b"o" * 20
        seen = OnChain(owner, now + lasts, hold, closed, now + 400 * DAY if closed else 0, 0, 0, 0, keccak256(b"t"))
        document = RulesDocument.model_validate({"rules": rules or RULES} | (programme or {}))
        new = NewCampaign(number, "Spring", "t", now - began, settle_every, min_wallets, step, document)
        with self.db.begin() as session:
            self.campaigns.register(session, self.merchant, new, seen)
        self.tell(number, EventKind.FUNDED, amount=budget, extra=0)
        self.tell(number, EventKind.OPERATOR_SET, counterparty=OPERATOR, amount=cap)
        return number

    def tell(self, campaign: int, kind: EventKind, **values: Any) -> None:
        """An event of the chain about a campaign."""
        self.count += 1
        place = {"block": 1, "block_time": self.clock.now(), "log_index": self.count, "tx_hash": bytes(32)}
        with self.db.begin() as session:
            session.add(ChainEvent(kind=kind, campaign=campaign, **place, **values))
        self.drain()

    def call(self, method: str, path: str, body: object = None, once: str | None = None, key: str | None = None) -> Any:
        self.count += 1
        headers = {"Idempotency-Key": once or f"key-{self.count}", "Authorization": f"Bearer {key or self.key}"}
        return self.http.request(method, f"/v1{path}", json=body, headers=headers)

    def report(self, once: str | None = None, key: str | None = None, **fields: Any) -> Any:
        """A purchase in campaign 1, unless told otherwise; a field of None is left out."""
        body = {"campaign": 1, "kind": "purchase", "occurred_at": self.clock.now()} | fields
        return self.call("POST", "/actions", {k: v for k, v in body.items() if v is not None}, once, key)

    def buy(self, who: int, amount: int, **fields: Any) -> int:
        """A purchase for wallet number `who`; the action's id."""
        answer = self.report(wallet=wallet(who), amount=amount, **fields)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def refund(self, action: int, **fields: Any) -> Any:
        return self.report(kind="refund", refers_to=action, **fields)

    def claim(self, code: str, who: int) -> Any:
        return self.http.post("/v1/claims", json={"code": code, "wallet": wallet(who)})

    def drain(self) -> None:
        while drain(self.db, "earning", self.landing.apply_events):
            pass

    def fail_refused(self) -> None:
        """What the relayer's tx.refused and tx.reverted lead to."""
        with self.db.begin() as session:
            refused = sa.select(ChainTx.id).where(ChainTx.state.in_((TxState.REFUSED, TxState.REVERTED)))
            for tx_id in session.scalars(refused):
                self.landing.on_tx_failed(session, tx_id)

    def settle(self) -> int:
        """Settles, lands and learns of it; how many batches were made."""
        made = self.settler.settle_due()
        self.hub.mine()
        self.drain()
        return made

    def row(self, campaign: int = 1) -> Campaign:
        with self.db.begin() as session:
            return session.get_one(Campaign, campaign)

    def check(self) -> None:
        """The books hold."""
        with self.db.read() as session:
            assert list(audit_earning.against_itself(session)) == []

    def events(self, kind: str) -> int:
        with self.db.read() as session:
            return session.scalar(sa.select(sa.func.count()).where(Job.kind == kind)) or 0


def build_room(db: Database, clock: Clock, jobs: Jobs, secrets: Secrets) -> Room:
    kinds = ("test.accepted", "test.claimed", "test.landed")
    names = ("action.accepted", "action.claimed", "batch.landed")
    hub = HubModel(db, clock)
    campaigns = Campaigns(db, hub, clock, [OPERATOR], least_wallets=1, least_window=0)  # type: ignore[arg-type]
    refused = frozenset({HUB, TOKEN, ASSET})
    tiers = Tiers(clock)
    earning = Earning(campaigns, secrets, jobs, clock, refused, tiers, max_backlog=400 * DAY)  # tests turn the clock
    grants = Grants(campaigns, secrets, clock, refused, alone=10_000)
    claims = Claims(db, clock, jobs, refused, grants.welcome)
    settler = Settler(db, clock, hub, Queue(clock, (OPERATOR,)), HUB, jobs, tiers)
    early = Early(db, clock, campaigns, earning, settler, lambda *_: None, CHAIN)
    landing = Landing(db, clock, jobs, campaigns, hub, Queue(clock, (OPERATOR,)), HUB)
    play = Play(secrets, clock)
    referrals = Referrals(db, campaigns, secrets, clock, CHAIN, refused)
    jobs.registry = Registry(
        {kind: lambda *_: None for kind in kinds},
        dict(zip(names, ([k] for k in kinds), strict=True))
        | {"action.qualifies": ["earning.referrals", "earning.play"]},
        {"earning.referrals": referrals.follow, "earning.play": play.follow},
    )
    app = Gateway()
    errors.install(app)
    app.include_router(referrals_routes.build(db, referrals))
    app.include_router(early_routes.build(db, early))
    auth = Auth(db, ApiKeys(), clock)
    app.include_router(grants_routes.build(db, auth, grants, clock))
    actions = routes.build(db, auth, earning, claims, clock)
    app.include_router(actions)
    app.include_router(boards_routes.build(db, Leaderboards(db, campaigns, clock, CHAIN)))
    app.include_router(play_routes.build(db, play, Proofs(clock, CHAIN)))
    app.include_router(tiers_routes.build(db, auth, tiers, Vips(campaigns, clock, CHAIN), Proofs(clock, CHAIN), clock))
    app.guard = lambda layers: Guard(layers, max_body=2**24, ways=ways([actions]))
    room = Room(db, clock, jobs, hub, campaigns, earning, claims, settler, landing, tiers, early, TestClient(app))
    room.merchant, room.key = room.new_merchant()
    return room


@pytest.fixture
def room(db: Database, clock: Clock, jobs: Jobs, secrets: Secrets) -> Room:
    return build_room(db, clock, jobs, secrets)


def batches(room: Room) -> list[Batch]:
    with room.db.begin() as session:
        return list(session.scalars(sa.select(Batch).order_by(Batch.id)))


def transactions(room: Room) -> list[ChainTx]:
    with room.db.begin() as session:
        return list(session.scalars(sa.select(ChainTx).order_by(ChainTx.id)))
