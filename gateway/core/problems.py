"""Refusals, RFC 9457: one shape, stable codes, nothing half done.

A room declares each refusal once, in its `errors.py`, and raises it with the field it is about. A test compares
`REGISTRY` with docs/errors.md.
"""

from __future__ import annotations

from dataclasses import dataclass

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


INVALID_REQUEST = Refusal("invalid-request", 422, "A field is missing, of the wrong type or out of range")
NOT_FOUND = Refusal("not-found", 404, "No such resource")
METHOD_NOT_ALLOWED = Refusal("method-not-allowed", 405, "This resource does not know this method")
INTERNAL = Refusal("internal-error", 500, "Something failed on our side; nothing was changed")
TOO_LARGE = Refusal("too-large", 413, "The request body is too large")
IDEMPOTENCY_KEY_REQUIRED = Refusal("idempotency-key-required", 400, "This write needs an Idempotency-Key header")
IDEMPOTENCY_CONFLICT = Refusal("idempotency-conflict", 409, "This idempotency key was used with another body")
BUSY = Refusal("busy", 503, "Too much at once; the same request may be sent again")
