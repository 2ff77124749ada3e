"""Answers about actions as they go over the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.core.problems import Problem
from gateway.loyalty.earning.answers import Answer
from gateway.loyalty.earning.intake import Result
from gateway.loyalty.earning.models import ActionKind
from gateway.loyalty.earning.schemas import ActionOut, ClaimOut, CountOut, ReceiptLine, ResultOut, VerdictOut

KINDS = {kind: kind.name.lower() for kind in ActionKind}


def out(answer: Answer, explain: bool = True) -> ActionOut:
    """One answer; `explain`: with its verdicts."""
    verdicts = answer.verdicts() if explain else None
    claim = ClaimOut(code=answer.claim[0], expires_at=answer.claim[1]) if answer.claim else None
    kind: Any = KINDS[answer.kind]
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


# ------------------------------------------------------------------ the same, as bytes
#
# For the counter: a model made of every answer and turned into text again took 14 microseconds an action, this takes 3.
# tests/gateway/earning/test_wire.py holds them against each other.


def out_bytes(answer: Answer) -> bytes:
    """`out` as JSON."""
    return msgspec.json.encode(_action(answer, True))


def bulk_bytes(told: Iterable[tuple[str, Result]], explain: bool) -> bytes:
    """The answer to a bulk call as JSON: `result` for each."""
    return msgspec.json.encode({"results": [_result(key, result, explain) for key, result in told]})


def _result(key: str, result: Result, explain: bool) -> dict[str, Any]:
    if isinstance(result, Problem):
        return {
            "key": key,
            "status": result.refusal.status,
            "repeated": False,
            "action": None,
            "problem": result.body(),
        }
    return {
        "key": key,
        "status": 202,
        "repeated": result.repeated,
        "action": _action(result, explain),
        "problem": None,
    }


def _action(answer: Answer, explain: bool) -> dict[str, Any]:
    verdicts = answer.verdicts() if explain else None
    claim = answer.claim
    return {
        "id": answer.id,
        "campaign": answer.campaign,
        "kind": KINDS[answer.kind],
        "points": answer.points,
        "state": "code-issued" if claim else "accepted",
        "claim": {"code": claim[0], "expires_at": claim[1]} if claim else None,
        "rules": [{"rule": c.rule, "eligible": c.eligible, "points": c.points} for c in answer.counts],
        "wanted": None if verdicts is None else sum(verdict.wanted for verdict in verdicts),
        "verdicts": None
        if verdicts is None
        else [{"rule": v.rule, "id": v.name, "points": v.points, "wanted": v.wanted, "why": v.why} for v in verdicts],
        "left": None if answer.left is None else [vars(line) for line in answer.left],
    }
