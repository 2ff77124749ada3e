"""What giving a rung can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

BEYOND_WISH = Refusal("beyond-wish", 422, "The wallet did not ask for so long")
UNKNOWN_RUNG = Refusal("unknown-rung", 422, "The campaign has no such ladder or rung")
