"""What bringing a new wallet earns, on both sides. Pure."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.loyalty.rules.parts import Circumstances, Money

MAX_LEVELS = 5

Bonus = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Referral(Circumstances):
    """When a wallet that named its referrer first does something of at least `min_amount`: `newcomer` hundredths for
    it, `levels[0]` for its referrer, `levels[1]` for the referrer's own, and so on. One wallet is rewarded at most
    `most` times for bringing others. Paid apart from the action's own points, and taken back with it."""

    newcomer: Bonus = 0
    levels: list[Bonus] = Field(default_factory=list, max_length=MAX_LEVELS)
    min_amount: Money | None = None
    most: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 100

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not self.newcomer and not any(self.levels):
            raise ValueError("gives nothing to anybody")
        return self
