"""Challenges and streaks on the wire. Points and money in hundredths."""

from __future__ import annotations

from pydantic import BaseModel, Field

from gateway.loyalty.earning.play.service import Progress
from gateway.loyalty.rules.calendar import Period
from gateway.loyalty.rules.play import Challenge, Counts, Streak


class GoalOut(BaseModel):
    campaign: int
    goal: str
    name: str | None
    counts: Counts
    period: Period
    counted: int = Field(description="In the period that runs; claimed codes from their settlement on")
    target: int
    points: int = Field(description="What reaching it earns")
    times: int = Field(description="How often it was reached: challenges in this period, streaks in all")
    most: int | None = Field(description="At most so often; null: again and again")
    in_a_row: int | None = Field(description="Streaks: periods in a row so far")
    length: int | None = Field(description="Streaks: periods in a row that are needed")

    @classmethod
    def of(cls, progress: Progress) -> GoalOut:
        goal = progress.goal
        most = goal.times if isinstance(goal, Challenge) else None if goal.repeat else 1
        return cls(
            campaign=progress.campaign,
            goal=goal.id,
            name=goal.name,
            counts=goal.counts,
            period=goal.period,
            counted=progress.counted,
            target=goal.target,
            points=goal.points,
            times=progress.times,
            most=most,
            in_a_row=progress.row if isinstance(goal, Streak) else None,
            length=goal.length if isinstance(goal, Streak) else None,
        )


class GoalsOut(BaseModel):
    items: list[GoalOut]
    next: str | None
