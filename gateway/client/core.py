"""What both clients share: a request that knows the type of its answer, and how often it is tried. No connection here.

Amounts are integer hundredths, times Unix seconds, addresses and digests 0x-hex, as on the wire.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx

Json = dict[str, Any]
#: A document of the API where it does not matter which: what `types` declares is one.
Document = Mapping[str, Any]
Answer = TypeVar("Answer", covariant=True)
Values = Mapping[str, str | int | None]
#: Answers that mean "again, later": nothing was changed, or the same request gets the same answer.
AGAIN = frozenset({408, 429, 502, 503, 504})
#: Seconds before each further attempt; `Retry-After` overrides.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
#: Told to come back later than that, in seconds, a caller hears so at once.
PATIENCE = 300
ONCE = "Idempotency-Key"


class ProblemAnswer(Exception):
    """The gateway refused: RFC 9457 problem with its stable `code` and the offending `field`."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status, self.body = status, dict(body)
        self.code = str(body.get("code", f"http-{status}"))
        self.field = str(body["field"]) if body.get("field") else None
        parts = [str(body.get("title", f"HTTP {status}"))]
        if self.field:
            parts.append(f"field {self.field}")
        if body.get("detail"):
            parts.append(str(body["detail"]))
        super().__init__(f"{self.code}: {' — '.join(parts)}")


class Unreachable(Exception):
    """No answer from the gateway after all attempts, or one that is no gateway's."""


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """One call of the API. `secured`: it bears the merchant's API key; what concerns wallets refuses one."""

    method: str
    path: str
    query: dict[str, str | int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    secured: bool = True


def made(
    method: str,
    path: str,
    query: Values | None = None,
    headers: Values | None = None,
    body: Mapping[str, Any] | None = None,
    content: tuple[bytes, str] | None = None,
    secured: bool = True,
) -> Request[Any]:
    """A request without what is None; a write that wants an Idempotency-Key and got none bears a fresh one, the same
    over all attempts."""
    sent = {name: str(value) for name, value in (headers or {}).items() if value is not None}
    if headers is not None and ONCE in headers:
        sent.setdefault(ONCE, str(uuid.uuid4()))
    data: bytes | None = None
    if content is not None:
        data, sent["Content-Type"] = content
    elif body is not None:
        data, sent["Content-Type"] = json.dumps(body, separators=(",", ":")).encode(), "application/json"
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return Request(method, path, given, sent, data, secured)


def headers_of(request: Request[Any], key: str | None) -> dict[str, str]:
    """What the request is sent with."""
    return request.headers | ({"Authorization": f"Bearer {key}"} if key and request.secured else {})


def attempts(url: str) -> Generator[float | None, httpx.Response | httpx.TransportError, Any]:
    """How often a request is sent, for whoever sends it: gives the seconds to wait before each attempt (None: not at
    all), wants what came of it, and returns the document. Raises ProblemAnswer or Unreachable."""
    failure, wait = "", None
    for pause in (*PAUSES, None):
        came = yield wait
        if isinstance(came, httpx.TransportError):
            failure, wait = type(came).__name__, pause
        elif came.status_code not in AGAIN or ((pause is None or _told(came) > PATIENCE) and came.content):
            return read(came, url)
        else:
            failure, wait = f"HTTP {came.status_code}", pause and min(_told(came, pause), 30.0)
        if wait is None:
            break
    raise Unreachable(f"{url} does not answer ({failure})")


def _told(answer: httpx.Response, otherwise: float = 0) -> float:
    """`Retry-After` in seconds."""
    header = answer.headers.get("Retry-After", "")
    return float(header) if header.isdigit() else otherwise


def read(answer: httpx.Response, url: str) -> Any:
    """The document of an answer; raises ProblemAnswer for a refusal, Unreachable for what no gateway would say."""
    if answer.is_success and not answer.content:
        return {}
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        if answer.is_success:
            return body
        if "code" in body:
            raise ProblemAnswer(answer.status_code, body)
    raise Unreachable(f"what answers at {url} is no gateway (HTTP {answer.status_code})")
