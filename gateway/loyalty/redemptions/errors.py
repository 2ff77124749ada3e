"""What an order for a code can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

PRICE_MISMATCH = Refusal("price-mismatch", 422, "The amount is no price of the offer for this wallet")
STANDING_TOO_LOW = Refusal("standing-too-low", 403, "The offer is for wallets of a higher standing")
WRONG_SOURCE = Refusal("wrong-source", 422, "The offer is paid from elsewhere")
SEAL_KEY_REFUSED = Refusal("seal-key-refused", 422, "Nothing can be sealed to this key")
WALLET_LIMIT_REACHED = Refusal("wallet-limit-reached", 409, "This wallet has had as many codes as the offer allows")
MERCHANT_HAS_NO_DELEGATE = Refusal(
    "merchant-has-no-delegate", 409, "The merchant has not allowed this gateway to execute redemptions"
)
MERCHANT_NOT_SERVING = Refusal("merchant-not-serving", 409, "The merchant is no longer accepted in this campaign")
NOT_DELIVERED = Refusal("not-delivered", 409, "There is no delivered box to confirm")
