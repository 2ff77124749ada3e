"""Relayer and indexer over a simulated node and clock: a schedule is a list of small steps, the same steps are the same
run. The database is the real code's own, SQLite in memory; a crash is an exception that nobody catches, at a place that
the code names or at a question to the node, and a new process that remembers nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls, errors
from gateway.chain.errors import ChainError
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.service import Indexer
from gateway.chain.relayer import service
from gateway.chain.relayer.decisions import RelayerSettings
from gateway.chain.relayer.models import ChainTx, Purpose, SignedTx, TxState
from gateway.chain.relayer.service import Relayer
from gateway.chain.relayer.signing import Signer
from gateway.chain.rpc import Call, Rpc
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs, Registry
from gateway.models import metadata
from tests.simulation.node import GWEI, HUB, NodeError, SimNode, Tx, parse_tx

KEYS = [bytes([7]) * 32, bytes([8]) * 32]
CAMPAIGN, POINTS = 1, 100
WORKERS, DEPTH = 2, 2
SETTINGS = RelayerSettings(confirmations=DEPTH, stuck_after=10, look_every=0, in_flight=6, fee_limit=10**6 * GWEI)
RICH = 10**24
FORMS = """
SELECT t.id, t.sender, t.nonce, t.data, s.hash, s.raw, s.empty
FROM chain_txs t JOIN signed_txs s ON s.tx_id = t.id ORDER BY t.id, s.max_fee
"""
OPEN = f"SELECT id, state, nonce FROM chain_txs WHERE state IN ({TxState.QUEUED:d}, {TxState.SIGNED:d})"
READ = "SELECT (SELECT max(number) FROM indexed_blocks), (SELECT count(*) FROM jobs)"
STREAM = "SELECT id, kind, block, log_index, orphaned FROM chain_events ORDER BY id"
#: What a node may say of a transaction although it is right.
LIES = ("nonce too low", "already known", "replacement transaction underpriced", "insufficient funds for gas")


#: Number of the question in this turn, "before" or "after" the node has answered it, method.
Trouble = Callable[[int, str, str], None]


class Crash(BaseException):
    """The process dies here."""


class CachedSigner(Signer):
    """The same bytes for the same arguments, without the arithmetic where they were made before."""

    @lru_cache(maxsize=100_000)  # noqa: B019 — there are two of these
    def sign(self, *args: Any, **named: Any) -> Any:
        return super().sign(*args, **named)


@lru_cache(maxsize=10)
def signer(key: bytes, chain_id: int) -> Signer:
    return CachedSigner(key, chain_id)


class SimClock(Clock):
    def __init__(self, node: SimNode) -> None:
        super().__init__()
        self.node = node

    def now(self) -> int:
        return self.node.now + self.offset


class SimRpc(Rpc):
    """One process's line to the node. `trouble` is called with the number of each question of a step, before and after
    the node has answered it; what it raises is what the process gets: a ChainError instead of the answer."""

    def __init__(self, node: SimNode) -> None:
        self.node, self.count = node, 0
        #: So many blocks this line's node lags behind in what it answers.
        self.lag = 0
        self.trouble: Trouble = lambda number, when, method: None

    def call(self, method: str, *params: Any) -> Any:
        return self.strict_batch([(method, params)])[0]

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        return [self._ask(method, params) for method, params in calls]

    def _ask(self, method: str, params: Sequence[Any]) -> Any:
        number, self.count = self.count, self.count + 1
        try:
            self.trouble(number, "before", method)
            try:
                answer = self._answer(method, params)
            except NodeError as error:
                answer = errors.from_answer(error.error)
            self.trouble(number, "after", method)
        except ChainError as error:
            return error
        return answer

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        if not self.lag or method == "eth_sendRawTransaction":
            return self.node.ask(method, params)
        blocks, lag = self.node.blocks, min(self.lag, len(self.node.blocks) - 2)
        self.node.blocks = blocks[: len(blocks) - lag]
        try:
            return self.node.ask(method, params)
        finally:
            self.node.blocks = blocks


class World:
    """Several workers with the same keys. What a wallet-side room would do, `owner` does: it asks the contract about
    what the relayer reports as failed, and hands it in again."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.begin() as session:
            for table in reversed(metadata.sorted_tables):
                session.execute(sa.delete(table))
        self.node = SimNode()
        self.node.heard = self._hear
        self.clock = SimClock(self.node)
        self.jobs = Jobs(self.clock)
        events = {"tx.done": ["done"], "tx.reverted": ["failed"], "tx.refused": ["failed"]}
        self.jobs.registry = Registry({"done": self._nothing, "failed": self._failed}, events)
        self.addresses = [signer(key, self.node.chain_id).address for key in KEYS]
        for address in self.addresses:
            self.node.balances[address] = RICH
        self.node.mine()
        self.rpcs = [SimRpc(self.node) for _ in range(WORKERS)]
        self.relayers: dict[int, Relayer] = {}
        self.indexers: dict[int, Indexer] = {}
        for worker in range(WORKERS):
            self.restart(worker)
        self.numbers: list[int] = []
        self.failed: set[int] = set()
        self.foreign: Counter[bytes] = Counter()
        #: Everything that arrived at the node, in that order.
        self.arrived: dict[tuple[bytes, int], list[bytes]] = defaultdict(list)

    def restart(self, worker: int) -> None:
        """A new process: nothing is remembered but the database."""
        rpc, deployment = SimRpc(self.node), self.node.deployment()
        self.rpcs[worker] = rpc
        original, service.Signer = service.Signer, signer  # type: ignore[misc, assignment]
        self.relayers[worker] = Relayer(self.db, rpc, self.clock, self.jobs, KEYS, deployment, SETTINGS)
        service.Signer = original  # type: ignore[misc]
        self.indexers[worker] = Indexer(self.db, rpc, self.clock, deployment, DEPTH)

    # -------------------------------------------------------------------- steps

    def award(self, count: int) -> None:
        with self.db.begin() as session:
            for _ in range(count):
                self.numbers.append(len(self.numbers) + 1)
                self._enqueue(session, self.numbers[-1])

    def _enqueue(self, session: Session, number: int) -> None:
        holder = number.to_bytes(20, "big")
        data = calls.award_batch(CAMPAIGN, number, [(holder, POINTS)])
        self.relayers[0].enqueue(session, Purpose.AWARD, number, HUB, data)

    def turn(
        self, worker: int, what: str, trouble: Trouble = lambda number, when, method: None, die: str = "", lag: int = 0
    ) -> None:
        """One turn of a worker's relayer or indexer. `trouble` comes over its questions to the node, which lags `lag`
        blocks behind; `die`: the place in the code at which its process dies."""
        rpc = self.rpcs[worker]
        rpc.count, rpc.trouble, rpc.lag = 0, trouble, lag
        original = crashes.reach

        def reach(place: str, parts: Any = ()) -> None:
            if place == die:
                raise Crash

        crashes.reach = reach
        try:
            (self.relayers[worker] if what == "relayer" else self.indexers[worker]).step()
        except ChainError:
            pass
        except Crash:
            self.restart(worker)
        finally:
            crashes.reach = original
            rpc.trouble, rpc.lag = (lambda number, when, method: None), 0
        self.check()

    def use_key(self, address: bytes) -> None:
        """Somebody else has the key too and sends something with it."""
        self.foreign[address] += 1
        self.node.use_nonce(address)

    def owner(self) -> None:
        """Reads its jobs; what failed and has not landed is handed in again, once nothing of it is under way."""
        if self._rows("SELECT 1 FROM jobs LIMIT 1"):
            self.jobs.run_due(self.db)
        if not self.failed:
            return
        with self.db.begin() as session:
            for tx_id in sorted(self.failed):
                number = session.get_one(ChainTx, tx_id).ref
                open_ = sa.select(ChainTx.id).where(
                    ChainTx.ref == number, ChainTx.state.in_((TxState.QUEUED, TxState.SIGNED))
                )
                if (CAMPAIGN, number) in self.node.head.numbers or session.scalar(open_.limit(1)) is not None:
                    continue
                self._enqueue(session, number)
        self.failed.clear()

    def _failed(self, session: Session, tx_id: int) -> None:
        self.failed.add(tx_id)

    def _nothing(self, session: Session, tx_id: int) -> None:
        pass

    def _hear(self, raw: bytes, tx: Tx) -> None:
        """Whatever reaches the node was saved before."""
        with self.db.read() as session:
            assert session.scalar(sa.select(SignedTx.raw).where(SignedTx.hash == tx.hash)) == raw
        if raw not in self.arrived[tx.sender, tx.nonce]:
            self.arrived[tx.sender, tx.nonce].append(raw)

    # --------------------------------------------------------------- what holds

    def check(self) -> None:
        """After every turn: one nonce for a transaction and one transaction for a nonce, forms that differ by their
        rising fee alone, a stream without doubles."""
        forms: dict[int, list[Any]] = defaultdict(list)
        held: Counter[tuple[bytes, int]] = Counter()
        for row in self._rows(FORMS):
            forms[row[0]].append(row)
        for tx_forms in forms.values():
            held[tx_forms[0][1:3]] += 1
            self._check_forms(tx_forms)
        assert set(held.values()) <= {1}
        self._check_stream(self._rows(STREAM))

    def _rows(self, query: str) -> list[Any]:
        """Without the mapper, which would take longer than what is checked."""
        with self.db.engine.connect() as connection:
            return connection.connection.cursor().execute(query).fetchall()

    def _check_forms(self, forms: Sequence[Any]) -> None:
        signed = []
        for _, sender, nonce, data, tx_hash, raw, empty in forms:
            tx = parse_tx(raw)
            assert (tx.sender, tx.nonce, tx.hash) == (sender, nonce, tx_hash)
            assert empty or tx.data == data
            signed.append((tx.max_fee, tx.tip, empty))
        for (old_fee, old_tip, was_empty), (fee, tip, empty) in pairwise(signed):
            assert fee * 8 >= old_fee * 9
            assert tip * 8 >= old_tip * 9
            assert empty >= was_empty

    def _check_stream(self, stream: Sequence[Any]) -> None:
        """Replayed from its beginning it says what the rows that are not orphaned say."""
        standing: list[Any] = []
        for event in stream:
            if event[1] == EventKind.REWIND:
                standing = [earlier for earlier in standing if earlier[2] <= event[2]]
            else:
                standing.append(event)
        assert standing == [event for event in stream if not event[4] and event[1] != EventKind.REWIND]
        places = [event[2:4] for event in standing]
        assert places == sorted(set(places))

    # ------------------------------------------------------------------ the end

    def settle(self, turns: int = 60) -> None:
        """Fair weather: everything comes to its end by itself, also at the base fee that there is."""
        node = self.node
        for address in self.addresses:
            node.balances[address] = RICH
        for _ in range(turns):
            self.turn(0, "relayer")
            self.turn(0, "indexer")
            self.owner()
            if not self._open() and self._is_indexed():
                break
            node.mine()
            self.clock.offset += 12
        else:
            raise AssertionError(f"not settled (id, state, nonce): {self._open()}")
        self._check_end()

    def _open(self) -> list[Any]:
        return self._rows(OPEN)

    def _is_indexed(self) -> bool:
        ((last, jobs),) = self._rows(READ)
        return last == max(0, self.node.head.number - DEPTH) and not jobs

    def _check_end(self) -> None:
        deep = [log for block in self.node.blocks[: max(0, self.node.head.number - DEPTH) + 1] for log in block.logs()]
        landed = Counter(int(log["topics"][2], 16) for log in deep if log["address"] == "0x" + HUB.hex())
        assert landed == Counter(self.numbers)
        with self.db.read() as session:
            live = sa.select(ChainEvent).where(ChainEvent.orphaned == 0, ChainEvent.kind != EventKind.REWIND)
            events = [(event.block, event.log_index, event.tx_hash) for event in session.scalars(live)]
            rows = list(session.scalars(sa.select(ChainTx).where(ChainTx.nonce.is_not(None))))
        expected = [
            (int(log["blockNumber"], 16), int(log["logIndex"], 16), bytes.fromhex(log["transactionHash"][2:]))
            for log in deep
        ]
        assert sorted(events) == expected
        for address in self.addresses:
            used = {row.nonce or 0 for row in rows if row.sender == address}
            passed = self.node.head.nonces.get(address, 0)
            assert max(used, default=-1) < passed
            assert passed - len(used) <= self.foreign[address]


def open_database() -> Database:
    """Empty, in memory, with every table."""
    db = Database("sqlite://")
    metadata.create_all(db.engine)
    return db
