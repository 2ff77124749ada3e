"""Two requests that met: one was done, the other may be sent again, and nobody calls it a failure."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from gateway.web import errors
from gateway.web.guard import Guard


@pytest.mark.parametrize(
    "met", [IntegrityError("", {}, Exception()), OperationalError("", {}, Exception()), StaleDataError("")]
)
def test_who_meets_another_request_is_told_to_come_again(met: Exception) -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    def route() -> None:
        raise met

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "1", "busy")


def test_what_nobody_foresaw_is_an_internal_error_and_says_nothing_else() -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    def route() -> None:
        raise RuntimeError("a secret")

    answer = TestClient(Guard(app, max_body=1)).get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "internal-error"
    assert "secret" not in answer.text
