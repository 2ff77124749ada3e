"""The room over a real chain: anvil, the contracts, the relayer and the indexer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls, local
from gateway.chain.hexes import keccak256
from gateway.chain.indexer.service import Indexer
from gateway.chain.indexer.stream import drain
from gateway.chain.relayer.decisions import RelayerSettings
from gateway.chain.relayer.models import ChainTx, Purpose
from gateway.chain.relayer.service import Relayer
from gateway.chain.sender import Sender
from gateway.commands import audit_earning
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs, Registry
from gateway.core.secrets import Secrets
from gateway.identity.merchants.service import Merchants
from gateway.loyalty.campaigns.service import Campaigns, NewCampaign
from gateway.loyalty.earning.batches import Settler
from gateway.loyalty.earning.landing import Landing
from gateway.loyalty.earning.models import Batch
from gateway.loyalty.earning.release import Releaser
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.earning.service import Earning
from gateway.loyalty.ledger.service import Ledger
from gateway.loyalty.rules.document import RulesDocument
from tests.gateway.earning.conftest import address, wallet
from tests.support.anvil import Anvil, anvil
from tests.support.clocks import StoppedClock
from tests.support.hub import DAY, Hub

KEY = keccak256(b"the relayer of these tests")
TERMS = "One point a pound."
HOLD = 7 * DAY


@pytest.fixture
def node() -> Iterator[Anvil]:
    with anvil() as running:
        yield running


@dataclass
class World:
    """Everything between an action and the holder's points."""

    db: Database
    clock: Clock
    node: Anvil
    hub: Hub
    owner: Sender
    merchant: int
    campaign: int
    earning: Earning
    wheels: list[Callable[[], int]]
    landing: Landing
    count: int = 0

    def report(self, **fields: object) -> int:
        self.count += 1
        action = ActionIn.model_validate({"campaign": self.campaign, "occurred_at": self.clock.now()} | fields)
        with self.db.begin() as session:
            return self.earning.accept(session, self.merchant, f"k{self.count}", action).id

    def turn(self, until: Callable[[], bool]) -> None:
        """Turns every wheel, and mines, until it is so."""
        for _ in range(60):
            for wheel in self.wheels:
                wheel()
            if until():
                return
            self.node.mine()
        raise AssertionError("it never came to be")

    def state(self, action: int) -> str:
        with self.db.read() as session:
            return self.earning.get(session, self.merchant, action).state

    def check(self) -> None:
        with self.db.read() as session:
            assert list(audit_earning.against_itself(session)) == []

    def sync(self) -> None:
        """Lets our clock show the chain's time."""
        self.clock.offset += self.hub.reads.head().time - self.clock.now()


@pytest.fixture
def world(db: Database, jobs: Jobs, secrets: Secrets, node: Anvil) -> Iterator[World]:
    clock = StoppedClock()
    jobs.clock = clock
    hub = Hub.deploy(node.url)
    owner = hub.owner()
    deployment = hub.deployment
    relayer = Relayer(db, hub.rpc, clock, jobs, [KEY], deployment, RelayerSettings(confirmations=1))
    (key,) = relayer.addresses
    local.fund_gas(hub.rpc, key)
    number = hub.campaign(owner, TERMS, hold=HOLD, budget=10**6, operator=key, lasts=90 * DAY)
    campaigns = Campaigns(db, hub.reads, clock, [key], least_wallets=1, least_window=0)
    landing = Landing(db, clock, jobs, campaigns, hub.reads, relayer, deployment.hub)
    ledger = Ledger()
    settler = Settler(db, clock, hub.reads, relayer, deployment.hub, jobs)
    releaser = Releaser(db, clock, relayer, deployment.hub, ledger.matured_holders)
    indexer = Indexer(db, hub.rpc, clock, deployment, confirmations=1)
    handlers: dict[str, Callable[[Session, int], None]] = {"earning.tx_failed": landing.on_tx_failed}
    failed = ["earning.tx_failed"]
    jobs.registry = Registry(handlers, {"tx.refused": failed, "tx.reverted": failed})
    wheels = [
        settler.settle_due,
        relayer.step,
        indexer.step,
        lambda: drain(db, "earning", landing.apply_events),
        lambda: drain(db, "ledger", ledger.apply_events),
        lambda: jobs.run_due(db),
        landing.resend_due,
        releaser.release_due,
    ]
    now = hub.reads.head().time
    clock.offset += now - clock.now()
    rules = RulesDocument.model_validate({"rules": [{"kind": "per_currency", "points": 1, "per": 1}]})
    with db.begin() as session:
        merchant = Merchants().create(session, "Books", owner.address, now).id
    with db.begin() as session:
        new = NewCampaign(number, "Spring", TERMS, now - DAY, 0, 1, 1, rules)
        campaigns.register(session, merchant, new, hub.reads.campaign(number))
    earning = Earning(campaigns, secrets, jobs, clock, frozenset({deployment.hub, deployment.token}))
    world = World(db, clock, node, hub, owner, merchant, number, earning, wheels, landing)

    def funded() -> bool:
        with db.read() as session:
            row = campaigns.get(session, number)
            return bool(row.budget == 10**6 and row.daily_cap)

    world.turn(funded)
    yield world
    hub.rpc.close()


