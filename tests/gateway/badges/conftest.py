"""The room over a real database, queue and stream; the contract's rules for badges as a model in memory.

The same over a real chain: tests/functional/test_programmes.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.chain import signatures
from gateway.chain.badges import token_id
from gateway.chain.calls import SELECTORS
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import checksum, keccak256, to_hex
from gateway.chain.indexer.models import ChainEvent, EventKind, IndexedBlock
from gateway.chain.indexer.stream import drain
from gateway.chain.relayer.models import ChainTx, Purpose, TxState
from gateway.chain.relayer.queue import Queue
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs, Registry
from gateway.core.secrets import Secrets
from gateway.identity.merchants.auth import Auth
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.service import Merchants
from gateway.identity.wallets import proofs
from gateway.loyalty.badges import routes
from gateway.loyalty.badges.earned import Earned
from gateway.loyalty.badges.messages import withdrawal
from gateway.loyalty.badges.models import STREAM
from gateway.loyalty.badges.service import Badges
from gateway.loyalty.badges.settlement import Settlement
from gateway.loyalty.badges.submission import Submission
from gateway.loyalty.campaigns import routes as campaigns_routes
from gateway.loyalty.earning.play.service import Play
from gateway.loyalty.ledger.models import STREAM as LEDGER_STREAM
from gateway.loyalty.ledger.service import Ledger
from tests.gateway.earning.conftest import ASSET, CHAIN, DAY, HUB, OPERATOR, TOKEN, Room, build_room
from tests.support.proving import proof

CONTRACT = b"\xba" * 20
DEPLOYMENT = Deployment(CHAIN, bytes(32), TOKEN, HUB, ASSET, 100, 1, bytes(32), bytes(32), "Points", CONTRACT)
NOBODY = bytes(20)
RUNGS = [{"id": "member", "at": 0}, {"id": "gold", "at": 20_000, "name": "Gold"}]
PROGRAMME: dict[str, Any] = {
    "ladders": [{"id": "status", "by": "points", "window": "rolling", "days": 10, "rungs": RUNGS}],
    "challenges": [
        {"id": "two", "name": "Two cups", "counts": "actions", "target": 2, "period": "day", "points": 0},
        {"id": "rich", "counts": "spend", "target": 50_000, "period": "campaign", "points": 10},
    ],
    "badges": [
        {"number": 1, "name": "Regular", "goal": "two", "times": 2},
        {"number": 7, "name": "Golden", "description": "For the best", "ladder": "status", "rung": "gold"},
    ],
}


def key(name: str) -> bytes:
    return keccak256(name.encode())


def address(name: str) -> bytes:
    return signatures.address_of(key(name))


@dataclass
class Corner:
    """The room and the chain beside it."""

    room: Room
    badges: Badges
    submission: Submission
    settlement: Settlement
    block: int = 100
    landed: set[int] = field(default_factory=set)
    told: list[int] = field(default_factory=list)
    _routed: bool = False

    @property
    def db(self) -> Database:
        return self.room.db

    def regular(self, name: str, days: int = 2) -> list[int]:
        """So many days with two purchases each; the actions."""
        whens = [self.room.clock.now() - (day + 1) * DAY for day in range(days) for _ in range(2)]
        return [self.buy(name, 100, occurred_at=when) for when in whens]

    def buy(self, name: str, amount: int, **fields: Any) -> int:
        answer = self.room.report(wallet=checksum(address(name)), amount=amount, **fields)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    # ---------------------------------------------------------------- asking

    def wish(self, name: str, badge: int = 1, lasts: int = 10 * DAY, **changes: Any) -> dict[str, Any]:
        """A signed wish; `changes`: what is sent otherwise than was signed."""
        deadline = self.room.clock.now() + lasts
        digest = DEPLOYMENT.domains.badge(address(name), 1, badge, deadline)
        signature = to_hex(signatures.sign(key(name), digest))
        wish = {"wallet": checksum(address(name)), "badge": badge, "deadline": deadline, "signature": signature}
        return wish | changes

    def ask(self, name: str, badge: int = 1, **more: Any) -> Any:
        return self.send(self.wish(name, badge, **more))

    def send(self, wish: dict[str, Any], campaign: int = 1) -> Any:
        return self.room.http.post(f"/v1/campaigns/{campaign}/badges", json=wish)

    def withdraw(self, name: str, badge: int = 1, what: str | None = None) -> Any:
        path = f"/v1/campaigns/1/badges/{badge}/wishes/{checksum(address(name))}"
        return self.room.http.delete(path, headers=self.proof(name, what or withdrawal(1, badge)))

    def proof(self, name: str, what: str = proofs.SHOW) -> dict[str, str]:
        return proof(key(name), CHAIN, self.room.clock.now(), what)

    def earned(self, name: str, asked: dict[str, Any]) -> Any:
        path = f"/v1/wallets/{checksum(address(name))}/badges/earned"
        return self.room.http.get(path, headers=self.proof(name), params=asked)

    def statuses(self, name: str) -> dict[int, dict[str, Any]]:
        answer = self.earned(name, {})
        assert answer.status_code == 200, answer.text
        return {item["badge"]: item for item in answer.json()["items"]}

    def state(self, name: str, badge: int = 1) -> str:
        return str(self.statuses(name)[badge]["state"])

    def held(self, name: str) -> list[tuple[int, bool]]:
        """As anybody sees it."""
        answer = self.room.http.get(f"/v1/wallets/{checksum(address(name))}/badges").json()
        return [(item["badge"], item["renounced"]) for item in answer["items"]]

    def publish(self, rules: dict[str, Any], path: str = "rules") -> Any:
        """New rules, over HTTP."""
        if not self._routed:
            self._routed, room = True, self.room
            auth = Auth(self.db, ApiKeys(), room.clock)
            application: Any = room.http.app
            built = campaigns_routes.build(self.db, auth, room.campaigns, Merchants(), room.clock)
            application.include_router(built)
        return self.room.call("POST", f"/campaigns/1/{path}", rules)

    def defined(self) -> dict[int, dict[str, Any]]:
        answer = self.room.http.get("/v1/campaigns/1/badges")
        assert answer.status_code == 200, answer.text
        return {item["badge"]: item for item in answer.json()["items"]}

    # ----------------------------------------------------------------- chain

    def queued(self) -> list[ChainTx]:
        with self.db.read() as session:
            query = sa.select(ChainTx).where(ChainTx.state == TxState.QUEUED, ChainTx.purpose == Purpose.BADGE)
            return list(session.scalars(query.order_by(ChainTx.id)))

    def mine(self, state: TxState = TxState.DONE) -> int:
        """Lands what is queued, each in a block, or ends it otherwise; how many badges were new."""
        new = 0
        for tx in self.queued():
            self.block += 1
            with self.db.begin() as session:
                session.get_one(ChainTx, tx.id).state = state
                if state == TxState.DONE:
                    new += self._land(session, tx)
                self.room.jobs.publish(session, {TxState.DONE: "tx.done"}.get(state, "tx.refused"), tx.id)
        self.follow()
        return new

    def _land(self, session: Any, tx: ChainTx) -> int:
        """As `award` of the contract."""
        assert (tx.recipient, tx.data[:4]) == (CONTRACT, SELECTORS["award_badges"])
        words = [tx.data[start : start + 32] for start in range(4, len(tx.data), 32)]
        campaign, badge, _, count = (int.from_bytes(word, "big") for word in words[:4])
        assert 0 < count <= 256
        new = 0
        for place in range(count):
            holder, deadline, r, vs = words[4 + 4 * place : 8 + 4 * place]
            wallet, last = holder[12:], int.from_bytes(deadline, "big")
            digest = DEPLOYMENT.domains.badge(wallet, campaign, badge, last)
            number = token_id(campaign, badge, wallet)
            good = signatures.recover(digest, signatures.expanded(r, vs)) == wallet
            if number in self.landed or self.room.clock.now() > last or not good:
                continue
            self.landed.add(number)
            self._emit(session, number, NOBODY, wallet, tx.id, place)
            new += 1
        return new

    def renounce(self, name: str) -> None:
        self.block += 1
        with self.db.begin() as session:
            self._emit(session, token_id(1, 1, address(name)), address(name), NOBODY, 0, 0)
        self.follow()

    def _emit(self, session: Any, number: int, origin: bytes, to: bytes, tx: int, log: int) -> None:
        values = {"holder": origin, "counterparty": to, "number": number.to_bytes(32, "big")}
        place = {"block": self.block, "log_index": log, "tx_hash": keccak256(b"%d" % tx)}
        session.add(
            ChainEvent(kind=EventKind.BADGE, block_time=self.room.clock.now(), orphaned=False, **place, **values)
        )
        session.flush()

    def reorganise(self, fork: int) -> None:
        """What came after block `fork` never happened."""
        with self.db.begin() as session:
            gone = sa.update(ChainEvent).where(ChainEvent.block > fork, ChainEvent.kind == EventKind.BADGE)
            session.execute(gone.values(orphaned=True))
            values = {"block": fork, "block_time": self.room.clock.now(), "log_index": 0, "tx_hash": bytes(32)}
            session.add(ChainEvent(kind=EventKind.REWIND, **values))
        self.landed.clear()
        self.follow()

    def follow(self) -> None:
        """Everybody reads the stream, and jobs run."""
        streams = {LEDGER_STREAM: Ledger().apply_events, STREAM: self.settlement.apply_events}
        streams["earning"] = self.room.landing.apply_events
        while any(drain(self.db, name, apply) for name, apply in streams.items()) or self.room.jobs.run_due(self.db):
            pass

    def at_depth(self) -> None:
        """The indexer has read a block of now."""
        self.block += 1
        with self.db.begin() as session:
            session.add(IndexedBlock(number=self.block, hash=bytes(32), time=self.room.clock.now()))
        self.follow()


@pytest.fixture
def corner(db: Database, clock: Clock, jobs: Jobs, secrets: Secrets) -> Corner:
    return build(db, clock, jobs, secrets)


def build(db: Database, clock: Clock, jobs: Jobs, secrets: Secrets, contract: bytes | None = CONTRACT) -> Corner:
    room = build_room(db, clock, jobs, secrets)
    earned = Earned(Play(secrets, clock), room.tiers, clock)
    badges = Badges(db, room.campaigns, earned, clock, replace(DEPLOYMENT, badges=contract))
    submission = Submission(db, clock, earned, Queue(clock, (OPERATOR,)), contract)
    made = Corner(room, badges, submission, Settlement(db, clock, jobs))
    known = jobs.registry
    jobs.registry = Registry(
        {
            **known.handlers,
            "badges.tx_failed": submission.tx_failed,
            "badges.tx_done": submission.tx_done,
            "test.told": lambda _, ref: made.told.append(ref),
        },
        {
            **known.events,
            "tx.done": ["badges.tx_done"],
            "tx.refused": ["badges.tx_failed"],
            "badges.landed": ["test.told"],
        },
        known.bulk,
    )
    application: Any = room.http.app
    application.include_router(routes.build(db, badges, proofs.Proofs(clock, CHAIN)))
    return made
