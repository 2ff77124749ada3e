"""When a campaign settles and closes. Pure; all times in Unix seconds.

The chain takes awards until end + GRACE. The last day of it is kept free: codes lapse before, and everything that still
waits is settled then, whatever its window and however few the wallets.
"""

from __future__ import annotations

from gateway.core.durations import DAY
from gateway.core.limits import LAST_SECOND

#: As in the contract (`CampaignHub.GRACE`).
GRACE = 7 * DAY
LAST_CALL = DAY
#: A code that nobody claims lapses after this.
CODE_VALID = 30 * DAY
#: A settlement of too few wallets waits this long at most.
LONGEST_WAIT = 7 * DAY
#: After the last call stragglers are settled this often.
STRAGGLERS = 60


def closes_at(end: int) -> int:
    """From here on the chain refuses awards."""
    return min(end + GRACE, LAST_SECOND)


def last_call(end: int) -> int:
    """From here on nothing new is promised, and everything promised is settled."""
    return closes_at(end) - LAST_CALL


def last_bonus(end: int) -> int:
    """From here on no more bonuses: what was settled at the last call may still bring some, and they must land."""
    return closes_at(end) - LAST_CALL // 2


def code_lapses_at(now: int, end: int) -> int:
    """When a code given out now is void."""
    return min(now + CODE_VALID, last_call(end))


def window_start(now: int, every: int) -> int:
    """Start of the window that `now` lies in; windows are counted from 1970."""
    return now if every == 0 else now - now % every


def next_settlement(now: int, every: int, end: int) -> int:
    """The next fixed time to settle; `every` 0: at once, always."""
    if every == 0:
        return now
    if now >= last_call(end):
        return now + STRAGGLERS
    return min(window_start(now, every) + every, last_call(end))


def settles_by(now: int, every: int, min_wallets: int, end: int) -> int:
    """When what waits from now on has been settled at the latest, however few the wallets."""
    if every == 0 or min_wallets == 1:
        return next_settlement(now, every, end)
    return min(window_start(now + LONGEST_WAIT, every) + every, max(last_call(end), now + STRAGGLERS))


def settled_until(now: int, every: int, settled_at: int, end: int) -> int:
    """What waited before this moment may leave with the awards: `settled_at` is when none was left waiting for the last
    time. A moment of the schedule, never one that is counted from somebody's own."""
    if every == 0 or now >= last_call(end):
        return now + 1
    return max(settled_at, window_start(now, every) - LONGEST_WAIT)


def may_wait(now: int, waiting_since: int, end: int) -> bool:
    """Whether a settlement of too few wallets may be put off once more."""
    return now < last_call(end) and now - waiting_since < LONGEST_WAIT
