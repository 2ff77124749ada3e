"""What a wallet's order or call can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

CREDENTIALS_REFUSED = Refusal(
    "credentials-refused", 400, "This resource is anonymous: send neither cookies nor an Authorization header"
)
RECIPIENT_REFUSED = Refusal("recipient-refused", 422, "Points sent to this address would be lost")
BAD_SIGNATURE = Refusal("bad-signature", 422, "The signature is not the named wallet's over this content")
STALE_NONCE = Refusal("stale-nonce", 409, "This nonce is used up or promised to another open order")
NONCE_GAP = Refusal("nonce-gap", 409, "This nonce leaves a gap after the last open order")
ORDER_EXPIRED = Refusal("order-expired", 422, "The deadline is over, too near or too far ahead")
TOO_MANY_ORDERS = Refusal("too-many-orders", 429, "This wallet has too many open orders")
ORDERS_USED_UP = Refusal("orders-used-up", 429, "This wallet has had its orders of the last 24 hours")
SHARED_ORDERS_USED_UP = Refusal(
    "shared-orders-used-up", 429, "Wallets that earned nothing here have had their orders of this UTC day"
)
BELOW_RELAY_MINIMUM = Refusal("below-relay-minimum", 422, "Orders are relayed from one point upward")
INSUFFICIENT_POINTS = Refusal("insufficient-points", 422, "Not enough points are free for this order")
CHAIN_UNREACHABLE = Refusal("chain-unreachable", 503, "The chain's node does not answer; nothing was changed")
RECOVERING = Refusal(
    "recovering", 503, "The gateway was restored and still takes back in what the chain knows; nothing was changed"
)
PROOF_REQUIRED = Refusal("proof-required", 403, "Only the wallet itself may see this: sign for it")
