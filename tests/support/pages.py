"""What every list of the API does with `cursor` and `limit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Nobody's `next`.
WRONG = ("-1", "x", "1e3", "0x10", "9" * 30, ".gold", "1.gold.2", "1.GOLD", "1.gold\n", "0.gold", "é", "' OR 1=1")

Ask = Callable[..., Any]


def read(get: Ask, limit: int, of: str = "items", meanwhile: Callable[[], object] | None = None) -> list[Any]:
    """All items, page after page; `meanwhile` happens behind the first page."""
    found: list[Any] = []
    asked: dict[str, Any] = {"limit": limit}
    while True:
        page = _good(get(asked))
        assert len(page[of]) <= limit
        found += page[of]
        if page["next"] is None:
            return found
        assert asked.get("cursor") != page["next"]
        asked["cursor"] = page["next"]
        if meanwhile is not None:
            meanwhile()
            meanwhile = None


def check(get: Ask, of: str = "items") -> list[Any]:
    """The list, which is the same in pages of every size; what is no cursor or no limit is refused. `get`: the answer
    with these parameters."""
    whole = _good(get({"limit": 200}))
    assert whole["next"] is None
    items: list[Any] = whole[of]
    assert len(items) > 1, "too short to show anything"
    assert _good(get({}))[of] == items[:50]
    for limit in (1, 2, len(items), len(items) + 1):
        assert read(get, limit, of) == items
    for name, wrong in (("cursor", WRONG), ("limit", ("0", "-1", "201", "x", ""))):
        for value in wrong:
            answer = get({name: value})
            told = answer.json()
            assert (answer.status_code, told["code"], told["field"]) == (422, "invalid-request", name), value
    return items


def _good(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()
