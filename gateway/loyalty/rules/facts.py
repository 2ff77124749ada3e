"""What rules may know of an action: what happened, where and when, and on which rungs the wallet stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gateway.loyalty.rules.calendar import Local


class Occasion(StrEnum):
    PURCHASE = "purchase"
    VISIT = "visit"
    CUSTOM = "custom"


class Line(Protocol):
    """A line of a receipt; `amount` in hundredths for the whole quantity."""

    @property
    def product(self) -> str: ...

    @property
    def category(self) -> str | None: ...

    @property
    def brand(self) -> str | None: ...

    @property
    def quantity(self) -> int: ...

    @property
    def amount(self) -> int: ...


@dataclass(slots=True)
class Facts:
    """`amount` in hundredths of money. `lines` are None where only a sum is known. `tiers`: rank by ladder, from 0."""

    occasion: Occasion
    at: int
    merchant: int
    amount: int = 0
    action: str = ""
    lines: Sequence[Line] | None = None
    tiers: Mapping[str, int] = field(default_factory=dict)
    #: The wallet's first action in the campaign, Unix seconds; None for a code, and for a wallet that is new.
    member_since: int | None = None
    #: The programme's.
    zone: str = "UTC"
    _local: Local | None = None

    @property
    def local(self) -> Local:
        """The action's moment in the programme's zone."""
        if self._local is None:
            self._local = Local(self.at, self.zone)
        return self._local

    def values(self, wanted: Iterable[str], ladders: Sequence[str]) -> dict[str, Any]:
        """The variables of expressions (expressions.ACTION) that are asked for."""
        return {name: self._value(name, ladders) for name in wanted}

    def _value(self, name: str, ladders: Sequence[str]) -> Any:
        if name in ("products", "categories", "brands"):
            return list({value for line in self.lines or () if (value := getattr(line, ONE_OF[name])) is not None})
        match name:
            case "kind":
                return str(self.occasion)
            case "quantity":
                return sum(line.quantity for line in self.lines or ())
            case "lines":
                return len(self.lines or ())
            case "weekday":
                return self.local.weekday + 1
            case "hour":
                return self.local.minute // 60
            case "day" | "month" | "year":
                return getattr(self.local.date, name)
            case "tiers":
                return {ladder: self.tiers.get(ladder, 0) for ladder in ladders}
        return getattr(self, name)


ONE_OF = {"products": "product", "categories": "category", "brands": "brand"}
