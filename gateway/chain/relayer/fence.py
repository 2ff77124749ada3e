"""Does this database know everything that our keys have sent? After a restore from a backup it does not.

A key whose nonce, on the chain or in the node's pool, is beyond what the database gave away has sent things that the
database forgot; some may still be on their way. The lane then puts up a fence: it uses up every nonce that such a
transaction can have (no key ever has more than `in_flight` unmined), so that once the chain has passed the fence at
depth, whatever could land has landed and is among the indexed events. Until then, and until the rooms have taken back
in what they find there, nothing new is promised on top.
Docs: docs/decisions/0120-after-a-restore-the-chain-is-asked-first.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from gateway.chain.errors import ChainError, Temporary
from gateway.chain.hexes import to_hex
from gateway.chain.relayer.models import KeyState
from gateway.chain.rpc import Call, Rpc
from gateway.core.db import Database

log = structlog.get_logger(__name__)

#: Rows that a room has still to look into.
Unread = Callable[[Session], int]
#: The last block of which every room has applied all events, if there is one.
Horizon = Callable[[Session], int | None]
#: Seconds for which a good answer of the node is believed by those who ask often.
BELIEVED = 5.0


def ask(session: Session, key: bytes) -> None:
    """More of what this key sent may be on its way: its lane is to put up a fence."""
    row = session.get(KeyState, key, with_for_update=True)
    if row is not None and row.fence is None:
        row.fence = 0


class Fence:
    """`addresses`: our keys. `unread`: what each room has still to take back in."""

    def __init__(
        self, db: Database, rpc: Rpc, addresses: Sequence[bytes], horizon: Horizon, unread: Sequence[Unread] = ()
    ) -> None:
        self._db, self._rpc, self._addresses = db, rpc, addresses
        self._horizon, self._unread = horizon, unread
        self._good_until = 0.0

    def complete(self) -> bool:
        """True when nothing that we do not know of can land any more. Asks the node, so not to be called inside a
        transaction; raises ChainErrors."""
        sent = self._sent()  # first: what a worker signs meanwhile must not look like something forgotten
        with self._db.read() as session:
            keys = {key.sender: key for key in session.scalars(sa.select(KeyState))}
            if any(key.fence is not None for key in keys.values()) or any(count(session) for count in self._unread):
                return False
        good = all(nonce <= (keys[key].next_nonce if key in keys else 0) for key, nonce in sent.items())
        if good:
            self._good_until = time.monotonic() + BELIEVED
        return good

    def recently_complete(self) -> bool:
        """As `complete`, believing a yes for some seconds."""
        return time.monotonic() < self._good_until or self.complete()

    def trusted(self) -> bool:
        """As `recently_complete`, for those who can do without a node: while it does not answer, what this process saw
        before counts. Raises Temporary where it has seen nothing yet."""
        try:
            return self.recently_complete()
        except Temporary:
            if not self._good_until:
                raise
            with self._db.read() as session:
                return session.scalar(sa.select(KeyState.sender).where(KeyState.fence.is_not(None)).limit(1)) is None

    def passed_due(self) -> int:
        """Takes fences down that the chain has passed at depth, once every room has read and taken back in all events
        up to there; returns how many."""
        with self._db.read() as session:
            fences = {key.sender: key.fence for key in session.scalars(sa.select(KeyState)) if key.fence}
            horizon = self._horizon(session) if fences else None
        if horizon is None or any(nonce < fences[key] for key, nonce in self._mined(list(fences), horizon).items()):
            return 0
        with self._db.begin() as session:
            if any(count(session) for count in self._unread):
                return 0
            for key, fence in fences.items():
                row = session.get_one(KeyState, key, with_for_update=True)
                row.fence = None if row.fence == fence else row.fence
        log.warning("relayer.fence_passed", keys=len(fences))
        return len(fences)

    def _sent(self) -> dict[bytes, int]:
        """By key, the next nonce after all that was mined or waits in the node's pool."""
        calls: list[Call] = []
        for key in self._addresses:
            calls += [("eth_getTransactionCount", [to_hex(key), state]) for state in ("latest", "pending")]
        answers = self._rpc.batch(calls)
        found: dict[bytes, int] = {}
        for place, key in enumerate(self._addresses):
            latest, pending = answers[2 * place : 2 * place + 2]
            if isinstance(latest, ChainError):
                raise latest
            known = [latest] if isinstance(pending, ChainError) else [latest, pending]
            found[key] = max(int(each, 16) for each in known)
        return found

    def _mined(self, keys: Sequence[bytes], block: int) -> dict[bytes, int]:
        answers = self._rpc.strict_batch([("eth_getTransactionCount", [to_hex(key), hex(block)]) for key in keys])
        return {key: int(answer, 16) for key, answer in zip(keys, answers, strict=True)}
