"""Answers about actions as they go over the wire."""

from __future__ import annotations

from typing import Any

from gateway.core.problems import Problem
from gateway.loyalty.earning.answers import Answer
from gateway.loyalty.earning.intake import Result
from gateway.loyalty.earning.schemas import ActionOut, ClaimOut, CountOut, ReceiptLine, ResultOut, VerdictOut


def out(answer: Answer, explain: bool = True) -> ActionOut:
    """One answer; `explain`: with its verdicts."""
    verdicts = answer.verdicts() if explain else None
    claim = ClaimOut(code=answer.claim[0], expires_at=answer.claim[1]) if answer.claim else None
    kind: Any = answer.kind.name.lower()
    return ActionOut.model_construct(
        id=answer.id,
        campaign=answer.campaign,
        kind=kind,
        points=answer.points,
        state="code-issued" if claim else "accepted",
        claim=claim,
        rules=[
            CountOut.model_construct(rule=count.rule, eligible=count.eligible, points=count.points)
            for count in answer.counts
        ],
        wanted=None if verdicts is None else sum(verdict.wanted for verdict in verdicts),
        verdicts=None
        if verdicts is None
        else [
            VerdictOut.model_construct(rule=v.rule, id=v.name, points=v.points, wanted=v.wanted, why=v.why)
            for v in verdicts
        ],
        left=None if answer.left is None else [ReceiptLine.of(line) for line in answer.left],
    )


def result(key: str | None, result: Result, explain: bool = False) -> ResultOut:
    """One answer or problem among many."""
    if isinstance(result, Problem):
        return ResultOut.model_construct(
            key=key, status=result.refusal.status, repeated=False, action=None, problem=result.body()
        )
    action = out(result, explain)
    return ResultOut.model_construct(key=key, status=202, repeated=result.repeated, action=action, problem=None)
