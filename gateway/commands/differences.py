"""What differs between two JSON documents, for people: one line each. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

#: By what an item of a list is known, where it has one of these.
NAMES = ("id", "ref", "number", "merchant")
MAX_VALUE = 60
NOTHING = object()
NOWHERE = (NOTHING, None)


def differences(before: Any, after: Any) -> list[str]:
    """`rules[base].points: 100 → 150`; what is only in one of them is said to be new or gone. Null is as good
    as nothing."""
    return list(_walk("", before, after))


def _walk(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after or (before in NOWHERE and after in NOWHERE):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before | after:
            inner = f"{path}.{name}" if path else name
            yield from _walk(inner, before.get(name, NOTHING), after.get(name, NOTHING))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(path, _named(before), _named(after))
    elif before is NOTHING:
        yield f"{path}: new, {_shown(after)}"
    elif after is NOTHING:
        yield f"{path}: gone, was {_shown(before)}"
    else:
        yield f"{path}: {_shown(before)} → {_shown(after)}"


def _items(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    both = [name for name in before if name in after]
    for name in before | after:
        yield from _walk(f"{path}[{name}]", before.get(name, NOTHING), after.get(name, NOTHING))
    if both != [name for name in after if name in before]:
        yield f"{path}: in another order"


def _named(items: list[Any]) -> dict[str, Any]:
    """By its name, else by its place; what is no object by what it is."""
    found: dict[str, Any] = {}
    for place, item in enumerate(items):
        name = next((item[name] for name in NAMES if item.get(name)), place) if isinstance(item, dict) else item
        found[str(name) if str(name) not in found else f"{name} at {place}"] = item
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
