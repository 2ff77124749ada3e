"""What an action costs when many are there already: taken in, folded, credited, in one process without a chain, the
database's server counted in; as it comes from tills, some in a transaction, and as it comes in bulk.

The rows that are there already are written directly, in the shape and number in which a landed action leaves them: one
action, line, batch entry, event, entry of the ledger and holding for each of as many wallets.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway.chain.hexes import checksum
from gateway.chain.indexer.models import ChainEvent, EventKind
from gateway.chain.indexer.stream import Ahead, follow
from gateway.core import garbage
from gateway.core.bulk import add_rows
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.core.jobs import Jobs
from gateway.core.secrets import Secrets
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.models import Action, ActionKind, ActionLine, ActionState, Batch, BatchEntry, BatchKind
from gateway.loyalty.earning.models import BatchState as State
from gateway.loyalty.earning.schemas import ActionIn
from gateway.loyalty.ledger.models import Holding, LedgerEntry
from gateway.loyalty.ledger.service import Ledger
from gateway.models import metadata
from tests.bench import ours, world
from tests.gateway.earning.conftest import DAY, Room, build_room

POINTS, BULK, ROUNDS = 1_000, 500, 10
#: Reports that share a transaction: tills' that came within the same hundredth of a second, and those of one bulk call.
TOGETHER = {"single": 20, "bulk": BULK}
#: Rows written at once.
PART = 10_000
RULES = [{"kind": "per_currency", "points": 100, "per": 100}]


def measure(kind: str, sizes: Sequence[int]) -> dict[str, dict[str, dict[str, float]]]:
    """Microseconds of processor time an action, by how it comes, by how many are there already and by what is done."""
    with (
        tempfile.TemporaryDirectory(prefix="loyalty-bench-") as folder,
        world.fresh_database(kind, Path(folder)) as url,
    ):
        database = Database(url)
        metadata.create_all(database.engine)
        clock = Clock()
        room = build_room(database, clock, Jobs(clock), Secrets(secrets.token_bytes(32)))
        room.campaign(budget=10**11, cap=10**11, rules=RULES)
        garbage.settle()  # as in the worker
        crowd: list[bytes] = []
        found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in TOGETHER}
        for together in TOGETHER.values():
            _round(room, world.wallets(BULK), together)
        for size in sizes:
            while len(crowd) < size:
                part = world.wallets(min(PART, size - len(crowd)))
                _fill(room, part)
                crowd += part
            _tidy(database)
            for name, together in TOGETHER.items():
                rounds = [_round(room, _some(crowd), together) for _ in range(ROUNDS)]
                found[name][str(size)] = ours.median(rounds)
        database.dispose()
        return found


def _some(crowd: Sequence[bytes]) -> list[bytes]:
    """Half of them are known already."""
    return list({*(secrets.choice(crowd) for _ in range(BULK // 2)), *world.wallets(BULK // 2)})


def _round(room: Room, wallets: Sequence[bytes], together: int) -> dict[str, float]:
    reports = [Report(secrets.token_hex(12), _action(room, wallet)) for wallet in wallets]
    groups = [reports[start : start + together] for start in range(0, len(reports), together)]

    def take() -> None:
        for group in groups:
            calls = [(room.merchant, group)] if together == BULK else [(room.merchant, [report]) for report in group]
            with room.db.begin() as session:
                room.earning.accept_groups(session, calls)

    def timed(work: Callable[[], Any]) -> float:
        others, started = world.on_processor(server), time.thread_time()
        work()
        mine = time.thread_time() - started
        return (mine + world.on_processor(server) - others) / len(wallets) * 1e6

    server = world.server_of(room.db)
    found = {"taken in": timed(take), "folded": timed(room.settler.settle_due)}
    room.hub.mine()
    room.drain()
    with room.db.begin() as session:
        add_rows(session, ChainEvent, [_event(room, place, wallet) for place, wallet in enumerate(wallets)])
    ledger = Ahead(Ledger().plan)  # as in the worker
    found["credited"] = timed(lambda: follow(room.db, "ledger", ledger))
    found["together"] = sum(found.values())
    return found


def _action(room: Room, wallet: bytes) -> ActionIn:
    body = {"campaign": 1, "kind": "purchase", "occurred_at": room.clock.now(), "amount": POINTS}
    return ActionIn.model_validate({**body, "wallet": checksum(wallet)})


def _event(room: Room, place: int, wallet: bytes) -> dict[str, Any]:
    room.hub.block += place == 0
    return {
        "kind": EventKind.TRANSFER,
        "block": 10**6 + room.hub.block,
        "block_time": room.clock.now(),
        "log_index": place,
        "tx_hash": bytes(32),
        "holder": bytes(20),
        "counterparty": wallet,
        "amount": POINTS,
    }


def _fill(room: Room, wallets: Sequence[bytes]) -> None:
    """As if each of these had earned once, and all of it had landed; read by every room."""
    count, now = len(wallets), room.clock.now() - DAY // 2
    with room.db.begin() as session:
        action, batch, number, event = (
            (session.scalar(sa.select(sa.func.max(column))) or 0) + 1
            for column in (Action.id, Batch.id, Batch.number, ChainEvent.id)
        )
        rows = {"campaign_id": 1, "kind": BatchKind.AWARD, "state": State.LANDED, "created_at": now, "landed_block": 1}
        batches = -(-count // BULK)
        add_rows(
            session,
            Batch,
            [rows | {"id": batch + n, "number": 10**6 + number + n, "total": BULK * POINTS} for n in range(batches)],
        )
        numbered = list(enumerate(wallets))
        shared = {"merchant_id": room.merchant, "campaign_id": 1, "kind": ActionKind.PURCHASE, "rule_version_id": 1}
        shared |= {
            "occurred_at": now,
            "created_at": now,
            "amount": POINTS,
            "points": POINTS,
            "state": ActionState.SETTLED,
        }
        add_rows(
            session,
            Action,
            [
                shared
                | {"id": action + n, "wallet": wallet, "batch_id": batch + n // BULK}
                | {"key_hash": secrets.token_bytes(32), "body_hash": bytes(32)}
                for n, wallet in numbered
            ],
        )
        lines = [{"action_id": action + n, "rule": 0, "eligible": POINTS, "points": POINTS} for n in range(count)]
        add_rows(session, ActionLine, lines)
        entries = [{"batch_id": batch + n // BULK, "wallet": wallet, "amount": POINTS} for n, wallet in numbered]
        add_rows(session, BatchEntry, entries)
        block = 10**6 + room.hub.block
        add_rows(session, ChainEvent, [_event(room, n, wallet) | {"id": event + n} for n, wallet in numbered])
        changes = {"kind": EventKind.TRANSFER, "block": block, "at": now, "campaign": 0, "credit": POINTS, "debit": 0}
        add_rows(session, LedgerEntry, [changes | {"event_id": event + n, "holder": w} for n, w in numbered])
        add_rows(session, Holding, [{"holder": wallet, "campaign": 0, "matured": POINTS} for wallet in wallets])
        cursor = sa.text("UPDATE subscriptions SET last_event = (SELECT max(id) FROM chain_events)")
        session.execute(cursor)


def _tidy(database: Database) -> None:
    """PostgreSQL counts on from the rows that were written directly, and knows how many there are."""
    if database.sqlite:
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for model in (Action, Batch, ChainEvent):
            name = model.__tablename__
            connection.execute(sa.text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))
        connection.execute(sa.text("VACUUM ANALYZE"))
