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

from gateway.chain import calls, errors
from gateway.chain.errors import ChainError
from gateway.chain.indexer.models import EventKind
from gateway.chain.indexer.service import Indexer
from gateway.chain.relayer.decisions import RelayerSettings
from gateway.chain.relayer.models import TxState
from gateway.chain.relayer.service import Relayer
from gateway.chain.relayer.signing import Signer
from gateway.chain.rpc import Call, Rpc
from gateway.core import crashes
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.models import metadata
from tests.simulation.node import GWEI, HUB, NodeError, SimNode, Tx, parse_tx
from tests.simulation.shelf import MemoryShelf, RealShelf, rows

KEYS = [bytes([7]) * 32, bytes([8]) * 32]
CAMPAIGN, POINTS = 1, 100
WORKERS, DEPTH = 2, 2
SETTINGS = RelayerSettings(confirmations=DEPTH, stuck_after=10, look_every=0, in_flight=6, fee_limit=10**6 * GWEI)
RICH = 10**24
WAITING = (TxState.QUEUED, TxState.SIGNED)
LIVE = "SELECT block, log_index, tx_hash FROM chain_events WHERE orphaned = 0 AND kind <> 0 ORDER BY block, log_index"
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

    def __init__(self, db: Database, double: bool = False) -> None:
        """`double`: the relayer's rows are in the double of its store."""
        self.db = db
        self.node = SimNode()
        self.node.heard = self._hear
        self.clock = SimClock(self.node)
        self.shelf = RealShelf(db, self.clock)
        if double:
            self.shelf = MemoryShelf(self.clock)
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
        self.foreign: Counter[bytes] = Counter()
        #: Everything that arrived at the node, in that order.
        self.arrived: dict[tuple[bytes, int], list[bytes]] = defaultdict(list)

    def restart(self, worker: int) -> None:
        """A new process: nothing is remembered but the database."""
        rpc, deployment = SimRpc(self.node), self.node.deployment()
        self.rpcs[worker] = rpc
        self.relayers[worker] = self.shelf.relayer(rpc, KEYS, deployment, SETTINGS, signer)
        self.indexers[worker] = Indexer(self.db, rpc, self.clock, deployment, DEPTH)

    # -------------------------------------------------------------------- steps

    def award(self, count: int) -> None:
        for _ in range(count):
            self.numbers.append(len(self.numbers) + 1)
            self._enqueue(self.numbers[-1])

    def _enqueue(self, number: int) -> None:
        holder = number.to_bytes(20, "big")
        self.shelf.enqueue(number, HUB, calls.award_batch(CAMPAIGN, number, [(holder, POINTS)]))

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
        """Hears what failed; what has not landed is handed in again, once nothing of it is under way."""
        failed = self.shelf.failed()
        for number in sorted({tx[2] for tx in self.shelf.txs() if tx[0] in failed}):
            under_way = any(tx[2] == number and tx[4] in WAITING for tx in self.shelf.txs())
            if not under_way and (CAMPAIGN, number) not in self.node.head.numbers:
                self._enqueue(number)

    def _hear(self, raw: bytes, tx: Tx) -> None:
        """Whatever reaches the node was saved before."""
        assert self.shelf.raw(tx.hash) == raw
        if raw not in self.arrived[tx.sender, tx.nonce]:
            self.arrived[tx.sender, tx.nonce].append(raw)

    # --------------------------------------------------------------- what holds

    def check(self) -> None:
        """After every turn: one nonce for a transaction and one transaction for a nonce, forms that differ by their
        rising fee alone, a stream without doubles."""
        forms: dict[int, list[Any]] = defaultdict(list)
        held: Counter[tuple[bytes, int]] = Counter()
        for row in self.shelf.forms():
            forms[row[0]].append(row)
        for tx_forms in forms.values():
            held[tx_forms[0][1:3]] += 1
            self._check_forms(tx_forms)
        assert set(held.values()) <= {1}
        self._check_stream(rows(self.db, STREAM))

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
        for round_ in range(turns):
            self.turn(0, "relayer")
            self.turn(0, "indexer")
            self.owner()
            # Not in the first: a relayer with nothing to do looks at the chain every few seconds only.
            if round_ and not self._open() and self._is_indexed() and not self._shallow():
                break
            node.mine()
            self.clock.offset += 12
        else:
            raise AssertionError(f"not settled (id, state, nonce): {self._open()}")
        self._check_end()

    def _open(self) -> list[tuple[Any, ...]]:
        """Id, state and nonce of what has not come to its end."""
        return [(tx[0], tx[4], tx[6]) for tx in self.shelf.txs() if tx[4] in WAITING]

    def _is_indexed(self) -> bool:
        ((last,),) = rows(self.db, "SELECT max(number) FROM indexed_blocks")
        return bool(last == max(0, self.node.head.number - DEPTH)) and not self.shelf.has_news()

    def _shallow(self) -> bool:
        """Whether something landed that is not at depth, or, the chain being shorter now, is not any more."""
        return any(block.logs() for block in self.node.blocks[max(0, self.node.head.number - DEPTH) + 1 :])

    def _check_end(self) -> None:
        deep = [log for block in self.node.blocks[: max(0, self.node.head.number - DEPTH) + 1] for log in block.logs()]
        landed = Counter(int(log["topics"][2], 16) for log in deep if log["address"] == "0x" + HUB.hex())
        assert landed == Counter(self.numbers)
        events = rows(self.db, LIVE)
        assert [(block, index, "0x" + tx_hash.hex()) for block, index, tx_hash in events] == [
            (int(log["blockNumber"], 16), int(log["logIndex"], 16), log["transactionHash"]) for log in deep
        ]
        for address in self.addresses:
            used = {tx[6] for tx in self.shelf.txs() if tx[5] == address}
            passed = self.node.head.nonces.get(address, 0)
            assert max(used, default=-1) < passed
            assert passed - len(used) <= self.foreign[address]


def open_database() -> Database:
    """Empty, in memory, with every table."""
    db = Database("sqlite://")
    metadata.create_all(db.engine)
    return db
