"""What one key has under way: looked at, settled, replaced, sent again; and new transactions, tried out and signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from gateway.chain.deployment import Deployment
from gateway.chain.errors import (
    AlreadyKnown,
    BlockUnavailable,
    ChainError,
    FeeTooLow,
    GasTooHigh,
    InsufficientFunds,
    Permanent,
    Reverted,
    Temporary,
)
from gateway.chain.hexes import checksum, from_hex, to_hex
from gateway.chain.reads import Head, parse_head
from gateway.chain.relayer import decisions
from gateway.chain.relayer.decisions import Fee, Outcome, Receipt, RelayerSettings
from gateway.chain.relayer.signing import NOTHING_GAS
from gateway.chain.relayer.store import Flight, Store, View
from gateway.chain.relayer.turn import Chain, Sent, Tried, Turn
from gateway.chain.relayer.waiting import Wanted
from gateway.chain.rpc import Call, Rpc
from gateway.core import crashes
from gateway.core.clock import Clock

log = structlog.get_logger(__name__)
#: Seconds until a key tries again a transaction that is not for it.
NOT_MINE = 15


class Lane:
    """One key and its nonces. Several of the same key may be at work at once; rows are locked where it matters."""

    def __init__(self, rpc: Rpc, clock: Clock, store: Store, deployment: Deployment, settings: RelayerSettings) -> None:
        self._rpc, self._clock, self._store = rpc, clock, store
        self._deployment, self._settings = deployment, settings
        self.address = store.sender
        # What follows may be forgotten: it only says what to do sooner rather than later.
        self._sent: dict[bytes, Sent] = {}
        self._underpriced: set[bytes] = set()
        self._impossible: set[bytes] = set()
        self._missing: dict[int, int] = {}
        self._not_mine: dict[int, int] = {}
        self._low = False
        self._fences, self._next_fence = 0, 0

    def view(self) -> View:
        """What there is to do."""
        return self._store.view()

    def tend(self, view: View) -> Turn:
        """Looks at the chain, settles, closes gaps and replaces what is stuck."""
        chain = self._look(view)
        if self._reopen(view, chain):
            view = self._store.view()
        moved = self._put_up_fence(view, chain)
        moved += self._settle(view, chain)
        moved += self._fill_gaps(view, chain)
        moved += self._replace(view, chain)
        self._keep_to(view)
        self._warn_when_low(chain)
        return Turn(view, chain, moved)

    def room(self, turn: Turn) -> int:
        """How many more transactions this key may send now: 0 also when it cannot pay, gas is too dear, or others may
        have its next nonces."""
        fee = self._fee(turn.chain)
        room = 0 if _is_behind(turn.view, turn.chain) else max(0, self._settings.in_flight - len(turn.in_air))
        if not room or fee is None:
            return 0
        out = turn.view.out_of_gas
        if self._purse(turn) < NOTHING_GAS * fee.max_fee:
            self._note_gas(turn.view, out_of_gas=out or (turn.view.queued and not turn.in_air))
            return 0
        if not turn.view.queued:
            self._note_gas(turn.view, out_of_gas=out and bool(turn.in_air))
            return 0
        return room

    def may_send(self, tx_id: int) -> bool:
        """False while the contracts are known to refuse this transaction from this key."""
        return self._not_mine.get(tx_id, 0) <= self._clock.now()

    def not_mine(self) -> set[int]:
        """What the contracts are known to refuse from this key."""
        return {tx_id for tx_id in self._not_mine if not self.may_send(tx_id)}

    def forget(self, tx_id: int) -> None:
        """Lets the key try this transaction again."""
        self._not_mine.pop(tx_id, None)

    def _fee(self, chain: Chain) -> Fee | None:
        return decisions.first_fee(chain.head.base_fee, self._settings.tip, self._settings.fee_limit)

    def _purse(self, turn: Turn) -> int:
        """Wei that are not promised to what is in the air."""
        in_air = sum(flight.gas * flight.newest.fee.max_fee for flight in turn.in_air)
        return turn.chain.balance - turn.promised - in_air

    # ------------------------------------------------------------------ looking

    def _look(self, view: View) -> Chain:
        address = to_hex(self.address)
        calls: list[Call] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_getBalance", [address, "latest"]),
            ("eth_getTransactionCount", [address, "pending"]),
        ]
        if view.settled_block:
            calls.append(("eth_getBlockByNumber", [hex(view.settled_block[0]), False]))
        block, nonce, balance, pooled, *settled = self._rpc.batch(calls)
        for answer in (block, nonce, balance):
            if isinstance(answer, ChainError):
                raise answer
        head = parse_head(block)
        next_nonce = int(nonce, 16)
        stands = view.settled_block is None or self._is(settled[0], view.settled_block[1])
        deep = self._deep_nonce(head) if any(flight.nonce < next_nonce for flight in view.flights) else 0
        pool_nonce = next_nonce if isinstance(pooled, ChainError) else max(next_nonce, int(pooled, 16))
        return Chain(head, next_nonce, pool_nonce, min(deep, next_nonce), int(balance, 16), stands)

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

    def _put_up_fence(self, view: View, chain: Chain) -> int:
        """What the chain knows of this key and we do not was sent before the database was restored; more of it may be
        on its way. See fence.py."""
        now, fee = self._clock.now(), self._fee(chain)
        rests = 0 < self._next_fence - now <= decisions.LONGEST_PAUSE
        if not _is_behind(view, chain) or rests or fee is None:
            return 0
        taken = self._store.fence(chain.nonce, chain.pooled, self._settings.in_flight, fee)
        if taken:
            calm = now - self._next_fence > 2 * decisions.LONGEST_PAUSE
            self._fences = 1 if calm else self._fences + 1
            self._next_fence = now + decisions.fence_pause(self._fences)
            nonces = {"nonce": view.next_nonce, "on_chain": chain.nonce, "pooled": chain.pooled}
            log.error("relayer.database_is_behind", key=checksum(self.address), fences=self._fences, **nonces)
        return taken

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
        waited, blocks = 0 if sent.unpaid else self._clock.now() - sent.first, chain.head.number - sent.head
        is_next = flight.nonce == chain.nonce
        return decisions.is_stuck(form.fee, chain.head.base_fee, is_next, waited, blocks, self._settings.stuck_after)

    def sign(self, turn: Turn, offered: Sequence[Wanted]) -> Tried:
        """Tries the offered transactions out and signs those that the node expects to succeed."""
        fee, purse = self._fee(turn.chain), self._purse(turn)
        if fee is None:
            return Tried(set(), [])
        ready, tried = self._simulate(offered, turn.chain, bool(turn.in_air))
        affordable: list[tuple[Wanted, int]] = []
        for item, gas in ready:
            purse -= gas * fee.max_fee
            if purse < 0:
                self._note_gas(turn.view, out_of_gas=not turn.in_air and not affordable)
                break
            affordable.append((item, gas))
        if affordable:
            turn.promised += sum(gas for _, gas in affordable) * fee.max_fee
            turn.moved += self._store.sign(affordable, turn.chain.nonce, fee, self._settings.in_flight)
        return Tried(tried.decided | {item.id for item, _ in affordable}, tried.refused)

    def _simulate(self, wanted: Sequence[Wanted], chain: Chain, in_air: bool) -> tuple[list[tuple[Wanted, int]], Tried]:
        """Those that the node expects to succeed, if need be after what is under way, with their gas limits; and what
        is decided about the others."""
        answers = self._try_out(wanted, chain, "latest")
        refused = [i for i, answer in enumerate(answers) if isinstance(answer, Permanent)]
        if refused and in_air:  # second, because a node may build the pending block anew for each question
            again = self._try_out([wanted[i] for i in refused], chain, "pending")
            for i, answer in zip(refused, again, strict=True):
                answers[i] = answer
        ready, tried = [], Tried(set(), [])
        for item, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, int):
                ready.append((item, answer))
            elif isinstance(answer, Temporary):
                self._store.put_off(item.id, answer.delay)
                tried.decided.add(item.id)
            elif isinstance(answer, Reverted) and answer.name in decisions.WRONG_KEY:
                self._not_mine[item.id] = self._clock.now() + NOT_MINE
            elif isinstance(answer, Permanent):
                tried.refused.append((item, answer))
        return ready, tried

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
                log.error("relayer.out_of_gas", key=checksum(self.address))

    # ------------------------------------------------------------------ sending

    def send(self, turn: Turn) -> None:
        """Sends what is new, and again what was not mined."""
        if turn.moved:
            turn.view = self._store.view()
        now, chain = self._clock.now(), turn.chain
        in_air = turn.in_air[: self._settings.in_flight]
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
            sent.unpaid = isinstance(answer, InsufficientFunds)
            if sent.unpaid:
                sent.first, sent.head = now, chain.head.number
            broke |= isinstance(answer, InsufficientFunds)
            accepted |= isinstance(answer, str | AlreadyKnown)
            if isinstance(answer, FeeTooLow):
                self._underpriced.add(tx_hash)
            elif isinstance(answer, Permanent):
                self._impossible.add(tx_hash)
                log.error("relayer.impossible", error=str(answer))
        if broke or accepted:
            self._note_gas(turn.view, out_of_gas=broke)

    def _warn_when_low(self, chain: Chain) -> None:
        """Tells once that the key should get gas soon; readiness shows it as long as it is so."""
        left = decisions.full_batches(chain.balance, chain.head.base_fee)
        low = left < decisions.LOW
        if low and not self._low:
            log.warning("relayer.low_on_gas", key=checksum(self.address), full_batches=left)
        self._low = low

    def _keep_to(self, view: View) -> None:
        """Forgets what another worker has settled."""
        known = {form.hash for flight in view.flights for form in flight.forms}
        for tx_hash in (self._sent.keys() | self._underpriced | self._impossible) - known:
            self._forget(tx_hash)
        now = self._clock.now()
        # A clock that was ahead and is put right must not make anything wait until it is there again.
        self._not_mine = {id: until for id, until in self._not_mine.items() if now < until <= now + NOT_MINE}
        self._missing = {id: min(since, now) for id, since in self._missing.items()}
        for sent in self._sent.values():
            sent.first, sent.last = min(sent.first, now), min(sent.last, now)

    def _is_due(self, tx_hash: bytes, now: int) -> bool:
        sent = self._sent.get(tx_hash)
        return sent is None or now - sent.last >= self._settings.resend_after

    def _forget(self, tx_hash: bytes) -> None:
        self._sent.pop(tx_hash, None)
        self._underpriced.discard(tx_hash)
        self._impossible.discard(tx_hash)


def _is_behind(view: View, chain: Chain) -> bool:
    """Whether the key has sent what the database does not know of, and no fence stands before it."""
    return view.fence == 0 or chain.pooled > view.next_nonce


def _receipt(answer: dict[str, Any], empty: bool) -> Receipt:
    success = int(answer["status"], 16) == 1
    fee = int(answer.get("gasUsed", "0x0"), 16) * int(answer.get("effectiveGasPrice", "0x0"), 16)
    return Receipt(int(answer["blockNumber"], 16), from_hex(answer["blockHash"]), success, empty, fee)
