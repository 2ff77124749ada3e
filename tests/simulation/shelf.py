"""Where a relayer of the simulation keeps its rows: in the real store over SQLite in memory, or in a double of it that
takes no time. test_schedules.py runs the same schedules on both and compares every row and every byte."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gateway.chain.deployment import Deployment
from gateway.chain.relayer import decisions, service
from gateway.chain.relayer.decisions import Fee, Outcome, RelayerSettings
from gateway.chain.relayer.models import Purpose, TxState
from gateway.chain.relayer.queue import Queue
from gateway.chain.relayer.service import Relayer
from gateway.chain.relayer.signing import NOTHING, NOTHING_GAS, Signer
from gateway.chain.relayer.store import WINDOW, Flight, Form, View
from gateway.chain.relayer.waiting import OTHERS, URGENT, Wanted
from gateway.chain.rpc import Rpc
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs, Registry
from gateway.models import metadata

TXS = "SELECT id, purpose, ref, data, state, sender, nonce, gas, block, block_hash, attempts FROM chain_txs ORDER BY id"
FORMS = """
SELECT t.id, t.sender, t.nonce, t.data, s.hash, s.raw, s.empty
FROM chain_txs t JOIN signed_txs s ON s.tx_id = t.id ORDER BY t.id, s.max_fee
"""
MakeSigner = Callable[[bytes, int], Signer]
#: Id, purpose, ref, data, state, sender, nonce, gas, block, its hash, attempts.
TxRow = tuple[Any, ...]
#: Transaction, sender, nonce, data, hash, bytes, empty.
FormRow = tuple[Any, ...]


class RealShelf:
    """The real store and queue."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db, self.clock, self.jobs = db, clock, Jobs(clock)
        self._failed: set[int] = set()
        events = {"tx.done": ["done"], "tx.reverted": ["failed"], "tx.refused": ["failed"]}
        handlers = {"done": lambda session, tx_id: None, "failed": lambda session, tx_id: self._failed.add(tx_id)}
        self.jobs.registry = Registry(handlers, events)
        with db.begin() as session:
            for table in reversed(metadata.sorted_tables):
                session.execute(sa.delete(table))

    def relayer(
        self, rpc: Rpc, keys: list[bytes], deployment: Deployment, settings: RelayerSettings, signer: MakeSigner
    ) -> Relayer:
        original, service.Signer = service.Signer, signer  # type: ignore[assignment]
        try:
            return Relayer(self.db, rpc, self.clock, self.jobs, keys, deployment, settings)
        finally:
            service.Signer = original

    def enqueue(self, ref: int, to: bytes, data: bytes) -> None:
        with self.db.begin() as session:
            Queue(self.clock, ()).enqueue(session, Purpose.AWARD, ref, to, data)

    def failed(self) -> set[int]:
        """Transactions reported as refused or reverted since this was asked last."""
        if rows(self.db, "SELECT 1 FROM jobs LIMIT 1"):
            self.jobs.run_due(self.db)
        found, self._failed = self._failed, set()
        return found

    def has_news(self) -> bool:
        """Whether something was reported that nobody has heard yet."""
        return bool(self._failed or rows(self.db, "SELECT 1 FROM jobs LIMIT 1"))

    def txs(self) -> list[TxRow]:
        return rows(self.db, TXS)

    def forms(self) -> list[FormRow]:
        """By transaction, then by rising fee."""
        return rows(self.db, FORMS)

    def raw(self, tx_hash: bytes) -> bytes | None:
        found = rows(self.db, "SELECT raw FROM signed_txs WHERE hash = ?", tx_hash)
        return found[0][0] if found else None


def rows(db: Database, query: str, *arguments: Any) -> list[Any]:
    """Without the mapper, which would take longer than what is checked."""
    with db.engine.connect() as connection:
        found: list[Any] = connection.connection.cursor().execute(query, arguments).fetchall()
    return found


# ---------------------------------------------------------------------- the double


@dataclass
class Row:
    """As ChainTx, with its forms by rising fee."""

    id: int
    purpose: Purpose
    ref: int
    recipient: bytes
    data: bytes
    retry_at: int
    state: TxState = TxState.QUEUED
    sender: bytes | None = None
    nonce: int = -1
    gas: int = 0
    attempts: int = 0
    block: int | None = None
    block_hash: bytes | None = None
    forms: list[tuple[Form, bytes]] = field(default_factory=list)


@dataclass
class Key:
    next_nonce: int = 0
    out_of_gas: bool = False
    fence: int | None = None


