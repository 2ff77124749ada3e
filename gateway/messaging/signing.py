"""Standard Webhooks (standardwebhooks.com, version 1): `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"


def new_secret() -> str:
    """A fresh signing secret of 256 random bits, in the form that receivers' libraries take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, message_id: bytes, now: int, body: str) -> dict[str, str]:
    """The headers that sign `body` as sent at `now` (Unix seconds). The id stays the same through all retries."""
    name = public_id(message_id)
    signature = Webhook(secret).sign(name, datetime.fromtimestamp(now, UTC), body)
    return {"webhook-id": name, "webhook-timestamp": str(now), "webhook-signature": signature}


def public_id(message_id: bytes) -> str:
    """The message's id as receivers see it."""
    return f"msg_{message_id.hex()}"
