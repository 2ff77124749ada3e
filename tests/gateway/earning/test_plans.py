"""From report to credit nothing is read from end to end that grows with each action: a till's thousandth purchase costs
what its first did."""

from __future__ import annotations

import pytest

from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.stream import Ahead, follow
from gateway.loyalty.ledger.service import Ledger
from gateway.statistics.facts import Facts
from tests.gateway.earning.conftest import Room, address, wallet
from tests.support.plans import read_whole, told

#: Rows that stay for ever, at least one for each action, batch or holder.
GROWS = {
    "actions",
    "action_lines",
    "batches",
    "batch_entries",
    "carries",
    "chain_events",
    "chain_txs",
    "holdings",
    "ledger_entries",
    "signed_txs",
    "stat_facts",
}


def _live(room: Room) -> None:
    """A day: purchases by wallet and by code, in bulk, refunds of both, settled, landed, credited and counted."""
    bought = [room.buy(who, 1_000) for who in range(1, 6)]
    room.refund(bought[0], amount=500)
    code = room.report(claim=True, amount=1_000).json()["claim"]["code"]
    action = {"campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "amount": 1_000}
    many = [{**action, "wallet": wallet(who), "key": f"bulk-{room.count}-{who}"} for who in range(5, 15)]
    assert room.call("POST", "/actions/bulk", {"actions": many}).status_code == 200
    room.claim(code, 7)
    while room.jobs.run_due(room.db):
        pass
    with room.db.begin() as session:
        Facts(room.clock).accepted(session, bought)
    room.clock.offset += 60
    assert room.settle()
    room.refund(bought[1], amount=500)
    room.settle()
    with room.db.begin() as session:
        place = {"block": room.hub.block + 1, "block_time": room.clock.now(), "log_index": 0, "tx_hash": bytes(32)}
        mint = {"holder": bytes(20), "counterparty": address(1), "amount": 1_000}
        session.add(ChainEvent(kind=EventKind.TRANSFER, **place, **mint))
    room.hub.block += 1
    follow(room.db, "ledger", Ahead(Ledger().plan))


# PostgreSQL plans by how large a table is, and here it is small.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_table_that_grows_is_read_from_end_to_end(room: Room) -> None:
    room.campaign()
    _live(room)
    with told(room.db) as statements:
        _live(room)
    whole = {statement: scans & GROWS for statement, scans in read_whole(room.db, statements).items()}
    assert [statement for statement, scans in whole.items() if scans] == []
    assert any(statement.startswith("UPDATE actions SET state") for statement, _ in statements)
