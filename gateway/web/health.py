"""Health of the process, readiness that tells the truth, and metrics. Ids and addresses never appear here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from gateway.web.pressure import REGISTRY

log = structlog.get_logger(__name__)

UNKNOWN = "cannot be checked"


@dataclass(frozen=True)
class Finding:
    """What one check found; `value` becomes a metric."""

    ok: bool
    detail: str
    value: float = 0.0


@dataclass(frozen=True)
class Check:
    """One thing to look at. Without a `vital` one nothing can be accepted; the others only delay. `needs`: a check
    before it, without which this one cannot be made."""

    look: Callable[[], Finding]
    vital: bool = False
    needs: str | None = None


class Part(BaseModel):
    """One check's answer."""

    ok: bool
    detail: str


class Ready(BaseModel):
    """`ok`: everything works. `degraded`: requests are accepted and wait. `down`: nothing is accepted."""

    status: Literal["ok", "degraded", "down"]
    parts: dict[str, Part] = Field(examples=[{"node": {"ok": False, "detail": "does not answer"}}])


def build(checks: Mapping[str, Check], figures: Collector) -> APIRouter:
    """The room's routes. `figures`: what /metrics asks of the database."""
    router = APIRouter(tags=["health"])

    @router.get("/health")
    def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @router.get("/ready", responses={503: {"model": Ready}})
    def ready(response: Response) -> Ready:
        """What works and what does not; 503 only when nothing can be accepted."""
        findings = look(checks)
        down = any(checks[name].vital and not finding.ok for name, finding in findings.items())
        healthy = all(finding.ok for finding in findings.values())
        response.status_code = 503 if down else 200
        return Ready(
            status="down" if down else "ok" if healthy else "degraded",
            parts={name: Part(ok=finding.ok, detail=finding.detail) for name, finding in findings.items()},
        )

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Prometheus text: queues, chain and money as the database knows them, and what this process counts."""
        registry = CollectorRegistry()
        registry.register(figures)
        return Response(generate_latest(registry) + generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return router


def look(checks: Mapping[str, Check]) -> dict[str, Finding]:
    """What each check finds. A node that hangs is waited for once, not once for each that asks it."""
    findings: dict[str, Finding] = {}
    for name, check in checks.items():
        able = check.needs is None or findings[check.needs].ok
        findings[name] = _look(check) if able else Finding(False, UNKNOWN)
    return findings


def _look(check: Check) -> Finding:
    try:
        return check.look()
    except Exception as error:  # whatever is broken is what the answer says
        log.warning("check.failed", error=type(error).__name__)
        return Finding(False, UNKNOWN)
