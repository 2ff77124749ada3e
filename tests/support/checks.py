"""What readiness looks at, in a test that has no whole house."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.core.clock import Clock
from gateway.core.db import Database
from gateway.web.checks import Checks

#: Seconds after which what waits counts as stuck.
MAX_AGE = 900


def checks(
    db: Database,
    clock: Clock,
    rpc: Rpc | None = None,
    reads: Reads | None = None,
    senders: Sequence[bytes] = (),
) -> Checks:
    """Those of the database; with `rpc` and `reads` those of the node too, but not `restore`, which asks the fence."""
    absent: Any = None  # in a house there is always a fence
    return Checks(db, rpc or absent, reads or absent, clock, senders, 0, MAX_AGE, absent)
