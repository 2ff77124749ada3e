"""Refusals, RFC 9457: one shape, stable codes, nothing half done.

A room declares each refusal once, in its `errors.py`, and raises it with the field it is about. A test compares
`REGISTRY` with docs/errors.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REGISTRY: dict[str, Refusal] = {}


@dataclass(frozen=True)
class Refusal:
    """One kind of refusal: stable `code`, HTTP `status`, a sentence for people."""

    code: str
    status: int
    title: str

    def __post_init__(self) -> None:
        if self.code in REGISTRY:
            raise ValueError(f"problem code {self.code} declared twice")
        REGISTRY[self.code] = self

    def at(self, field: str | None = None, detail: str | None = None, retry_after: int | None = None) -> Problem:
        """The exception to raise. `field` names the offending input (JSON path, `line[3].code` …); `detail` must hold
        nothing that the caller sent, only numbers and names of ours; `retry_after` in seconds."""
        return Problem(self, field, detail, retry_after)


class Problem(Exception):
    """A refusal on its way to the caller. Raising it rolls the transaction back."""

    def __init__(self, refusal: Refusal, field: str | None, detail: str | None, retry_after: int | None) -> None:
        super().__init__(refusal.code)
        self.refusal, self.field, self.detail, self.retry_after = refusal, field, detail, retry_after

    def body(self) -> dict[str, object]:
        """The problem+json document."""
        document: dict[str, object] = {
            "type": f"urn:loyalty:problem:{self.refusal.code}",
            "title": self.refusal.title,
            "status": self.refusal.status,
            "code": self.refusal.code,
        }
        if self.field is not None:
            document["field"] = self.field
        if self.detail is not None:
            document["detail"] = self.detail
        return document


def reason(error: Mapping[str, Any]) -> str:
    """What is wrong with a field, by one of pydantic's errors, in words that repeat nothing of what was sent."""
    kind = str(error["type"])
    if kind == "json_invalid":
        return "no JSON"
    if kind in ("model_attributes_type", "model_type"):
        return "a JSON object is expected, under Content-Type: application/json"
    words = str(error["msg"]).removeprefix("Value error, ")
    return words if kind in _OUR_WORDS else kind.replace("_", " ")


#: Kinds of pydantic's errors whose words are made of our schemas alone, or are those of our own validators.
_OUR_WORDS = frozenset(
    {
        *("missing", "value_error", "literal_error", "string_pattern_mismatch", "string_too_short", "string_too_long"),
        *("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "too_short", "too_long"),
        *("int_type", "int_parsing", "int_from_float", "string_type", "bool_type", "bool_parsing", "list_type"),
        *("dict_type", "none_required", "finite_number"),
    }
)

INVALID_REQUEST = Refusal("invalid-request", 422, "A field is missing, of the wrong type or out of range")
NOT_FOUND = Refusal("not-found", 404, "No such resource")
METHOD_NOT_ALLOWED = Refusal("method-not-allowed", 405, "This resource does not know this method")
INTERNAL = Refusal("internal-error", 500, "Something failed on our side; nothing was changed")
TOO_SLOW = Refusal("too-slow", 408, "The request body did not come within a minute")
TOO_LARGE = Refusal("too-large", 413, "The request body is too large")
IDEMPOTENCY_KEY_REQUIRED = Refusal("idempotency-key-required", 400, "This write needs an Idempotency-Key header")
IDEMPOTENCY_CONFLICT = Refusal("idempotency-conflict", 409, "This idempotency key was used with another body")
BUSY = Refusal("busy", 503, "Too much at once; the same request may be sent again")
