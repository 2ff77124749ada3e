"""A deployed platform on a real chain, and nodes that misbehave as real ones do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.chain import calls, local
from gateway.chain.deployment import Deployment
from gateway.chain.errors import ChainError
from gateway.chain.hexes import from_hex, keccak256, to_hex
from gateway.chain.reads import Reads
from gateway.chain.rpc import Call, Rpc
from gateway.chain.sender import Sender
from gateway.chain.signatures import address_of, sign
from tests.support.anvil import Anvil

OWNER_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
DAY = 86_400
GRACE = 7 * DAY
LATER = 2_000_000_000


@dataclass
class World:
    """One owner and merchant, one relayer key with gas, the contracts."""

    node: Anvil
    rpc: Rpc
    deployment: Deployment
    reads: Reads
    owner: Sender
    relayer_key: bytes

    @property
    def relayer(self) -> bytes:
        return address_of(self.relayer_key)

    def hub(self, data: bytes, sender: Sender | None = None) -> dict[str, Any]:
        return (sender or self.owner).send(self.deployment.hub, data)

    def token(self, data: bytes, sender: Sender | None = None) -> dict[str, Any]:
        return (sender or self.owner).send(self.deployment.token, data)

    @property
    def badges(self) -> bytes:
        assert self.deployment.badges is not None
        return self.deployment.badges

    def reads_uri(self, token_id: int) -> str:
        """What the contract says of a badge."""
        data = to_hex(keccak256(b"tokenURI(uint256)")[:4] + token_id.to_bytes(32, "big"))
        answer = from_hex(self.rpc.call("eth_call", {"to": to_hex(self.badges), "data": data}, "latest"))
        return answer[64 : 64 + int.from_bytes(answer[32:64], "big")].decode()

    def campaign(self, *, hold: int = 0, closed: bool = False, bonus: int = 0, budget: int = 10**9) -> int:
        """A funded campaign of the owner for 30 days, with the relayer as operator and the owner as merchant."""
        end = self.reads.head().time + 30 * DAY
        expiry = end + 2 * hold + 91 * DAY if closed else 0
        self.hub(calls.create_campaign(end, hold, closed, expiry, bonus, b"\x01" * 32))
        campaign = self.reads.campaign_count()
        self.hub(calls.fund(campaign, budget, budget if closed else 0))
        self.hub(calls.set_operator(campaign, self.relayer, budget))
        self.hub(calls.invite_merchant(campaign, self.owner.address))
        self.hub(calls.accept_merchant(campaign))
        return campaign

    def balance_of(self, holder: bytes) -> int:
        return self.reads.balance(holder)


@dataclass
class Holder:
    """A customer's wallet."""

    key: bytes
    address: bytes

    def sign(self, digest: bytes) -> bytes:
        return sign(self.key, digest)


def holder() -> Holder:
    key = secrets.token_bytes(32)
    return Holder(key, address_of(key))


def wallet() -> bytes:
    """An address that nobody has the key of."""
    return secrets.token_bytes(20)


def build(node: Anvil) -> World:
    rpc = connect(node.url)
    deployment = local.deploy(rpc, OWNER_KEY)
    local.give_asset(rpc, OWNER_KEY, deployment, 10**18)
    relayer_key = secrets.token_bytes(32)
    local.fund_gas(rpc, address_of(relayer_key), 10**21)
    owner = Sender(rpc, OWNER_KEY, deployment.chain_id)
    owner.send(deployment.hub, calls.set_delegate(address_of(relayer_key), True))
    return World(node, rpc, deployment, Reads(rpc, deployment), owner, relayer_key)


#: Connections of the running test, closed at its end.
opened: list[Rpc] = []


def connect(url: str, timeout: float = 60.0) -> Rpc:
    rpc = Rpc(url, timeout)
    opened.append(rpc)
    return rpc


class Crash(BaseException):
    """The process dies here."""


class FaultyRpc(Rpc):
    """A connection to a real node on which things go wrong. `before` and `after` see every call on its way to the node
    and every answer on its way back; what they raise reaches the caller, a ChainError as that call's answer."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        opened.append(self)
        self.before: Callable[[str, Sequence[Any]], None] = lambda method, params: None
        self.after: Callable[[str, Any], None] = lambda method, answer: None
        self.log: list[tuple[str, Sequence[Any]]] = []

    def call(self, method: str, *params: Any) -> Any:
        return self.strict_batch([(method, params)])[0]

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        answers: list[Any] = []
        for method, params in calls:
            try:
                self.before(method, params)
                self.log.append((method, params))
                answer = super().batch([(method, params)])[0]
                self.after(method, answer)
                answers.append(answer)
            except ChainError as error:
                answers.append(error)
        return answers

    def sent(self) -> list[str]:
        """Raw transactions in the order in which they went out."""
        return [params[0] for method, params in self.log if method == "eth_sendRawTransaction"]
