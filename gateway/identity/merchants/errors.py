"""What merchants and keys can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

UNAUTHENTICATED = Refusal("unauthenticated", 401, "This resource needs a valid API key")
FORBIDDEN = Refusal("forbidden", 403, "This API key may not do that")
MERCHANT_EXISTS = Refusal("merchant-exists", 409, "Another merchant has this address")
UNKNOWN_MERCHANT = Refusal("unknown-merchant", 404, "No such merchant")
UNKNOWN_KEY = Refusal("unknown-key", 404, "No such API key")
KEY_REVOKED = Refusal("key-revoked", 409, "This API key is revoked or has expired")
SCOPES_REFUSED = Refusal("scopes-refused", 422, "These scopes are not for such a key")
LAST_OPERATOR_KEY = Refusal("last-operator-key", 409, "Without this key nobody could issue another one")
