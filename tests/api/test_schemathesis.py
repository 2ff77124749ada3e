"""Schemathesis against the whole application: whatever it sends, answers are those of the OpenAPI document.

A target of its own (`make api-test`), and a part of CI; what every route does with bad input on a running house is in
tests/functional/test_hostile_input.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.python.asgi import get_client

from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.identity.merchants.keys import ApiKeys
from gateway.identity.merchants.models import Scope
from gateway.identity.merchants.service import Merchants
from gateway.models import metadata
from tests.support.inside import application

EXAMPLES = int(os.environ.get("EXAMPLES", "20"))
#: Answers that a gateway without a node gives, and may.
WITHOUT_NODE = {"chain-unreachable", "busy"}
OPERATORS = ("/v1/merchants",)

load_all_checks()


def also(path: str, other: str) -> bool:
    """Whether what is asked at `path` may be another route's: GET /v1/moves/quote is GET /v1/moves/{id}, badly."""
    parts, others = path.split("/"), other.split("/")
    fits = all(one == two or two.startswith("{") for one, two in zip(parts, others, strict=False))
    return path != other and len(parts) == len(others) and fits


_folder = TemporaryDirectory()
_db = Database(f"sqlite:///{Path(_folder.name) / 'loyalty.db'}")
metadata.create_all(_db.engine)
with _db.begin() as _session:
    _now = Clock().now()
    _merchant = Merchants().create(_session, "Books", b"m" * 20, _now)
    _scopes = Scope.ACTIONS | Scope.CODES | Scope.MANAGE | Scope.STATISTICS
    KEY = ApiKeys().issue(_session, _merchant.id, _scopes, _now).token
    OPERATOR = ApiKeys().issue(_session, None, Scope.ADMIN, _now).token
#: An application closes its house when a client of its goes: one is read, the other is asked, by one client for all.
schema = schemathesis.openapi.from_asgi("/openapi.json", application(_db))
_client = get_client(application(_db), max_stream_events=1)
#: Not asked: a 5xx is judged below; the credentials that a test sends are right; and what fits the schema may still be
#: refused, for a checksum, a moment or a budget.
LEFT_OUT = {"not_a_server_error", "ignored_auth", "missing_required_header", "positive_data_acceptance"}
ASKED = [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]


_paths = list(schema.raw_schema["paths"])
SHADOWING = {path for path in _paths if any(also(path, other) for other in _paths)}


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 20, suppress_health_check=list(HealthCheck))
def test_answers_are_as_the_document_says(case: Any) -> None:
    if case.operation.definition.raw.get("security"):
        key = OPERATOR if case.operation.path in OPERATORS else KEY
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}
    judge(case, case.call(session=_client))


def judge(case: Any, answer: Any) -> None:
    """Raises when the answer is not as the document says."""
    if answer.status_code >= 500 and case.operation.path.startswith("/v1"):
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] in WITHOUT_NODE
    left_out = {"unsupported_method"} if case.operation.path in SHADOWING else set()
    if case.operation.path == "/v1/actions/bulk":  # a bad item is refused by itself, beside the good ones
        left_out.add("negative_data_rejection")
    case.validate_response(answer, checks=[check for check in ASKED if check.__name__ not in left_out])


def changed(answer: Any, fault: str) -> Any:
    """The answer with something wrong with it."""
    if fault == "status":
        answer.status_code = 200  # a refusal that calls itself an answer
    elif fault == "field":
        answer.content = answer.content.replace(b'"code"', b'"kode"')
    elif fault == "type":
        answer.content = answer.content.replace(b'"status":404', b'"status":"404"')
    elif fault == "media":
        answer.headers["content-type"] = ["text/plain"]
    elif fault == "crash":
        answer.status_code, answer.content = 500, b'{"code": "internal-error"}'
    elif fault == "nonsense":
        answer.content = b"{"
    return answer


@pytest.mark.parametrize("fault", ["", "status", "field", "type", "media", "crash", "nonsense"])
def test_a_wrong_answer_is_noticed(fault: str) -> None:
    case = schema["/v1/campaigns/{id}"]["GET"].Case(path_parameters={"id": 7})
    answer = changed(case.call(session=_client), fault)
    if not fault:
        judge(case, answer)
        return
    with pytest.raises((FailureGroup, AssertionError)):
        judge(case, answer)


def test_bad_input_that_is_taken_is_noticed() -> None:
    @given(schema["/v1/campaigns"]["GET"].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def taken(case: Any) -> None:
        answer = case.call(session=_client)
        answer.status_code, answer.content = 200, b'{"items": [], "next": null}'
        judge(case, answer)

    with pytest.raises((FailureGroup, AssertionError)):
        taken()