class MemoryShelf:
    """The double. What is one transaction there is one call here, and changes nothing when its process dies in it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rows: dict[int, Row] = {}
        self.keys: dict[bytes, Key] = {}
        self.raws: dict[bytes, bytes] = {}
        self.news: list[tuple[TxState, int]] = []

    def relayer(
        self, rpc: Rpc, keys: list[bytes], deployment: Deployment, settings: RelayerSettings, signer: MakeSigner
    ) -> Relayer:
        originals = service.Store, service.Waiting, service.Signer
        service.Store = lambda db, clock, jobs, signer: MemoryStore(self, signer)  # type: ignore[assignment]
        service.Waiting = lambda db, clock, jobs: MemoryWaiting(self)  # type: ignore[assignment]
        service.Signer = signer  # type: ignore[assignment]
        try:
            nothing: Any = None
            return Relayer(nothing, rpc, self.clock, nothing, keys, deployment, settings)
        finally:
            service.Store, service.Waiting, service.Signer = originals

    def add(self, purpose: Purpose, ref: int, to: bytes, data: bytes) -> Row:
        row = Row(len(self.rows) + 1, purpose, ref, to, data, self.clock.now())
        self.rows[row.id] = row
        return row

    def enqueue(self, ref: int, to: bytes, data: bytes) -> None:
        self.add(Purpose.AWARD, ref, to, data)

    def publish(self, row: Row) -> None:
        if row.purpose is not Purpose.FILL:
            self.news.append((row.state, row.id))

    def failed(self) -> set[int]:
        found = {tx_id for state, tx_id in self.news if state is not TxState.DONE}
        self.news.clear()
        return found

    def has_news(self) -> bool:
        return bool(self.news)

    def txs(self) -> list[TxRow]:
        return [
            (
                *(row.id, int(row.purpose), row.ref, row.data, int(row.state), row.sender),
                *(row.nonce if row.nonce >= 0 else None, row.gas or None, row.block, row.block_hash, row.attempts),
            )
            for row in self.rows.values()
        ]

    def forms(self) -> list[FormRow]:
        return [
            (row.id, row.sender, row.nonce, row.data, form.hash, raw, int(form.empty))
            for row in self.rows.values()
            for form, raw in row.forms
        ]

    def raw(self, tx_hash: bytes) -> bytes | None:
        return self.raws.get(tx_hash)

    def due(self) -> list[Row]:
        now = self.clock.now()
        return [row for row in self.rows.values() if row.state is TxState.QUEUED and row.retry_at <= now]


class MemoryStore:
    """As `Store`, of one key."""

    def __init__(self, shelf: MemoryShelf, signer: Signer) -> None:
        self.shelf, self._signer, self.sender = shelf, signer, signer.address

    def _mine(self) -> list[Row]:
        found = [row for row in self.shelf.rows.values() if row.sender == self.sender]
        return sorted(found, key=lambda row: row.nonce)

    def view(self) -> View:
        mine = self._mine()
        settled = [row for row in mine if row.state is not TxState.SIGNED]
        mined = [row for row in settled if row.block is not None]
        key = self.shelf.keys.get(self.sender)
        return View(
            flights=tuple(
                Flight(row.id, row.purpose, row.nonce, row.gas, tuple(form for form, _ in row.forms))
                for row in mine
                if row.state is TxState.SIGNED
            ),
            settled_nonce=settled[-1].nonce if settled else -1,
            settled_block=(mined[-1].block or 0, mined[-1].block_hash or b"") if mined else None,
            queued=bool(self.shelf.due()),
            out_of_gas=key is not None and key.out_of_gas,
            next_nonce=key.next_nonce if key else 0,
            fence=key.fence if key else None,
        )

    def raw(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        return {tx_hash: self.shelf.raws[tx_hash] for tx_hash in hashes}

    def settled_blocks(self) -> list[tuple[int, int, bytes]]:
        found = [row for row in reversed(self._mine()) if row.state is not TxState.SIGNED]
        return [(row.id, row.block, row.block_hash or b"") for row in found if row.block is not None][:WINDOW]

    def sign(self, wanted: Sequence[tuple[Wanted, int]], chain_nonce: int, fee: Fee, in_flight: int) -> int:
        key = self.shelf.keys.setdefault(self.sender, Key())
        nonce = max(key.next_nonce, chain_nonce)
        in_air = sum(1 for row in self._mine() if row.state is TxState.SIGNED and row.nonce >= chain_nonce)
        signed: list[tuple[Row, int]] = []
        for item, gas in wanted[: max(0, in_flight - in_air)]:
            row = self.shelf.rows[item.id]
            if row.state is TxState.QUEUED:
                signed.append((row, gas))
        crashes.reach("signed", (row.purpose.name.lower() for row, _ in signed))
        for at, (row, gas) in enumerate(signed):
            row.state, row.sender, row.nonce, row.gas = TxState.SIGNED, self.sender, nonce + at, gas
            self._add_form(row, fee)
        key.next_nonce = nonce + len(signed)
        if signed:
            key.out_of_gas = False
        crashes.reach("saved", (row.purpose.name.lower() for row, _ in signed))
        return len(signed)

    def fill(self, nonces: Sequence[int], fee: Fee) -> int:
        taken = {row.nonce for row in self._mine()}
        if taken & set(nonces):
            return 0
        for nonce in nonces:
            self._add_nothing(nonce, fee)
        return len(nonces)

    def fence(self, chain_nonce: int, seen: int, span: int, fee: Fee) -> int:
        key = self.shelf.keys.setdefault(self.sender, Key())
        if key.fence != 0 and seen <= key.next_nonce:
            return 0
        taken = {row.nonce for row in self._mine()}
        top = max(seen, chain_nonce + span, key.next_nonce)
        free = [nonce for nonce in range(chain_nonce, top) if nonce not in taken]
        for nonce in free:
            self._add_nothing(nonce, fee)
        key.next_nonce = key.fence = top
        return len(free)

    def _add_nothing(self, nonce: int, fee: Fee) -> None:
        row = self.shelf.add(Purpose.FILL, 0, self.sender, NOTHING)
        row.state, row.sender, row.nonce, row.gas = TxState.SIGNED, self.sender, nonce, NOTHING_GAS
        self._add_form(row, fee)

    def replace(self, flight: Flight, fee: Fee, empty: bool) -> bool:
        row = self.shelf.rows[flight.id]
        if row.state is not TxState.SIGNED or row.forms[-1][0].hash != flight.newest.hash:
            return False
        self._add_form(row, fee, empty)
        return True

    def _add_form(self, row: Row, fee: Fee, empty: bool = False) -> None:
        if empty:
            signed = self._signer.sign_nothing(row.nonce, fee)
        else:
            signed = self._signer.sign(row.nonce, row.recipient, row.data, row.gas, fee)
        row.forms.append((Form(signed.hash, fee, empty, self.shelf.clock.now()), signed.raw))
        self.shelf.raws[signed.hash] = signed.raw

    def settle(self, outcomes: dict[int, Outcome]) -> int:
        found = [self.shelf.rows[tx_id] for tx_id in outcomes]
        settled = [row for row in found if row.state is TxState.SIGNED]
        crashes.reach("mined", (row.purpose.name.lower() for row in settled))
        for row in settled:
            outcome = outcomes[row.id]
            row.state, row.block, row.block_hash = outcome.state, outcome.block, outcome.block_hash
            self.shelf.publish(row)
        crashes.reach("settled", (row.purpose.name.lower() for row in settled))
        return len(settled)

    def reopen(self, *, from_nonce: int | None = None, ids: Sequence[int] = ()) -> int:
        which = [row for row in self._mine() if (row.nonce >= from_nonce if from_nonce is not None else row.id in ids)]
        gone = [row for row in which if row.state is not TxState.SIGNED]
        for row in gone:
            row.state, row.block, row.block_hash = TxState.SIGNED, None, None
        return len(gone)

    def put_off(self, tx_id: int, delay: int) -> None:
        MemoryWaiting(self.shelf).put_off(tx_id, delay)

    def set_out_of_gas(self, value: bool) -> None:
        self.shelf.keys.setdefault(self.sender, Key()).out_of_gas = value


class MemoryWaiting:
    """As `Waiting`."""

    def __init__(self, shelf: MemoryShelf) -> None:
        self.shelf = shelf

    def _in_air(self, nonces: Mapping[bytes, int]) -> list[Row]:
        signed = [row for row in self.shelf.rows.values() if row.state is TxState.SIGNED and row.sender is not None]
        return [row for row in signed if row.sender in nonces and row.nonce >= nonces[row.sender]]

    def wanted(
        self, limit: int, nonces: Mapping[bytes, int], in_flight: int, without: Collection[int] = ()
    ) -> list[Wanted]:
        kept = in_flight // OTHERS - sum(1 for row in self._in_air(nonces) if row.purpose not in URGENT)
        due = [row for row in self.shelf.due() if row.id not in without]
        first = [row for row in due if row.purpose in URGENT][:limit]
        others = [row for row in due if row.purpose not in URGENT][: max(0, kept, limit - len(first))]
        found = [*first[: limit - len(others)], *others]
        return [Wanted(row.id, row.purpose, row.recipient, row.data, row.attempts) for row in found]

    def put_off(self, tx_id: int, delay: int) -> None:
        row = self.shelf.rows[tx_id]
        if row.state is TxState.QUEUED:
            row.retry_at = self.shelf.clock.now() + delay

    def refused(self, tx_id: int, nonces: Mapping[bytes, int]) -> None:
        row = self.shelf.rows[tx_id]
        if row.state is not TxState.QUEUED:
            return
        row.attempts += 1
        queued = [each for each in self.shelf.rows.values() if each.state is TxState.QUEUED]
        earlier = any(each.id < tx_id for each in [*queued, *self._in_air(nonces)])
        delay = decisions.look_again(row.attempts, earlier)
        if delay is not None:
            row.retry_at = self.shelf.clock.now() + delay
        else:
            row.state = TxState.REFUSED
            self.shelf.publish(row)
