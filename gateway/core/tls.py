"""What outgoing connections trust."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def context() -> ssl.SSLContext:
    """The usual certificate authorities, read once a process: reading them takes longer than most requests."""
    return httpx.create_ssl_context()
