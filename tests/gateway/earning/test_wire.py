"""The quick ways of the counter say what the plain ways say, to the byte."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.core.problems import INVALID_REQUEST
from gateway.loyalty.earning import wire
from gateway.loyalty.earning.answers import Answer
from gateway.loyalty.earning.intake import Result
from gateway.loyalty.earning.models import ActionKind
from gateway.loyalty.earning.receipts import Kept
from gateway.loyalty.earning.schemas import ActionIn, BulkItem, BulkOut
from gateway.loyalty.rules.judging import Count
from tests.gateway.earning.conftest import wallet

#: No wall time in a test.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.from_regex(r"[ -~]{1,64}", fullmatch=True)
AMOUNT = st.integers(0, MAX_HUNDREDTHS)
LINE = st.fixed_dictionaries(
    {"product": TEXT, "quantity": st.integers(1, 10**6), "amount": AMOUNT},
    optional={"category": TEXT, "brand": st.none() | TEXT},
)
REPORTS = st.fixed_dictionaries(
    {
        "campaign": st.integers(1, 10**6),
        "kind": st.sampled_from(["purchase", "visit", "custom", "refund"]),
        "occurred_at": st.integers(1_600_000_000, 1_700_000_000),
    },
    optional={
        "wallet": st.integers(0, 2**160 - 1).map(wallet) | st.none(),
        "claim": st.booleans(),
        "amount": AMOUNT | st.none(),
        "lines": st.lists(LINE, min_size=1, max_size=3),
        "receipt": st.lists(LINE, min_size=1, max_size=3),
        "action": st.just("review"),
        "refers_to": st.integers(1, 10**6),
        "refers_to_key": st.from_regex(r"[!-~]{1,200}", fullmatch=True),
    },
)


@calm
@given(REPORTS)
def test_a_report_is_the_same_bytes_as_ever(report: dict[str, Any]) -> None:
    """Digests of bodies are kept for ever: they must not change with the way in which they are made."""
    for action in (ActionIn.model_validate(report), BulkItem.model_validate({**report, "key": "k"})):
        content = action.model_dump(mode="json", exclude_defaults=True, exclude={"key"})
        assert action.canonical() == json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


ANSWERS = st.builds(
    Answer,
    id=st.integers(1, 10**6),
    campaign=st.integers(1, 100),
    kind=st.sampled_from([ActionKind.PURCHASE, ActionKind.VISIT, ActionKind.CUSTOM, ActionKind.REFUND]),
    points=AMOUNT,
    counts=st.lists(st.builds(Count, AMOUNT, AMOUNT, AMOUNT), max_size=3).map(tuple),
    claim=st.none() | st.tuples(TEXT, AMOUNT),
    repeated=st.booleans(),
    left=st.none() | st.lists(st.builds(Kept, TEXT, TEXT | st.none(), TEXT | st.none(), AMOUNT, AMOUNT)).map(tuple),
)
RESULTS: st.SearchStrategy[Result] = ANSWERS | st.builds(INVALID_REQUEST.at, TEXT | st.none(), TEXT | st.none())


@calm
@given(ANSWERS)
def test_an_answer_reads_the_same(answer: Answer) -> None:
    assert wire.out_bytes(answer) == wire.out(answer).model_dump_json().encode()


@calm
@given(st.lists(st.tuples(TEXT, RESULTS), max_size=4), st.booleans())
def test_many_answers_read_the_same(told: list[tuple[str, Result]], explain: bool) -> None:
    plain = BulkOut.model_construct(results=[wire.result(key, result, explain) for key, result in told])
    assert wire.bulk_bytes(told, explain) == plain.model_dump_json().encode()
