"""Whether the stream holds all that certain transactions logged. A node may leave logs out of a range of blocks; a
transaction's receipt has them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from gateway.chain.deployment import Deployment
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.indexer.events import columns
from gateway.chain.indexer.models import STANDS, ChainEvent
from gateway.chain.rpc import Rpc
from gateway.core.db import Database


class Receipts:
    """Compares the stream with receipts."""

    def __init__(self, db: Database, rpc: Rpc, deployment: Deployment) -> None:
        self._db, self._rpc, self._deployment = db, rpc, deployment

    def whole(self, transactions: Collection[bytes]) -> bool:
        """Whether every log of the contracts in these transactions, by their hashes, is in the stream; False also when
        the node knows one of them no more. Raises ChainErrors, UnknownLog. Not to be called inside a transaction."""
        calls = [("eth_getTransactionReceipt", [to_hex(transaction)]) for transaction in transactions]
        return all(receipt is not None and self._holds(receipt) for receipt in self._rpc.strict_batch(calls))

    def _holds(self, receipt: Mapping[str, Any]) -> bool:
        ours = [log for log in receipt["logs"] if from_hex(log["address"]) in self._deployment.contracts]
        rows = [row for row in (columns(log, self._deployment, 0) for log in ours) if row is not None]
        e = ChainEvent
        place = sa.and_(e.block == int(receipt["blockNumber"], 16), STANDS)
        with self._db.read() as session:
            found = set(session.execute(sa.select(e.log_index, e.tx_hash, e.kind).where(place)).tuples())
        return all((row["log_index"], row["tx_hash"], row["kind"]) in found for row in rows)
