"""What a wish for points at once can be refused for."""

from __future__ import annotations

from gateway.core.problems import Refusal

NOTHING_TO_SETTLE = Refusal("nothing-to-settle", 409, "Nothing waits for this wallet that could be sent now")
