"""Token and hub on a running anvil, and the owners' side of campaigns there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from gateway.chain import calls, local
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import keccak256
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.chain.sender import Sender

DAY = 86_400


@dataclass
class Hub:
    """A deployment of its own. Keys are made from numbers; each owner gets gas and plenty of the asset."""

    rpc: Rpc
    deployment: Deployment
    reads: Reads
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg]

    @classmethod
    def deploy(cls, url: str) -> Hub:
        rpc = Rpc(url, timeout=60)
        key = keccak256(b"deployer")
        sender = Sender(rpc, key, int(rpc.call("eth_chainId"), 16))
        local.fund_gas(rpc, sender.address)
        deployment = local.deploy(rpc, key)
        return cls(rpc, deployment, Reads(rpc, deployment))

    def owner(self) -> Sender:
        """A fresh account with gas and the asset, which the hub may take."""
        key = keccak256(f"owner {next(self._numbers)}".encode())
        sender = Sender(self.rpc, key, self.deployment.chain_id)
        local.fund_gas(self.rpc, sender.address)
        local.give_asset(self.rpc, key, self.deployment, 10**18)
        return sender

    def campaign(
        self,
        owner: Sender,
        terms: str = "terms",
        *,
        lasts: int = 30 * DAY,
        hold: int = 0,
        budget: int = 0,
        operator: bytes | None = None,
        daily_cap: int = 10**9,
        closed: bool = False,
    ) -> int:
        """Creates an open campaign (or a closed one), funds it and authorises `operator`; its number."""
        end = self.reads.head().time + lasts
        expiry = end + 2 * hold + 91 * DAY if closed else 0
        data = calls.create_campaign(end, hold, closed, expiry, 0, keccak256(terms.encode()))
        self.send(owner, data)
        number = self.reads.campaign_count()
        if budget:
            self.send(owner, calls.fund(number, budget, 0))
        if operator is not None:
            self.send(owner, calls.set_operator(number, operator, daily_cap))
        return number

    def send(self, sender: Sender, data: bytes) -> None:
        """A call of the hub."""
        sender.send(self.deployment.hub, data)
