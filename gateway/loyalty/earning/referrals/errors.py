"""What naming a referrer can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

NO_REFERRALS = Refusal("no-referrals", 409, "The campaign does not reward referrals")
REFERRAL_REFUSED = Refusal("referral-refused", 422, "This wallet cannot be this one's referrer")
REFERRAL_EXISTS = Refusal("referral-exists", 409, "The wallet has named another referrer")
NOT_A_NEWCOMER = Refusal("not-a-newcomer", 409, "The wallet has earned in this campaign already")
