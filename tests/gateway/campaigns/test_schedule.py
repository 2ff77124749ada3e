from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limits import LAST_SECOND
from gateway.loyalty.campaigns import schedule

moments = st.integers(1_262_304_000, LAST_SECOND)
windows = st.integers(0, 7 * 86_400)


@given(moments, windows, moments)
def test_the_next_settlement_is_ahead_and_not_after_the_last_call(now: int, every: int, end: int) -> None:
    at = schedule.next_settlement(now, every, end)
    if every == 0:
        assert at == now
    elif now < schedule.last_call(end):
        assert now < at <= min(now + every, schedule.last_call(end))
        assert at % every == 0 or at == schedule.last_call(end)
    else:
        assert at == now + schedule.STRAGGLERS


@given(moments, moments)
def test_a_code_lapses_in_time_to_be_settled(now: int, end: int) -> None:
    lapses = schedule.code_lapses_at(now, end)
    assert lapses <= now + 30 * 86_400
    assert lapses + schedule.LAST_CALL <= schedule.closes_at(end) <= end + schedule.GRACE


@given(moments, st.integers(0, 30 * 86_400), moments)
def test_nobody_waits_longer_than_a_week(since: int, waited: int, end: int) -> None:
    if schedule.may_wait(since + waited, since, end):
        assert waited < 7 * 86_400
        assert since + waited < schedule.last_call(end)
