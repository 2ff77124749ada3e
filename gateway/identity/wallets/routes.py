"""What every anonymous route asks for first."""

from __future__ import annotations

from fastapi import Request

from gateway.identity.wallets.errors import CREDENTIALS_REFUSED


def anonymous(request: Request) -> None:
    """Dependency: refuses cookies and credentials, which would tie a wallet's calls to a person or a till."""
    for header in ("Authorization", "Cookie"):
        if header in request.headers:
            raise CREDENTIALS_REFUSED.at(header)


def cookieless(request: Request) -> None:
    """Dependency of the till's code routes: an API key it must send, a cookie never."""
    if "Cookie" in request.headers:
        raise CREDENTIALS_REFUSED.at("Cookie")
