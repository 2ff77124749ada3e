"""What a grant can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

UNKNOWN_GRANT = Refusal("unknown-grant", 404, "No such grant of this merchant")
SECOND_KEY_REQUIRED = Refusal("second-key-required", 403, "Another API key than the one that asked must approve this")
GRANT_DECIDED = Refusal("grant-decided", 409, "This grant waits for nobody any more")
GRANT_NOT_OPEN = Refusal("grant-not-open", 409, "This grant is no opening, or not approved, or withdrawn")
OPENING_EXHAUSTED = Refusal("opening-exhausted", 409, "More than what is left of this opening")
OPENING_DIFFERS = Refusal("opening-differs", 409, "This wallet or key has an opening balance of another amount")
ALREADY_WELCOMED = Refusal("already-welcomed", 409, "The wallet has had a welcome in this campaign")
