"""What playing on a leaderboard can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

NO_LEADERBOARD = Refusal("no-leaderboard", 409, "The campaign has no leaderboard")
UNKNOWN_PSEUDONYM = Refusal("unknown-pseudonym", 422, "Names are two words of the gateway's list and a number")
PSEUDONYM_TAKEN = Refusal("pseudonym-taken", 409, "Another wallet plays under this name")
