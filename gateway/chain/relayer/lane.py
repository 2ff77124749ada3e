"""The pipeline that carries transactions to the chain, each exactly once, whatever dies when.

Nonce, gas and signed bytes are committed before anything is sent. There is one sending rule: whatever the chain's nonce
has not passed is sent again, byte for byte, or at the same nonce with a higher fee. A transaction never gets a second
nonce. What became of it is decided when the chain has passed its nonce at depth, and is looked at again when the chain
goes back. Success of the business is not decided here, but by the indexed events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from gateway.chain.deployment import Deployment
from gateway.chain.errors import (
    AlreadyKnown,
    BlockUnavailable,
    ChainError,
    FeeTooLow,
    GasTooHigh,
    InsufficientFunds,
    Permanent,
    Temporary,
)
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.reads import Head, parse_head
from gateway.chain.relayer import decisions
from gateway.chain.relayer.decisions import Outcome, Receipt
from gateway.chain.relayer.models import Purpose
from gateway.chain.relayer.queue import Queue
from gateway.chain.relayer.signing import NOTHING_GAS, Signer
from gateway.chain.relayer.store import Flight, Store, View, Wanted
from gateway.chain.rpc import Call, Rpc
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs

log = structlog.get_logger(__name__)
GWEI = 10**9


@dataclass(frozen=True)
class RelayerSettings:
    """`confirmations` blocks, times in seconds, fees in wei per gas."""

    confirmations: int
    #: An unmined transaction gets a higher fee after this long.
    stuck_after: int = 30
    #: Bytes are sent again this often until they are mined.
    resend_after: int = 5
    #: The chain is looked at this often while nothing new is to be sent.
    look_every: int = 1
    in_flight: int = 16
    tip: int = GWEI
    fee_limit: int = 500 * GWEI


@dataclass(frozen=True)
class Chain:
    """What the node says: `nonce` the next one to be mined, `deep_nonce` the same at depth, `balance` in wei."""

    head: Head
    nonce: int
    deep_nonce: int
    balance: int
    #: False: the block in which the last settled transaction was mined is gone.
    settled_stands: bool


@dataclass
class Sent:
    """When a form was sent first and last, and the head at the first time."""

    first: int
    last: int
    head: int


class Relayer:
    """One key. Several, also of the same key, may run at once; rows are locked where it matters."""

    def __init__(
        self,
        db: Database,
        rpc: Rpc,
        clock: Clock,
        jobs: Jobs,
        key: bytes,
        deployment: Deployment,
        settings: RelayerSettings,
    ) -> None:
        """`key` is the private key, 32 bytes."""
        self._rpc, self._clock, self._deployment, self._settings = rpc, clock, deployment, settings
        signer = Signer(key, deployment.chain_id)
        self.address = signer.address
        self._store = Store(db, clock, jobs, signer)
        self._queue = Queue(clock, signer.address)
        # What follows may be forgotten: it only says what to do sooner rather than later.
        self._sent: dict[bytes, Sent] = {}
        self._underpriced: set[bytes] = set()
        self._impossible: set[bytes] = set()
        self._missing: dict[int, int] = {}
        self._next_look = 0

    def enqueue(self, session: Session, purpose: Purpose, ref: int, to: bytes, data: bytes) -> int:
        """See `Queue.enqueue`."""
        return self._queue.enqueue(session, purpose, ref, to, data)

    def step(self) -> int:
        """One turn: looks at the chain, settles, replaces, signs and sends. Returns how many transactions moved on.

        Raises ChainErrors when the node cannot be asked; nothing is lost then.
        """
        view, now = self._store.view(), self._clock.now()
        if now < self._next_look and (view.out_of_gas or not view.queued):
            return 0
        chain = self._look(view)
        if self._reopen(view, chain):
            view = self._store.view()
        moved = self._settle(view, chain)
        moved += self._fill_gaps(view, chain)
        moved += self._replace(view, chain)
        moved += self._sign(view, chain)
        if moved:
            view = self._store.view()
        self._send(view, chain)
        self._next_look = now + (self._settings.look_every if view.flights else self._settings.resend_after)
        return moved

    # ------------------------------------------------------------------ looking

    def _look(self, view: View) -> Chain:
        address = to_hex(self.address)
        calls: list[Call] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_getBalance", [address, "latest"]),
        ]
        if view.settled_block:
            calls.append(("eth_getBlockByNumber", [hex(view.settled_block[0]), False]))
        block, nonce, balance, *settled = self._rpc.batch(calls)
        for answer in (block, nonce, balance):
            if isinstance(answer, ChainError):
                raise answer
        head = parse_head(block)
        next_nonce = int(nonce, 16)
        stands = view.settled_block is None or self._is(settled[0], view.settled_block[1])
        deep = self._deep_nonce(head) if any(flight.nonce < next_nonce for flight in view.flights) else 0
        return Chain(head, next_nonce, min(deep, next_nonce), int(balance, 16), stands)

    def _deep_nonce(self, head: Head) -> int:
        depth = head.number - self._settings.confirmations
        if depth < 0:
            return 0
        try:
            return int(self._rpc.call("eth_getTransactionCount", to_hex(self.address), hex(depth)), 16)
        except BlockUnavailable:  # a node that was just restored; some blocks later it has the state
            return 0

    def _is(self, block: Any, block_hash: bytes) -> bool:
        if isinstance(block, ChainError) and not isinstance(block, BlockUnavailable):
            raise block
        return isinstance(block, dict) and from_hex(block["hash"]) == block_hash

    # ----------------------------------------------------------------- outcomes

    def _reopen(self, view: View, chain: Chain) -> int:
        """Takes back what was settled in a history that the chain no longer has."""
        if view.settled_nonce < chain.nonce and chain.settled_stands:
            return 0
        self._deployment.verify(self._rpc)  # what was signed for one chain must not be sent to another
        reopened = self._store.reopen(from_nonce=chain.nonce)
        if not chain.settled_stands:
            rows = self._store.settled_blocks()
            blocks = self._rpc.batch([("eth_getBlockByNumber", [hex(block), False]) for _, block, _ in rows])
            gone = [row[0] for row, block in zip(rows, blocks, strict=True) if not self._is(block, row[2])]
            reopened += self._store.reopen(ids=gone)
        log.warning("relayer.reopened", transactions=reopened)
        return reopened

    def _settle(self, view: View, chain: Chain) -> int:
        passed = [flight for flight in view.flights if flight.nonce < chain.deep_nonce]
        if not passed:
            return 0
        hashes = [(flight.id, form) for flight in passed for form in flight.forms]
        answers = self._rpc.strict_batch([("eth_getTransactionReceipt", [to_hex(form.hash)]) for _, form in hashes])
        receipts: dict[int, list[Receipt]] = {flight.id: [] for flight in passed}
        for (tx_id, form), answer in zip(hashes, answers, strict=True):
            if answer is not None:
                receipts[tx_id].append(_receipt(answer, form.empty))
        outcomes: dict[int, Outcome] = {}
        for tx_id, found in receipts.items():
            if found or self._missing_for_long(tx_id):
                outcomes[tx_id] = decisions.outcome(found)
        for flight in passed:
            if flight.id in outcomes:
                self._missing.pop(flight.id, None)
                for form in flight.forms:
                    self._forget(form.hash)
        return self._store.settle(outcomes) if outcomes else 0

    def _missing_for_long(self, tx_id: int) -> bool:
        """True when a receipt was missing twice, some seconds apart: nodes find one later than they count its nonce."""
        now = self._clock.now()
        return now - self._missing.setdefault(tx_id, now) >= self._settings.resend_after

    # ------------------------------------------------------------------ signing

    def _fill_gaps(self, view: View, chain: Chain) -> int:
        taken = [flight.nonce for flight in view.flights if flight.nonce >= chain.nonce]
        missing = decisions.missing_nonces(chain.nonce, taken, self._settings.in_flight)
        fee = decisions.first_fee(chain.head.base_fee, self._settings.tip, self._settings.fee_limit)
        return self._store.fill(missing, fee) if missing and fee else 0

    def _replace(self, view: View, chain: Chain) -> int:
        moved = 0
        base_fee, settings = chain.head.base_fee, self._settings
        for flight in view.flights:
            form = flight.newest
            give_up = form.hash in self._impossible and not form.empty
            if flight.nonce < chain.nonce or not (give_up or self._is_stuck(flight, chain)):
                continue
            fee = decisions.replacement_fee(form.fee, base_fee, settings.tip, settings.fee_limit)
            if fee and self._store.replace(flight, fee, empty=give_up or form.empty):
                self._forget(form.hash)
                moved += 1
        return moved

    def _is_stuck(self, flight: Flight, chain: Chain) -> bool:
        form = flight.newest
        if form.hash in self._underpriced:
            return True
        sent = self._sent.get(form.hash)
        if sent is None:
            return False
        waited, blocks = self._clock.now() - sent.first, chain.head.number - sent.head
        is_next = flight.nonce == chain.nonce
        return decisions.is_stuck(form.fee, chain.head.base_fee, is_next, waited, blocks, self._settings.stuck_after)

    def _sign(self, view: View, chain: Chain) -> int:
        in_air = [flight for flight in view.flights if flight.nonce >= chain.nonce]
        room = self._settings.in_flight - len(in_air)
        fee = decisions.first_fee(chain.head.base_fee, self._settings.tip, self._settings.fee_limit)
        if room <= 0 or fee is None:
            return 0
        purse = chain.balance - sum(flight.gas * flight.newest.fee.max_fee for flight in in_air)
        if purse < NOTHING_GAS * fee.max_fee:
            self._note_gas(view, out_of_gas=view.out_of_gas or (view.queued and not in_air))
            return 0
        if not view.queued:
            self._note_gas(view, out_of_gas=view.out_of_gas and bool(in_air))
            return 0
        ready: list[tuple[Wanted, int]] = []
        for item, gas in self._simulate(self._store.wanted(room), chain, bool(in_air)):
            purse -= gas * fee.max_fee
            if purse < 0:
                self._note_gas(view, out_of_gas=not in_air and not ready)
                break
            ready.append((item, gas))
        return self._store.sign(ready, chain.nonce, fee, self._settings.in_flight) if ready else 0

    def _simulate(self, wanted: Sequence[Wanted], chain: Chain, in_air: bool) -> list[tuple[Wanted, int]]:
        """Those that the node expects to succeed, if need be after what is under way, with their gas limits."""
        answers = self._try_out(wanted, chain, "latest")
        refused = [i for i, answer in enumerate(answers) if isinstance(answer, Permanent)]
        if refused and in_air:  # second, because a node may build the pending block anew for each question
            again = self._try_out([wanted[i] for i in refused], chain, "pending")
            for i, answer in zip(refused, again, strict=True):
                answers[i] = answer
        ready = []
        for item, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, int):
                ready.append((item, answer))
            elif isinstance(answer, Temporary):
                self._store.put_off(item.id, answer.delay)
            else:
                self._store.refused(item.id, chain.nonce)
                log.info("relayer.refused", tx=item.id, looks=item.looks + 1, error=str(answer))
        return ready

    def _try_out(self, wanted: Sequence[Wanted], chain: Chain, state: str) -> list[int | ChainError]:
        """The gas limit of each, or why the node refuses it in that state."""
        most = min(decisions.MAX_GAS, chain.head.gas_limit)
        bounds = [decisions.gas_bound(item.purpose, item.data) for item in wanted]
        calls: list[Call] = []
        for item, bound in zip(wanted, bounds, strict=True):
            call = {"from": to_hex(self.address), "to": to_hex(item.to), "data": to_hex(item.data)}
            if bound is None:
                calls.append(("eth_estimateGas", [call, state]))
            else:
                calls.append(("eth_call", [call | {"gas": hex(min(bound, most))}, state]))
        gas: list[int | ChainError] = []
        for bound, answer in zip(bounds, self._rpc.batch(calls), strict=True):
            if isinstance(answer, ChainError):
                gas.append(answer)
            else:
                limit = bound or decisions.gas_limit(int(answer, 16))
                gas.append(min(limit, most) if limit else GasTooHigh())
        return gas

    def _note_gas(self, view: View, out_of_gas: bool) -> None:
        if out_of_gas != view.out_of_gas:
            self._store.set_out_of_gas(out_of_gas)
            if out_of_gas:
                log.error("relayer.out_of_gas")

    # ------------------------------------------------------------------ sending

    def _send(self, view: View, chain: Chain) -> None:
        now = self._clock.now()
        in_air = [flight for flight in view.flights if flight.nonce >= chain.nonce][: self._settings.in_flight]
        flights = [flight for flight in in_air if self._is_due(flight.newest.hash, now)]
        due = [flight.newest.hash for flight in flights]
        if not due:
            return
        raw = self._store.raw(due)
        answers = self._rpc.batch([("eth_sendRawTransaction", [to_hex(raw[tx_hash])]) for tx_hash in due])
        crashes.reach("sent", (flight.purpose.name.lower() for flight in flights))
        accepted = broke = False
        for tx_hash, answer in zip(due, answers, strict=True):
            sent = self._sent.setdefault(tx_hash, Sent(now, now, chain.head.number))
            sent.last = now
            broke |= isinstance(answer, InsufficientFunds)
            accepted |= isinstance(answer, str | AlreadyKnown)
            if isinstance(answer, FeeTooLow):
                self._underpriced.add(tx_hash)
            elif isinstance(answer, Permanent):
                self._impossible.add(tx_hash)
                log.error("relayer.impossible", error=str(answer))
        if broke or accepted:
            self._note_gas(view, out_of_gas=broke)

    def _is_due(self, tx_hash: bytes, now: int) -> bool:
        sent = self._sent.get(tx_hash)
        return sent is None or now - sent.last >= self._settings.resend_after

    def _forget(self, tx_hash: bytes) -> None:
        self._sent.pop(tx_hash, None)
        self._underpriced.discard(tx_hash)
        self._impossible.discard(tx_hash)


def _receipt(answer: dict[str, Any], empty: bool) -> Receipt:
    success = int(answer["status"], 16) == 1
    return Receipt(int(answer["blockNumber"], 16), from_hex(answer["blockHash"]), success, empty)
