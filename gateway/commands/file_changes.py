"""One thing that has to be done to make a campaign as its file says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.client import Document, Json


@dataclass(frozen=True)
class Change:
    """One thing to do, or (without `do`) to know. `detail` is what a dry run tells beside it."""

    section: str
    what: str
    do: Callable[[], Document] | None = None
    detail: Json = field(default_factory=dict)

    def told(self) -> Json:
        return {"section": self.section, "change": self.what, **self.detail}
