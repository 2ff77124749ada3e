"""Fixtures of the contracts' tests. Ape takes every test back to the state before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from ape.api import ReceiptAPI
from ape_ethereum.trace import TransactionTrace

from tests.contracts.support import DAY, NO_HASH, PAR, domains, entry, know_errors

RICH = 10**15  # asset units that everybody starts with
CAP = 10**9


@dataclass
class People:
    """Who plays which part; holders are in no other role."""

    owner: Any
    operator: Any
    merchant: Any
    delegate: Any
    alice: Any
    bob: Any
    carol: Any
    stranger: Any
    treasury: Any


@pytest.fixture(scope="session", autouse=True)
def no_call_trees():
    """Ape traces every transaction for what it printed, and draws every refused one; here nothing prints, and refusals
    are wanted by the hundred and read otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReceiptAPI, "show_debug_logs", lambda *_, **__: None)
        patch.setattr(TransactionTrace, "show", lambda *_, **__: None)
        patch.setattr(TransactionTrace, "get_addresses_used", lambda *_, **__: iter(()))
        yield


@pytest.fixture(autouse=True)
def fresh_domains():
    """In the next test another contract may stand at the same address."""
    domains.clear()


@pytest.fixture(scope="session")
def people(accounts):
    return People(*(accounts[i] for i in range(9)))


@pytest.fixture(scope="session")
def contracts(project):
    project.load_contracts()
    know_errors(project.LoyaltyToken, project.CampaignHub, project.MockUSDC)
    return project


@pytest.fixture(scope="session")
def asset(contracts, people):
    asset = contracts.MockUSDC.deploy(sender=people.owner)
    for who in vars(people).values():
        asset.mint(who, RICH, sender=people.owner)
    return asset


@pytest.fixture(scope="session")
def token(contracts, people, asset):
    token = contracts.LoyaltyToken.deploy("Loyalty Points", "PTS", asset, PAR, sender=people.owner)
    for who in vars(people).values():
        asset.approve(token, 2**256 - 1, sender=who)
    return token


@pytest.fixture(scope="session")
def hub(contracts, people, asset, token):
    hub = contracts.CampaignHub.deploy(token, people.treasury, 150, sender=people.owner)
    for who in vars(people).values():
        asset.approve(hub, 2**256 - 1, sender=who)
        token.approve(hub, 2**256 - 1, sender=who)
    return hub


@pytest.fixture
def clock(chain):
    return Clock(chain)


@pytest.fixture
def make(hub, people, clock):
    return Maker(hub, people, clock)


class Clock:
    """The time of the next transaction."""

    def __init__(self, chain: Any):
        self.chain = chain

    @property
    def now(self) -> int:
        """Time of the latest block."""
        return int(self.chain.blocks.head.timestamp)

    def next_at(self, time: int) -> None:
        """The next transaction is in a block of exactly this time."""
        self.chain.pending_timestamp = time

    def pass_to(self, time: int) -> None:
        """An empty block of this time, so that calls see it too."""
        self.chain.mine(timestamp=time)


class Maker:
    """Campaigns in the state that a test starts from."""

    def __init__(self, hub: Any, people: People, clock: Clock):
        self.hub = hub
        self.people = people
        self.clock = clock

    def campaign(
        self,
        *,
        closed: bool = False,
        hold: int = 0,
        bonus: int = 0,
        days: int = 30,
        budget: int = 100_000,
        pot: int = 0,
        merchant: bool = True,
    ) -> int:
        """A funded campaign with one operator and, unless told otherwise, one accepted merchant."""
        hub, people = self.hub, self.people
        end = self.clock.now + days * DAY
        expiry = end + 2 * hold + 90 * DAY if closed else 0
        hub.createCampaign(end, hold, closed, expiry, bonus, NO_HASH, sender=people.owner)
        campaign = int(hub.campaignCount())
        hub.setOperator(campaign, people.operator, CAP, sender=people.owner)
        if budget or pot:
            hub.fund(campaign, budget, pot, sender=people.owner)
        if merchant:
            hub.inviteMerchant(campaign, people.merchant, sender=people.owner)
            hub.acceptMerchant(campaign, sender=people.merchant)
        return campaign

    def award(self, campaign: int, number: int, *entries: tuple[Any, int], sender: Any = None) -> Any:
        packed = [entry(to, amount) for to, amount in entries]
        return self.hub.awardBatch(campaign, number, packed, sender=sender or self.people.operator)

    def clawback(self, campaign: int, number: int, *entries: tuple[Any, int], sender: Any = None) -> Any:
        packed = [entry(to, amount) for to, amount in entries]
        return self.hub.clawbackBatch(campaign, number, packed, sender=sender or self.people.operator)

    def period_start(self, hold: int) -> int:
        """Starts the next hold period with an empty block; its time."""
        start = (self.clock.now // hold + 1) * hold
        self.clock.pass_to(start)
        return start
