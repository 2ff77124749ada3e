"""What an action, a refund or a claim can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

WALLET_REFUSED = Refusal("wallet-refused", 422, "Points sent to this address would be lost")
CAMPAIGN_PAUSED = Refusal("campaign-paused", 409, "The campaign takes no actions just now")
CAMPAIGN_ENDED = Refusal("campaign-ended", 409, "The campaign had ended")
CAMPAIGN_NOT_STARTED = Refusal("campaign-not-started", 409, "The campaign had not begun")
OCCURRED_IN_FUTURE = Refusal("occurred-in-future", 422, "This has not happened yet")
UNKNOWN_ACTION = Refusal("unknown-action", 422, "The campaign's rules know no such action")
TOO_MANY_POINTS = Refusal("too-many-points", 422, "One action cannot earn that much")
REFUND_WITHOUT_PURCHASE = Refusal("refund-without-purchase", 404, "No such action of this merchant in this campaign")
REFUND_EXCEEDS_PURCHASE = Refusal("refund-exceeds-purchase", 422, "More than what is left of the purchase")
REFUND_DUPLICATE = Refusal("refund-duplicate", 409, "Nothing is left to refund")
REFUND_LINES_REQUIRED = Refusal(
    "refund-lines-required", 422, "What was bought matters to the campaign's rules: name the lines that come back"
)
REFUND_RECEIPT_REQUIRED = Refusal(
    "refund-receipt-required", 422, "The rules look at the whole basket: show what was left of it, and what comes back"
)
RECEIPT_MISMATCH = Refusal("receipt-mismatch", 422, "These are not the lines that were left of this purchase")
CLAIM_UNKNOWN = Refusal("claim-unknown", 404, "There is no such code")
CLAIM_USED = Refusal("claim-used", 409, "The code was claimed by another wallet")
CLAIM_LAPSED = Refusal("claim-lapsed", 410, "The code was not claimed in time")
CLAIM_IN_DOUBT = Refusal(
    "claim-in-doubt", 409, "Since a restore it is not clear whether this code was claimed before; try again later"
)
BACKLOG = Refusal(
    "backlog", 429, "The campaign's accepted actions wait for too long; the same request may be sent again"
)
TOO_FEW_WALLETS = Refusal("too-few-wallets", 409, "Settling so few wallets now would show who earned what")
