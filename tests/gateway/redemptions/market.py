"""A real chain with merchants, campaigns and holders with points: deployed once, put back before each test."""

from __future__ import annotations

from typing import Any

from gateway.chain import calls, local, signatures
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import keccak256
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.chain.sender import Sender
from tests.support.anvil import Anvil

DAY = 86_400
#: Hundredths of a point that each holder has in the wallet, in the open and in the closed campaign.
IN_WALLET, IN_OPEN, IN_CLOSED = 100_000, 50_000, 30_000
OPEN, CLOSED, SHORT = 1, 2, 3
BONUS, POT = 1_000, 3_700


def key_of(name: str) -> bytes:
    return keccak256(name.encode())


def address_of(name: str) -> bytes:
    return signatures.address_of(key_of(name))


class Market:
    """The chain's side: deployed once, put back to the same state before each test."""

    def __init__(self, node: Anvil) -> None:
        self.node, self.rpc = node, Rpc(node.url)
        local.fund_gas(self.rpc, address_of("owner"))
        self.deployment: Deployment = local.deploy(self.rpc, key_of("owner"))
        self.reads = Reads(self.rpc, self.deployment)
        hub, token, asset = self.deployment.hub, self.deployment.token, self.deployment.asset
        for name in ("owner", "corner", "bakery", "stranger", "relayer", "ann", "bob"):
            local.fund_gas(self.rpc, address_of(name))
        self.send("owner", asset, calls.mint(address_of("owner"), 10**15))
        self.send("owner", asset, calls.approve(hub))
        self.send("owner", asset, calls.approve(token))
        self.end = self.reads.head().time + 60 * DAY
        for campaign, (closed, end) in {
            OPEN: (False, self.end),
            CLOSED: (True, self.end),
            SHORT: (False, self.reads.head().time + 7_200),
        }.items():
            expiry, bonus = (end + 100 * DAY, BONUS) if closed else (0, 0)
            self.send("owner", hub, calls.create_campaign(end, 0, closed, expiry, bonus, keccak256(b"terms")))
            self.send("owner", hub, calls.fund(campaign, 0, POT) if closed else calls.fund(campaign, 1, 0))
            self.send("owner", hub, calls.invite_merchant(campaign, address_of("corner")))
            self.send("corner", hub, calls.accept_merchant(campaign))
        self.send("corner", hub, calls.set_delegate(address_of("relayer"), True))
        for name in ("ann", "bob"):
            self.send("owner", token, calls.mint(address_of(name), IN_WALLET + IN_OPEN))
            self.send(name, token, calls.approve(hub))
            self.send(name, hub, calls.enter(OPEN, IN_OPEN, 0))
        self.send("owner", hub, calls.set_operator(CLOSED, address_of("owner"), 10**9))
        self.send("owner", hub, calls.fund(CLOSED, 2 * IN_CLOSED, 0))
        entries = [(address_of(name), IN_CLOSED) for name in ("ann", "bob")]
        self.send("owner", hub, calls.award_batch(CLOSED, 1, entries))
        self._snapshot = node.snapshot()

    def reset(self) -> None:
        self.node.revert(self._snapshot)
        self._snapshot = self.node.snapshot()

    def send(self, name: str, to: bytes, data: bytes) -> dict[str, Any]:
        return Sender(self.rpc, key_of(name), self.deployment.chain_id).send(to, data)
