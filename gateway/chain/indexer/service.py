"""Reads the contracts' logs to depth and appends them to the stream.

What is appended stands until a REWIND event says otherwise: everything in blocks above its `block` never happened. The
hashes of all blocks with events, and of the last blocks read, show when that is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.chain.deployment import Deployment
from gateway.chain.errors import BlockUnavailable, ChainError, NodeTimeout, RangeTooLarge, UnknownAnswer
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.indexer.events import clamp_time, columns
from gateway.chain.indexer.home import Depth
from gateway.chain.indexer.models import STANDS, ChainEvent, EventKind, IndexedBlock
from gateway.chain.reads import Head, parse_head
from gateway.chain.rpc import Rpc
from gateway.core import crashes
from gateway.core.bulk import add_rows, table_of
from gateway.core.clock import Clock
from gateway.core.db import Database

log = structlog.get_logger(__name__)

#: Blocks in one request, at most; halved when a node finds that too many.
MAX_SPAN = 2000
#: With more logs than this in one answer the next one asks for fewer blocks: memory is bounded, not only requests.
MANY = 10_000
#: Stored hashes compared at once when looking for a fork.
PAGE = 50
#: A block without events is remembered while it is one of the last so many.
KEEP = 1000

# Built once, for every block.
_E, _B = table_of(ChainEvent), table_of(IndexedBlock)
_LAST = sa.select(IndexedBlock).order_by(IndexedBlock.number.desc()).limit(1)
_HAS_EVENTS = sa.exists().where(_E.c.block == _B.c.number, _E.c.orphaned == 0, _E.c.kind != EventKind.REWIND)
_FORGET = sa.delete(_B).where(_B.c.number.between(sa.bindparam("first"), sa.bindparam("last")), ~_HAS_EVENTS)


class Indexer:
    """One turn is one `step`. Safe in several workers: who comes second finds the last block moved and does nothing."""

    def __init__(self, db: Database, rpc: Rpc, clock: Clock, deployment: Deployment, confirmations: int) -> None:
        """`confirmations`: blocks on top of a block before its events count; more where another worker wants more."""
        self._db, self._rpc, self._clock = db, rpc, clock
        self._deployment, self._depth = deployment, Depth(db, clock, confirmations)
        self._span = MAX_SPAN

    def step(self, upto: int | None = None) -> int:
        """Reads on to depth, at most one range of blocks and none above `upto`, or rewinds.

        Returns how many events it appended, at least 1 while there are more blocks to read. Raises ChainErrors, and
        WrongDeployment when the node changed to another chain.
        """
        with self._db.read() as session:
            last = _newest(session)
        if last is None:
            return self._start()
        head, seen = self._look(last.number)
        if seen is None:  # the node is behind us: restored, or still catching up
            with self._db.read() as session:
                known = _newest(session, head.number)
            if known is None or self._hashes([known])[0] == known.hash:
                return 0
            return self._rewind(last, head)
        if seen.hash != last.hash:
            return self._rewind(last, head)
        first, end = last.number + 1, head.number - self._depth.confirmations()
        end = end if upto is None else min(end, upto)
        return self._read(last, first, end) if first <= end else 0

    def _start(self) -> int:
        """Remembers the block before the deployment, from which everything is read."""
        anchor = parse_head(self._block(max(0, self._deployment.deploy_block - 1)))
        # Another worker may be first.
        with suppress(IntegrityError), self._db.begin() as session:
            if _newest(session) is None:
                session.add(IndexedBlock(**_row(anchor)))
        return 0

    def _look(self, number: int) -> tuple[Head, Head | None]:
        latest, block = self._rpc.batch(
            [("eth_getBlockByNumber", ["latest", False]), ("eth_getBlockByNumber", [hex(number), False])]
        )
        if isinstance(latest, ChainError):
            raise latest
        if isinstance(block, ChainError) and not isinstance(block, BlockUnavailable):
            raise block
        head = parse_head(latest)
        if head.number < number or isinstance(block, BlockUnavailable):
            return head, None
        return head, parse_head(block)

    # ------------------------------------------------------------------ reading

    def _read(self, last: IndexedBlock, first: int, target: int) -> int:
        while True:
            end = min(target, first + self._span - 1)
            try:
                head, logs = self._logs(last, first, end)
                break
            except (RangeTooLarge, NodeTimeout, UnknownAnswer):
                if end == first:
                    raise
                self._span = max(1, (end - first + 1) // 2)
        blocks = self._blocks_of(logs, head)
        rows = [columns(entry, self._deployment, blocks[entry["blockHash"]].time) for entry in logs]
        kept = sorted([row for row in rows if row is not None], key=itemgetter("block", "log_index"))
        with_events = {row["block"] for row in kept}
        stored = {block.number: block for block in blocks.values() if block.number in with_events} | {end: head}
        if not self._append(last, end, kept, stored.values()):
            return 0
        self._span = max(1, self._span // 2) if len(logs) > MANY else min(MAX_SPAN, self._span * 2)
        return max(len(kept), int(end < target))

    def _logs(self, last: IndexedBlock, first: int, end: int) -> tuple[Head, list[dict[str, Any]]]:
        """The last block of the range and the range's logs, from one branch of the chain: `last`'s."""
        addresses = [to_hex(contract) for contract in self._deployment.contracts]
        block = ("eth_getBlockByNumber", [hex(end), False])
        previous = ("eth_getBlockByNumber", [hex(last.number), False])
        query = {"address": addresses, "fromBlock": hex(first), "toBlock": hex(end)}
        before, stands, logs, after = self._rpc.strict_batch([block, previous, ("eth_getLogs", [query]), block])
        head = parse_head(before)
        if head.hash != parse_head(after).hash or parse_head(stands).hash != last.hash:
            raise BlockUnavailable
        return head, logs

    def _blocks_of(self, logs: Sequence[dict[str, Any]], head: Head) -> dict[str, Head]:
        """The blocks of the logs by their hash; from the logs themselves where the node writes the time into them."""
        found = {to_hex(head.hash): head}
        missing = set()
        for entry in logs:
            number, block_hash, time = entry["blockNumber"], entry["blockHash"], entry.get("blockTimestamp")
            if block_hash in found:
                continue
            if time:
                found[block_hash] = Head(int(number, 16), from_hex(block_hash), int(time, 16), 0, 0)
            else:
                missing.add(block_hash)
        hashes = sorted(missing)
        for text, block in zip(
            hashes, self._rpc.strict_batch([("eth_getBlockByHash", [h, False]) for h in hashes]), strict=True
        ):
            found[text] = parse_head(block)
        return found

    def _append(self, last: IndexedBlock, end: int, rows: Sequence[dict[str, Any]], blocks: Iterable[Head]) -> bool:
        with self._db.begin() as session:
            previous = self._hold(session, last)
            if previous is None:
                return False
            add_rows(session, ChainEvent, rows)
            add_rows(session, IndexedBlock, list(map(_row, blocks)))
            self._thin_out(session, previous.number, end)
        if rows:
            crashes.reach("indexed", (row["kind"].name.lower() for row in rows))
        return True

    def _thin_out(self, session: Session, before: int, now: int) -> None:
        """Forgets the blocks without events that are no longer among the last ones."""
        first, last = max(self._deployment.deploy_block, before - KEEP), now - KEEP - 1
        if first <= last:
            session.execute(_FORGET, {"first": first, "last": last})

    # ---------------------------------------------------------------- rewinding

    def _rewind(self, last: IndexedBlock, head: Head) -> int:
        self._deployment.verify(self._rpc)  # a node on another chain must not undo everything
        return self._take_back(last, self._fork(head))

    def read_again(self, first: int) -> int:
        """Takes back all events from block `first` on, as if the chain had been reorganised there: they are read, and
        every room applies them, once more. Also where none is left: SQLite gives a lost event's number out again, and a
        cursor must not take the next one for it. Returns 1, or 0 when another worker moved on."""
        with self._db.read() as session:
            last, fork = _newest(session), _newest(session, first - 1)
        if last is None:
            return 0
        return self._take_back(last, fork.number if fork else max(0, self._deployment.deploy_block - 2), always=True)

    def _take_back(self, last: IndexedBlock, fork: int, always: bool = False) -> int:
        with self._db.begin() as session:
            if self._hold(session, last) is None:
                return 0
            events = sa.update(ChainEvent).where(ChainEvent.block > fork, STANDS).values(orphaned=True)
            count = session.connection().execute(events).rowcount
            session.execute(sa.delete(IndexedBlock).where(IndexedBlock.number > fork))
            if count or always:
                now = clamp_time(self._clock.now())
                session.add(
                    ChainEvent(
                        kind=EventKind.REWIND,
                        block=fork,
                        block_time=now,
                        log_index=0,
                        tx_hash=bytes(32),
                        orphaned=False,
                    )
                )
        log.warning("indexer.rewind", block=fork, events=count)
        return 1 if count or always else 0

    def _fork(self, head: Head) -> int:
        """The highest stored block that the node still has; the block before the deployment when there is none."""
        below = head.number
        while True:
            with self._db.read() as session:
                query = sa.select(IndexedBlock).where(IndexedBlock.number <= below)
                page = session.scalars(query.order_by(IndexedBlock.number.desc()).limit(PAGE)).all()
            for stored, found in zip(page, self._hashes(page), strict=True):
                if stored.hash == found:
                    return stored.number
            if len(page) < PAGE:
                return max(0, self._deployment.deploy_block - 2)
            below = page[-1].number - 1

    # ------------------------------------------------------------------ helpers

    def _hold(self, session: Session, last: IndexedBlock) -> IndexedBlock | None:
        """The last block read, locked; None when another worker moved on or rewound meanwhile."""
        row = session.get(IndexedBlock, last.number, with_for_update=True)
        newest = _newest(session)
        if row is None or newest is None or newest.number != row.number or row.hash != last.hash:
            return None
        return row

    def _hashes(self, blocks: Sequence[IndexedBlock]) -> list[bytes]:
        answers = self._rpc.strict_batch([("eth_getBlockByNumber", [hex(b.number), False]) for b in blocks])
        return [parse_head(answer).hash for answer in answers]

    def _block(self, number: int) -> dict[str, str] | None:
        block: dict[str, str] | None = self._rpc.call("eth_getBlockByNumber", hex(number), False)
        return block


def _newest(session: Session, at_most: int | None = None) -> IndexedBlock | None:
    return session.scalar(_LAST if at_most is None else _LAST.where(IndexedBlock.number <= at_most))


def _row(block: Head) -> dict[str, Any]:
    return {"number": block.number, "hash": block.hash, "time": clamp_time(block.time)}
