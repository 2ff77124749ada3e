"""What giving a rung can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

UNKNOWN_RUNG = Refusal("unknown-rung", 422, "The campaign has no such ladder or rung")
