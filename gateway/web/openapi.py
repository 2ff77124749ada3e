"""The OpenAPI document: as FastAPI makes it, with the one shape that every refusal has instead of FastAPI's own."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable; docs/errors.md lists them.",
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:loyalty:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["not-found"]},
        "field": {"type": "string", "description": "The offending input"},
        "detail": {"type": "string"},
    },
}
#: FastAPI is told that it may be missing, so that it is refused with our own code.
IDEMPOTENCY_KEY: dict[str, Any] = {
    "required": True,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$", "examples": ["receipt-536365"]},
    "description": "The same key and body again get the first answer again",
}
REFUSED = {
    "description": "Refused; nothing was changed",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def install(app: FastAPI) -> None:
    """Lets `app` publish it."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(made())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["summary"] = _first_sentence(operation.get("description") or operation["summary"])
            operation["responses"].pop("422", None)
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "Idempotency-Key":
                    parameter |= IDEMPOTENCY_KEY
            if path.startswith("/v1"):
                operation["responses"]["default"] = REFUSED
    return document


def _first_sentence(text: str) -> str:
    """What a page lists a route by; FastAPI takes the function's name, which is `Page` for many."""
    return " ".join(text.split()).split(". ")[0].rstrip(".")
