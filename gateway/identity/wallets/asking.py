"""Questions to the node inside a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from gateway.chain.errors import Temporary
from gateway.identity.wallets.errors import CHAIN_UNREACHABLE

log = structlog.get_logger(__name__)


@contextmanager
def asking() -> Iterator[None]:
    """Turns the node's temporary trouble into `chain-unreachable` with Retry-After."""
    try:
        yield
    except Temporary as error:
        log.warning("node.unavailable", error=type(error).__name__)
        raise CHAIN_UNREACHABLE.at(retry_after=max(1, error.delay)) from None
