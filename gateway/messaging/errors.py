"""What webhooks can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

WEBHOOK_URL_REFUSED = Refusal("webhook-url-refused", 422, "Webhooks go to public https addresses only")
TOO_MANY_WEBHOOKS = Refusal("too-many-webhooks", 409, "The merchant has as many webhooks as it may have")
UNKNOWN_WEBHOOK = Refusal("unknown-webhook", 404, "No such webhook of this merchant")
UNKNOWN_DELIVERY = Refusal("unknown-delivery", 404, "No such delivery of this merchant")
