"""A bulk of 1,000 stays a handful of statements: measured in statements, which no busy machine changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tests.gateway.earning.conftest import Room, wallet


def test_a_bulk_of_a_thousand_takes_few_statements(room: Room) -> None:
    room.campaign()
    now = room.clock.now()
    sold: list[dict[str, Any]] = [
        {
            "key": f"sale-{n}",
            "campaign": 1,
            "kind": "purchase",
            "occurred_at": now,
            "lines": [{"product": f"p{i}", "quantity": 1, "amount": 100 + i} for i in range(20)],
        }
        | ({"claim": True} if n % 3 == 0 else {"wallet": wallet(n)})
        for n in range(900)
    ]
    back = [
        {"key": f"back-{n}", "campaign": 1, "kind": "refund", "occurred_at": now, "refers_to_key": f"sale-{n}"}
        for n in range(100)
    ]
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement[:60])

    sa.event.listen(room.db.engine, "before_cursor_execute", count)
    answer = room.call("POST", "/actions/bulk", {"actions": sold + back})
    sa.event.remove(room.db.engine, "before_cursor_execute", count)
    assert {result["status"] for result in answer.json()["results"]} == {202}
    assert len(statements) < 40, statements
    room.check()
