"""What a campaign, or a promise against its budget, can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

UNKNOWN_CAMPAIGN = Refusal("unknown-campaign", 404, "No such campaign, or none of this merchant's")
CAMPAIGN_EXISTS = Refusal("campaign-exists", 409, "This campaign is registered already")
TERMS_MISMATCH = Refusal("terms-mismatch", 422, "The hash of the terms is not the one on the chain")
SETTLEMENT_TOO_EXPOSED = Refusal(
    "settlement-too-exposed", 422, "Settling so few wallets or so often would show who earned what"
)
LADDER_NOT_SHARED = Refusal(
    "ladder-not-shared", 409, "Where several merchants share a campaign, its ladders count points only"
)
BADGE_CHANGED = Refusal("badge-changed", 409, "What a badge's number stands for was published, and stays")
RULES_IN_FORCE = Refusal("rules-in-force", 409, "What was done may have been judged by these rules already")
BUDGET_EXHAUSTED = Refusal("budget-exhausted", 409, "The campaign's budget does not cover these points")
DAILY_CAP_REACHED = Refusal("daily-cap-reached", 409, "The campaign gives no more points on this UTC day")
QUOTA_REACHED = Refusal("quota-reached", 409, "The merchant's quota in this campaign is used up on this UTC day")
