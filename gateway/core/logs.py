"""Structured logs: one JSON object a line on stderr. Ids and counts only; no key, code or request body, and no
address but those of the gateway's own keys, which everybody sees on the chain."""

from __future__ import annotations

import logging
import sys
import traceback

import structlog


def configure(level: str) -> None:
    """Sets up structlog and silences the loggers of libraries that would print requests or parameters."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for name in ("uvicorn.access", "httpx", "httpcore", "sqlalchemy.engine"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Below a warning, the server tells of its own start and end, and of handshakes for WebSockets: with the caller's
    # address and all that it asked for.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def where(error: BaseException) -> list[str]:
    """File, line and function of each frame; not the message, which may repeat what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('gateway/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