def test_an_action_is_minted_taken_back_in_part_and_released_to_the_wallet(world: World) -> None:
    bought = world.report(kind="purchase", wallet=wallet(0xA5), amount=1_000)
    world.turn(lambda: world.state(bought) == "landed")
    assert world.hub.reads.account(world.campaign, address(0xA5)).pending == 1_000
    assert world.hub.reads.campaign(world.campaign).budget == 10**6 - 1_000
    world.check()

    refund = world.report(kind="refund", refers_to=bought, amount=300)
    world.turn(lambda: world.state(refund) == "landed")
    assert world.hub.reads.account(world.campaign, address(0xA5)).pending == 700
    with world.db.read() as session:
        row = world.earning.campaigns.get(session, world.campaign)
        assert (row.budget, row.reserved) == (10**6 - 700, 0)
        assert world.earning.get(session, world.merchant, refund).owed == 0
    world.check()

    world.clock.offset += 2 * HOLD
    for wheel in world.wheels:
        wheel()
    with world.db.read() as session:  # by our clock it is time; what is sent now would release nothing on the chain
        assert session.scalar(sa.select(ChainTx.id).where(ChainTx.purpose == Purpose.RELEASE)) is None
    world.node.pass_time(2 * HOLD)
    world.sync()
    world.turn(lambda: world.hub.reads.balance(address(0xA5)) == 700)
    assert world.hub.reads.account(world.campaign, address(0xA5)).matured == 0


def test_a_refund_of_matured_points_is_owed(world: World) -> None:
    bought = world.report(kind="purchase", wallet=wallet(0xA6), amount=500)
    world.turn(lambda: world.state(bought) == "landed")
    world.node.pass_time(2 * HOLD)
    world.sync()
    refund = world.report(kind="refund", refers_to=bought)
    world.turn(lambda: world.state(refund) == "landed")
    with world.db.read() as session:
        assert world.earning.get(session, world.merchant, refund).owed == 500
    world.check()


def test_a_batch_refused_by_the_contract_lands_once_its_reason_is_gone(world: World) -> None:
    """The owner revokes the key after the batch was made, and thinks better of it."""
    (operator,) = world.landing.relayer.addresses  # type: ignore[attr-defined]
    world.hub.send(world.owner, calls.set_operator(world.campaign, operator, 0))
    bought = world.report(kind="purchase", wallet=wallet(0xA7), amount=50)

    def refused() -> bool:
        world.clock.offset += 10
        with world.db.read() as session:
            batch = session.scalars(sa.select(Batch)).first()
            return batch is not None and batch.refusals >= 1

    settle, *others = world.wheels
    assert settle() == 1  # before the indexer tells of the revocation
    world.wheels = others
    world.turn(refused)
    world.check()
    world.hub.send(world.owner, calls.set_operator(world.campaign, operator, 10**9))

    def landed() -> bool:
        world.clock.offset += 30
        return world.state(bought) == "landed"

    world.turn(landed)
    assert world.hub.reads.account(world.campaign, address(0xA7)).pending == 50
    world.check()
