"""The chain as a merchant or a holder uses it from the command line: own key, own transactions, one at a time."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.chain import calls
from gateway.chain.deployment import Deployment, WrongDeployment
from gateway.chain.errors import ChainError, InsufficientFunds, NodeDown, NodeTimeout, NotANode, Reverted
from gateway.chain.hexes import checksum, from_hex, keccak256
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.chain.sender import Sender
from gateway.client import Json
from gateway.commands.console import CommandError, out
from gateway.commands.state import State

#: First topic of `CampaignCreated`, whose second topic is the campaign's number.
CREATED = keccak256(b"CampaignCreated(uint256,address,uint40,uint32,bool,uint40,uint16,bytes32)")
#: What the contracts refuse, in words.
REASONS = {
    "NotOwner": "this key does not own the campaign",
    "NotInvited": "the campaign's owner has not invited this merchant",
    "NotMerchant": "this merchant is not accepted in the campaign",
    "CampaignEnded": "the campaign has ended",
    "NotYet": "too early for this",
    "ClosedLoop": "a closed campaign: its points go to its merchants only",
    "OpenLoop": "possible in closed campaigns only",
    "InsufficientPoints": "not so many matured points in this account",
    "ERC20InsufficientBalance": "not so many points or not so much of the settlement asset",
    "ERC20InsufficientAllowance": "the allowance is too small",
    "BelowMinimum": "less would be credited than the order's minimum",
    "UnknownCampaign": "there is no such campaign on this chain",
    "TermRefused": "one of the campaign's terms is out of its range",
    "SameCampaign": "from a campaign to itself",
    "ZeroAmount": "nothing to do: the amount is zero",
    "ERC721NonexistentToken": "the wallet does not have this badge",
    "ChangePending": "another change is announced and not yet due",
}


@dataclass(frozen=True)
class Chain:
    """One node and the deployment on it."""

    rpc: Rpc
    deployment: Deployment

    @property
    def reads(self) -> Reads:
        return Reads(self.rpc, self.deployment)

    def own(self, key: bytes) -> Own:
        """A key that sends its own transactions."""
        return Own(self, Sender(self.rpc, key, self.deployment.chain_id))


def no_answer(error: ChainError) -> str:
    """Why the node cannot be asked, in words, without its URL, which may hold an access key."""
    if isinstance(error, NotANode):
        return "what answers at the node's URL is no Ethereum node, or does not take the access key"
    return f"the chain's node does not answer ({error})"


def unanswered(error: ChainError) -> CommandError:
    """The same as a command's end."""
    code = "not-a-node" if isinstance(error, NotANode) else "node-down"
    return CommandError(no_answer(error), "loyalty up   (or set LOYALTY_RPC_URL)", code)


def open_chain(state: State) -> Chain:
    """The chain of this state, checked against its deployment file (LOYALTY_DEPLOYMENT_FILE names another)."""
    path = Path(os.environ.get("LOYALTY_DEPLOYMENT_FILE") or state.deployment)
    rpc = Rpc(state.endpoints()["rpc"])
    try:
        chain = Chain(rpc, _verified(path, rpc))
    except BaseException:
        rpc.close()
        raise
    weakref.finalize(chain, rpc.close)
    return chain


def _verified(path: Path, rpc: Rpc) -> Deployment:
    try:
        deployment = Deployment.load(path)
        deployment.verify(rpc)
    except WrongDeployment as error:
        raise CommandError(str(error), "loyalty up   (or set LOYALTY_DEPLOYMENT_FILE)", "wrong-deployment") from None
    except ChainError as error:
        raise unanswered(error) from None
    return deployment


@dataclass(frozen=True)
class Own:
    """Sends for one key and waits for the block, saying what it does."""

    chain: Chain
    sender: Sender

    @property
    def address(self) -> bytes:
        return self.sender.address

    def do(self, what: str, to: bytes, data: bytes) -> Json:
        """One transaction; its receipt once it is in a block. CommandError, in words, when the contract refuses."""
        try:
            receipt = self.sender.send(to, data)
        except Reverted as error:
            why = REASONS.get(error.name, error.name or "the contract refuses")
            raise CommandError(f"{what}: {why}", code=error.name or "reverted") from None
        except InsufficientFunds:
            address = checksum(self.address)
            raise CommandError(
                f"{what}: the key {address} has no gas", f"loyalty faucet {address}   (local chains only)", "no-gas"
            ) from None
        except NodeTimeout:
            raise CommandError(
                f"{what}: the node does not answer, or the block takes long; look before repeating"
            ) from None
        except NodeDown:
            raise CommandError(f"{what}: the chain's node does not answer", "loyalty up", "node-down") from None
        except ChainError as error:
            raise CommandError(f"{what}: {error}") from None
        out.note(f"[green]✓[/] {what} [dim](block {int(receipt['blockNumber'], 16)})[/]")
        return receipt

    def hub(self, what: str, data: bytes) -> Json:
        """As `do`, to the hub."""
        return self.do(what, self.chain.deployment.hub, data)

    def token(self, what: str, data: bytes) -> Json:
        """As `do`, to the token."""
        return self.do(what, self.chain.deployment.token, data)

    def create_campaign(self, end: int, hold: int, closed: bool, expiry: int, bonus: int, terms: bytes) -> int:
        """Creates a campaign; its number."""
        data = calls.create_campaign(end, hold, closed, expiry, bonus, terms)
        receipt = self.hub("campaign created", data)
        for log in receipt["logs"]:
            topics = [from_hex(topic) for topic in log["topics"]]
            if from_hex(log["address"]) == self.chain.deployment.hub and topics[0] == CREATED:
                return int.from_bytes(topics[1])
        raise CommandError("the campaign was created, but its event is missing")

    def fund(self, campaign: int, budget: int, pot: int) -> None:
        """Pays budget and pot (hundredths of a point) and the fee, giving the hub the allowance that it needs."""
        chain = self.chain
        price = (budget + pot) * chain.deployment.par
        price += -(-price * chain.reads.fee_bps() // 10_000)
        held = chain.reads.asset_balance(self.address)
        if held < price:
            raise CommandError(
                f"funding costs {price} units of the settlement asset, the key has {held}",
                f"loyalty faucet {checksum(self.address)} --asset {price}   (local chains only)",
                "asset-missing",
            )
        if chain.reads.asset_allowance(self.address, chain.deployment.hub) < price:
            data = calls.approve(chain.deployment.hub, price)
            self.do("settlement asset approved", chain.deployment.asset, data)
        self.hub("campaign funded", calls.fund(campaign, budget, pot))

    def ensure(self, what: str, done: Callable[[], bool], data: bytes) -> None:
        """One call to the hub, unless what it brings about is so already."""
        if done():
            out.note(f"[dim]✓ {what} already[/]")
        else:
            self.hub(what, data)


def known_chain(state: State) -> Chain | None:
    """The chain, where this machine knows a deployment; a holder without one believes the gateway."""
    try:
        return open_chain(state)
    except CommandError:
        return None
