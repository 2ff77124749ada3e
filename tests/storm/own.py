"""Holders who need no gateway: their own transactions, straight to the node, beside the orders that the gateway relays.

What was sent is sent again, the very same bytes, until the chain has passed its nonce: a node that was killed or
reorganised has forgotten it. What it did is read from its receipts when all is over.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from eth_account import Account

from gateway.chain import calls, local
from gateway.chain.calls import OrderData
from gateway.chain.errors import ChainError
from gateway.chain.hexes import checksum, from_hex, keccak256, to_hex
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import compact, sign
from gateway.commands import audit_logs
from gateway.commands.audit_books import Books
from gateway.core.db import Database
from tests.functional.people import Holder
from tests.storm import under_way
from tests.storm.actors import PAUSE, Actor, Stage, pick
from tests.storm.book import Seen, Where
from tests.storm.fleet import Fleet
from tests.storm.plan import Step
from tests.storm.town import Town

GWEI = 10**9
#: More than the base fee of any storm; a holder has enough for a million of these.
GAS, FEE, WEI = 500_000, 2_000 * GWEI, 10**24
AT_ONCE, HOUR = 16, 3_600
NOBODY = bytes(20)
PERMIT = {
    "Permit": [
        {"name": name, "type": kind}
        for name, kind in (
            ("owner", "address"),
            ("spender", "address"),
            ("value", "uint256"),
            ("nonce", "uint256"),
            ("deadline", "uint256"),
        )
    ]
}


class Purse:
    """One holder's own transactions, from the town's beginning to its end."""

    def __init__(self, fleet: Fleet, holder: Holder) -> None:
        self.fleet, self.holder = fleet, holder
        self.rpc = Rpc(fleet.node.url)
        self.reads = Reads(self.rpc, fleet.deployment)
        local.fund_gas(self.rpc, holder.address, WEI)
        self._sent: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def add(self, to: bytes, data: bytes) -> None:
        """Signs the next one and sends it."""
        with self._lock:
            transaction = {
                "type": 2,
                "chainId": self.fleet.deployment.chain_id,
                "nonce": len(self._sent),
                "gas": GAS,
                "maxFeePerGas": FEE,
                "maxPriorityFeePerGas": GWEI,
                "to": checksum(to),
                "value": 0,
                "data": data,
            }
            signed = Account.sign_transaction(transaction, self.holder.key)
            self._sent.append((to_hex(bytes(signed.hash)), to_hex(bytes(signed.raw_transaction))))
        self.push()

    def push(self) -> int:
        """Sends what the chain has not passed; how many those are."""
        with self._lock:
            passed = self._passed()
            waiting = self._sent[passed : passed + AT_ONCE]
            with suppress(ChainError):
                self.rpc.batch([("eth_sendRawTransaction", [raw]) for _, raw in waiting]) if waiting else []
            return len(self._sent) - passed

    def _passed(self) -> int:
        try:
            return int(self.rpc.call("eth_getTransactionCount", to_hex(self.holder.address), "latest"), 16)
        except ChainError:
            return 0

    def give_up(self, database: Database) -> None:
        """Cancels what holds up this holder's open orders for as long as they are good: a nonce before them that nobody
        uses, because the gateway has refused its order or the holder's own transaction took another, or points that the
        holder has spent by itself. An order that the gateway has lost is no reason: then the storm must fail."""
        orders = under_way.open_orders(database, self.holder.address)
        for campaign in {order.campaign for order in orders}:
            amounts = {order.nonce: order.amount for order in orders if order.campaign == campaign}
            try:
                has, nonce = self._standing(campaign)
            except ChainError:
                continue
            told = bool(self._sent) or under_way.has_ended(database, self.holder.address, campaign, nonce)
            if (nonce in amounts and amounts[nonce] > has) or (nonce not in amounts and nonce < max(amounts) and told):
                self.cancel(campaign)
        self.push()

    def cancel(self, campaign: int) -> None:
        """Voids the open orders of the wallet (`campaign` 0) or an account."""
        contracts = self.fleet.deployment
        if campaign:
            self.add(contracts.hub, calls.cancel_account(campaign))
        else:
            self.add(contracts.token, calls.cancel_wallet())

    def _standing(self, campaign: int) -> tuple[int, int]:
        """What the wallet or its account has to spend, and the next nonce there."""
        if not campaign:
            return self.reads.balance(self.holder.address), self.reads.nonce(self.holder.address)
        account = self.reads.account(campaign, self.holder.address)
        return account.matured, account.nonce

    @property
    def hashes(self) -> set[bytes]:
        return {from_hex(hash) for hash, _ in self._sent}


class Independent(Actor):
    """Does with its own transactions what others ask the gateway for, with the same points and the same nonces."""

    def __init__(self, name: str, stage: Stage, steps: Sequence[Step], purses: Sequence[Purse], number: int) -> None:
        super().__init__(name, stage, steps)
        self.purse, self.holder = purses[number], purses[number].holder
        self.others = [purse for purse in purses if purse is not self.purse]
        self.contracts = self.town.fleet.deployment

    def run(self) -> None:
        super().run()
        while self.purse.push() and not self.stage.given_up.wait(PAUSE):
            pass

    def _token(self, data: bytes) -> None:
        self.purse.add(self.contracts.token, data)

    def _amount(self, step: Step) -> int:
        return 50 + int(step.size * 250)

    def _to(self, step: Step) -> bytes:
        return pick(self.others, step.dice).holder.address

    def _transfer(self, step: Step) -> None:
        self._token(calls.transfer(self._to(step), self._amount(step)))

    def _cash_out(self, step: Step) -> None:
        self._token(calls.cash_out(self._amount(step), self.holder.address))

    def _allowance(self, step: Step) -> None:
        self._token(calls.approve(self.holder.address, self._amount(step)))
        self._take(step)

    def _permit(self, step: Step) -> None:
        """Uses up a nonce of the wallet's orders."""
        nonce = self._nonce(self.purse)
        if nonce is None:
            return
        name, amount, deadline = self.contracts.token_name, self._amount(step), int(time.time()) + HOUR
        domain = {"name": name, "version": "1", "chainId": self.contracts.chain_id}
        domain["verifyingContract"] = checksum(self.contracts.token)
        both = {"owner": self.holder.name, "spender": self.holder.name}
        message = {**both, "value": amount, "nonce": nonce, "deadline": deadline}
        signed = Account.sign_typed_data(self.holder.key, domain, PERMIT, message)
        words = (self.holder.address, self.holder.address, amount, deadline, signed.v, signed.r, signed.s)
        self._token(_call("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", *words))
        self._take(step)

    def _take(self, step: Step) -> None:
        words = (self.holder.address, self._to(step), self._amount(step))
        self._token(_call("transferFrom(address,address,uint256)", *words))

    def _leave(self, step: Step) -> None:
        campaign = pick((self.town.held, self.town.open), step.dice)
        self.purse.add(self.contracts.hub, calls.leave(campaign, self._amount(step)))

    def _cancel(self, step: Step) -> None:
        """Whatever the wallet, or its account in a campaign, has signed is void."""
        self.purse.cancel(0 if step.dice % 2 else pick((self.town.held, self.town.open), step.dice // 2))

    def _redeem(self, step: Step) -> None:
        """Takes another holder's order as merchants do, for an offer that no gateway knows."""
        payer = pick(self.others, step.dice)
        nonce = self._nonce(payer)
        if nonce is None:
            return
        offer, seal, amount, until = (
            secrets.token_bytes(32),
            secrets.token_bytes(32),
            self._amount(step),
            int(time.time()) + HOUR,
        )
        domains, here = self.town.fleet.domains, self.holder.address
        digest = domains.redemption(payer.holder.address, here, amount, offer, seal, nonce, until)
        r, vs = compact(sign(payer.holder.key, digest))
        order = OrderData(payer.holder.address, amount, offer, seal, nonce, until, secrets.token_bytes(32), r, vs)
        self.purse.add(self.contracts.hub, calls.redeem_batch(here, [order]))

    def _nonce(self, purse: Purse) -> int | None:
        """The next one of a wallet's orders by the chain; None when the node does not answer."""
        try:
            return purse.reads.nonce(purse.holder.address)
        except ChainError:
            return None


def look(town: Town, purses: Sequence[Purse]) -> Seen:
    """What the chain shows, and what of it is these holders' own doing. What only went between wallet and account is
    left out."""
    fleet = town.fleet
    reads = Reads(fleet.rpc, fleet.deployment)
    head = reads.head()
    books, logs = Books(fleet.deployment.hub), audit_logs.fetch(fleet.rpc, fleet.deployment, head).decoded
    books.feed(logs)
    books.close(head.time)
    own = set().union(*(purse.hashes for purse in purses))
    moved: Counter[bytes] = Counter()
    places: set[Where] = set()
    for log in logs:
        if log.tx not in own:
            continue
        if (log.contract, log.name) == ("token", "Transfer"):
            origin, to = log.args["from"], log.args["to"]
            if fleet.deployment.hub not in (origin, to):
                moved[origin] -= log.args["value"]
                moved[to] += log.args["value"]
        elif log.name == "Redeemed":
            moved[log.args["holder"]] -= log.args["amount"]
            moved[log.args["merchant"]] += log.args["amount"]
            places.add((0, log.args["holder"], log.args["nonce"]))
    del moved[NOBODY]
    return Seen(books, reads, moved, places)


def _call(signature: str, *words: bytes | int) -> bytes:
    packed = (word.to_bytes(32, "big") if isinstance(word, int) else word.rjust(32, b"\0") for word in words)
    return keccak256(signature.encode())[:4] + b"".join(packed)
