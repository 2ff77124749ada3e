"""Schemathesis against the whole application: whatever it sends, answers are those of the OpenAPI document.

A target of its own (`make api-test`); what every route does with bad input on a running house is in
tests/functional/test_hostile_input.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

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
_folder = TemporaryDirectory()
_db = Database(f"sqlite:///{Path(_folder.name) / 'loyalty.db'}")
metadata.create_all(_db.engine)
with _db.begin() as _session:
    _now = Clock().now()
    _merchant = Merchants().create(_session, "Books", b"m" * 20, _now)
    _scopes = Scope.ACTIONS | Scope.CODES | Scope.MANAGE | Scope.STATISTICS
    KEY = ApiKeys().issue(_session, _merchant.id, _scopes, _now).token
    OPERATOR = ApiKeys().issue(_session, None, Scope.ADMIN, _now).token
schema = schemathesis.openapi.from_asgi("/openapi.json", application(_db))
#: Not asked: a 5xx is judged below; the credentials that a test sends are right; and what fits the schema may still be
#: refused, for a checksum, a moment or a budget.
LEFT_OUT = {"not_a_server_error", "ignored_auth", "missing_required_header", "positive_data_acceptance"}
ASKED = [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_the_document_says(case: Any) -> None:
    if case.operation.definition.raw.get("security"):
        key = OPERATOR if case.operation.path in OPERATORS else KEY
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}
    answer = case.call()
    if answer.status_code >= 500 and case.operation.path.startswith("/v1"):
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] in WITHOUT_NODE
    # GET /v1/moves/quote is GET /v1/moves/{id} with a bad id.
    left_out = {"unsupported_method"} if case.operation.path == "/v1/moves/quote" else set()
    case.validate_response(answer, checks=[check for check in ASKED if check.__name__ not in left_out])


def test_the_checks_can_fail() -> None:
    assert {check.__name__ for check in ASKED} >= {"response_schema_conformance", "status_code_conformance"}
    assert pytest is not None
