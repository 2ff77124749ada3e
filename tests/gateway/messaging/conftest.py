from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from gateway.chain.badges import token_id
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.secrets import Secrets
from gateway.identity.merchants.models import Merchant
from gateway.loyalty.campaigns.models import Campaign
from gateway.loyalty.earning.models import Batch, BatchKind, BatchState
from gateway.loyalty.offers.models import Code, CodeSource, CodeState, Offer, OfflineUse
from gateway.loyalty.redemptions.models import Redemption
from gateway.messaging.courier import Courier
from gateway.messaging.models import Delivery, Endpoint, MessageKind
from gateway.messaging.outbox import Outbox
from gateway.statistics.models import Metric, Release
from tests.gateway.messaging.receiver import Receiver, listening
from tests.support.rows import add

HOLDER = bytes.fromhex("c0ffee" * 6 + "c0fe")
#: Days since 1970 of Monday 2026-01-12.
WEEK = 20_465
#: Row of each kind of message, all of merchant 1.
REFS = {
    MessageKind.BATCH_LANDED: 31,
    MessageKind.REDEMPTION_DELIVERED: 32,
    MessageKind.CODE_USED: 33,
    MessageKind.STATISTICS_RELEASED: 34,
    MessageKind.CODES_LOW: 35,
    MessageKind.CODE_USED_TWICE: 38,
    MessageKind.BADGES_LANDED: 39,
}


@dataclass
class Scene:
    """Two merchants, one row of everything that messages are about, and the room."""

    db: Database
    clock: Clock
    keys: Secrets
    outbox: Outbox
    courier: Courier

    def fill(self) -> None:
        with self.db.begin() as session:
            for number in (1, 2):
                add(session, Merchant, id=number, address=bytes([number]) * 20)
            add(session, Campaign, id=5, merchant_id=1)
            add(
                session, Batch, id=31, campaign_id=5, kind=BatchKind.AWARD, number=9, total=12_345, landed_block=77,
                state=BatchState.LANDED,
            )  # fmt: skip
            add(session, Offer, id=35, merchant_id=1, hash=bytes(32), source=CodeSource.POOL, free=2)
            for number, state in ((33, CodeState.USED), (36, CodeState.FREE), (37, CodeState.FREE)):
                add(
                    session, Code, id=number, merchant_id=1, offer_id=35, digest=bytes([number]) * 32, state=state,
                    text_box=b"SECRET-CODE",
                )  # fmt: skip
            add(
                session, Redemption, id=32, holder=HOLDER, merchant_id=1, offer_id=35, code_id=33, amount=500,
                campaign=0,
            )  # fmt: skip
            add(
                session, OfflineUse, id=38, merchant_id=1, code_id=33, key_id=8, used_at=1_800_000_000, counted=False,
                other_key=7, other_at=1_800_000_060,
            )  # fmt: skip
            for number, badge in ((39, 3), (40, 3), (41, 4)):
                add(
                    session, ChainEvent, id=number, kind=EventKind.BADGE, block=78, log_index=number, holder=bytes(20),
                    number=token_id(5, badge, bytes([number]) * 20).to_bytes(32, "big"), tx_hash=bytes(32),
                )  # fmt: skip
            add(session, Release, id=34, merchant_id=1, week=WEEK, metric=Metric.WALLETS)

    def endpoint(self, receiver: Receiver, merchant: int = 1, host: str = "127.0.0.1") -> str:
        """Registers an endpoint at the receiver; its secret."""
        with self.db.begin() as session:
            return self.outbox.add(session, merchant, f"http://{host}:{receiver.port}/hook?shop=1")[1]

    def write(self, *kinds: MessageKind) -> None:
        for kind in kinds or (MessageKind.BATCH_LANDED,):
            with self.db.begin() as session:
                self.outbox.handler(kind)(session, REFS[kind])

    def deliveries(self) -> list[Delivery]:
        with self.db.read() as session:
            return list(session.scalars(sa.select(Delivery).order_by(Delivery.id)))

    def endpoints(self) -> list[Endpoint]:
        with self.db.read() as session:
            return list(session.scalars(sa.select(Endpoint).order_by(Endpoint.id)))


@pytest.fixture
def scene(db: Database, clock: Clock, secrets: Secrets) -> Scene:
    scene = Scene(db, clock, secrets, Outbox(clock, secrets, private=True), Courier(db, clock, secrets, private=True))
    scene.fill()
    return scene


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening(Receiver()) as running:
        yield running
