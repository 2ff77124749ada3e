"""What bringing a new wallet earns, on both sides. Pure."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.loyalty.rules.parts import Circumstances, Money, Part

MAX_LEVELS = 5
MAX_BONUS = 1_000_000
#: A share in finer steps would tell who brought a newcomer what it bought.
COARSE = 100

Bonus = Annotated[int, Field(strict=True, ge=0, le=MAX_BONUS)]


class Proportion(Part):
    """`percent` of the points that the newcomer's action earned, rounded down to multiples of `step` hundredths, at
    most `most` hundredths. It tells a referrer roughly what was bought: a coarse step tells less, a flat bonus
    nothing."""

    percent: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    step: Annotated[int, Field(strict=True, ge=COARSE, le=MAX_BONUS)] = COARSE
    most: Annotated[int, Field(strict=True, ge=COARSE, le=MAX_BONUS)] = MAX_BONUS

    def of(self, points: int) -> int:
        """Hundredths, of an action that earned so many."""
        return min(points * self.percent // 100, self.most) // self.step * self.step


Reward = Bonus | Proportion


class Referral(Circumstances):
    """When a wallet that named its referrer first does something of at least `min_amount`: `newcomer` hundredths for
    it, `levels[0]` for its referrer, `levels[1]` for the referrer's own, and so on; each flat, or a share of what the
    action earned, as `{percent: 10}`. One wallet is rewarded at most `most` times for bringing others. Paid apart from
    the action's own points, and taken back with it."""

    newcomer: Reward = 0
    levels: list[Reward] = Field(default_factory=list, max_length=MAX_LEVELS)
    min_amount: Money | None = None
    most: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 100

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if not self.newcomer and not any(self.levels):
            raise ValueError("gives nothing to anybody")
        return self

    def given(self, points: int) -> tuple[int, list[int]]:
        """Hundredths for the newcomer and for each level above it, when the action earned so many `points`."""
        return worth(self.newcomer, points), [worth(level, points) for level in self.levels]


def worth(reward: int | Proportion, points: int) -> int:
    """Hundredths."""
    return reward if isinstance(reward, int) else reward.of(points)
