from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limits import MAX_HUNDREDTHS
from gateway.loyalty.earning import settlement
from gateway.loyalty.earning.settlement import MAX_ENTRIES, Waiting


@st.composite
def folds(draw: st.DrawFn) -> list[Waiting]:
    """Awards of a few wallets, refunds of them (never more than the award), and refunds of earlier awards."""
    found: list[Waiting] = []
    for _ in range(draw(st.integers(0, 12))):
        wallet = bytes([draw(st.integers(1, 4))]) * 20
        if draw(st.booleans()):
            points = draw(st.integers(1, 1_000))
            left, real = points, points - draw(st.integers(0, points))
            found.append(Waiting(len(found) + 1, wallet, points, None, points - real))
            award = found[-1].id
            for part in draw(st.lists(st.integers(1, 400), max_size=3)):
                if part <= left:
                    left -= part
                    lost = real - min(real, left)
                    real -= lost
                    found.append(Waiting(len(found) + 1, wallet, part, award, part - lost))
        else:
            found.append(Waiting(len(found) + 1, wallet, draw(st.integers(1, 1_000)), 10_000))
    return draw(st.permutations(found))


carries = st.dictionaries(st.integers(1, 5).map(lambda n: bytes([n]) * 20), st.integers(1, 500), max_size=4)


@given(folds(), carries, carries, st.integers(1, 300), st.integers(1, 3_000))
def test_a_fold_loses_nothing(
    waiting: list[Waiting], carried: dict[bytes, int], owing: dict[bytes, int], step: int, limit: int
) -> None:
    nets = settlement.fold(waiting, carried, owing, step, limit)
    assert {net.wallet for net in nets} == {action.wallet for action in waiting} | set(carried)
    by_id = {action.id: action for action in waiting}
    taken = [id for net in nets for id in net.actions]
    assert max(Counter(taken).values(), default=1) == 1
    for net in nets:
        actions = [by_id[id] for id in net.actions]
        assert all(action.wallet == net.wallet for action in actions)
        awards = [action for action in actions if action.refers_to is None]
        early = [a for a in actions if a.refers_to is not None and a.refers_to in net.actions]
        late = [a for a in actions if a.refers_to is not None and a.refers_to not in net.actions]
        before = carried.get(net.wallet, 0)
        real = sum(a.real for a in awards) - sum(a.real for a in early) - sum(a.real for a in late)
        assert real == net.award - net.shortfall + net.repaid + net.carry - before
        assert 0 <= net.repaid <= owing.get(net.wallet, 0)
        assert not (net.repaid and net.shortfall)
        assert net.award == 0 or net.repaid == owing.get(net.wallet, 0)
        assert net.award % step == 0
        assert net.carry < step
        assert not (net.award and net.shortfall)
        # What was reserved goes out, is carried on, or is freed: nothing else.
        told = sum(a.points for a in awards)
        assert told + before == net.award + net.carry + net.released
        assert net.released >= 0


@given(folds(), st.integers(1, 3_000))
def test_what_is_beyond_the_limit_follows_in_later_folds(waiting: list[Waiting], limit: int) -> None:
    rest, turns = waiting, 0
    while rest:
        nets = settlement.fold(rest, {}, {}, 1, limit)
        done = {id for net in nets for id in net.actions}
        assert done
        for net in nets:
            assert net.award <= limit or sum(1 for a in rest if a.id in net.actions and a.refers_to is None) == 1
        rest = [action for action in rest if action.id not in done]
        turns += 1
    assert turns <= len(waiting)


def test_an_entry_never_exceeds_its_column() -> None:
    waiting = [Waiting(1, b"w" * 20, MAX_HUNDREDTHS), Waiting(2, b"w" * 20, MAX_HUNDREDTHS)]
    (net,) = settlement.fold(waiting, {b"w" * 20: 99}, {}, 100, MAX_HUNDREDTHS)
    assert (net.actions, net.award, net.carry) == ((1,), 999_999_900, 198)
    back = [Waiting(3, b"w" * 20, MAX_HUNDREDTHS, 1), Waiting(4, b"w" * 20, MAX_HUNDREDTHS, 2)]
    (net,) = settlement.fold(back, {}, {}, 100, MAX_HUNDREDTHS)
    assert (net.actions, net.shortfall) == ((3,), MAX_HUNDREDTHS)


@given(st.lists(st.integers(1, 500), max_size=1_300), st.integers(1, 20_000))
def test_batches_keep_the_order_and_both_limits(amounts: list[int], limit: int) -> None:
    entries = [(number.to_bytes(20, "big"), amount) for number, amount in enumerate(amounts)]
    batches = settlement.cut(entries, limit)
    assert [entry for batch in batches for entry in batch] == entries
    for batch in batches:
        assert 1 <= len(batch) <= MAX_ENTRIES
        assert len(batch) == 1 or sum(amount for _, amount in batch) <= limit
