"""What a wish for a badge can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

NO_BADGES = Refusal("no-badges", 409, "This deployment has no contract for badges")
UNKNOWN_BADGE = Refusal("unknown-badge", 404, "The campaign's rules have no such badge now")
BADGE_NOT_EARNED = Refusal("badge-not-earned", 409, "The wallet has not reached what this badge stands for")
BADGE_RENOUNCED = Refusal("badge-renounced", 409, "The wallet gave this badge up; it never comes back")
BADGE_ON_ITS_WAY = Refusal("badge-on-its-way", 409, "The wish has been sent to the chain")
