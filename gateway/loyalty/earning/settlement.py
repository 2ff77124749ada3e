"""What waits in a campaign, folded into one net for each wallet, and cut into batches. Pure.

For each wallet of a fold, in hundredths of a point:
awards - refunds = award - shortfall + repaid + carry - carry before + ahead - back.
`ahead` and `back` are what had gone out, or was taken back, for the same actions before the database was restored; no
action that happened later counts against them.
What was reserved is what the till was told, before refunds; caps of the wallet may have kept some of it back
(`withheld`). `released` is what the fold frees: the part of what was reserved that neither goes out nor is carried on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.core.limits import MAX_HUNDREDTHS

#: 500 fresh holders under hold cost 13.1 of the 16.7 million gas that a transaction may use (EIP-7825).
MAX_ENTRIES = 500

Entry = tuple[bytes, int]


class Waiting(NamedTuple):
    """An accepted action; `points` as the till was told, of which the wallet loses `withheld`; `refers_to` is set for a
    refund."""

    id: int
    wallet: bytes
    points: int
    refers_to: int | None = None
    withheld: int = 0
    #: When it happened, Unix seconds.
    at: int = 0

    @property
    def real(self) -> int:
        return self.points - self.withheld


class Before(NamedTuple):
    """What the chain did for a wallet and this database forgot: paid `ahead`, taken `back`, for actions by `until`."""

    ahead: int
    back: int
    until: int


NOTHING_BEFORE = Before(0, 0, 0)


class Net(NamedTuple):
    """One wallet's part of a settlement. `award` goes out, `shortfall` is to be taken back, `repaid` is kept for an
    earlier shortfall, `carry` waits; `ahead` and `back` of what was done before are hereby accounted for."""

    wallet: bytes
    actions: tuple[int, ...]
    award: int
    shortfall: int
    carry: int
    released: int
    repaid: int = 0
    ahead: int = 0
    back: int = 0


def fold(
    waiting: Iterable[Waiting],
    carries: Mapping[bytes, int],
    owing: Mapping[bytes, int],
    step: int,
    limit: int,
    before: Mapping[bytes, Before] | None = None,
) -> list[Net]:
    """One net for each wallet that waits or carries something. `owing`: what awards must repay first; `before`: what
    they are counted against before that.

    Awards are multiples of `step`. At most `limit` hundredths go out to a wallet at once (but one action at least, and
    never more than an entry holds); what is beyond stays for the next fold.
    """
    before = before or {}
    mine: dict[bytes, list[Waiting]] = {wallet: [] for wallet in carries}
    for action in sorted(waiting):  # by their numbers
        mine.setdefault(action.wallet, []).append(action)
    return [
        _fold_wallet(
            wallet,
            actions,
            carries.get(wallet, 0),
            owing.get(wallet, 0),
            step,
            limit,
            before.get(wallet, NOTHING_BEFORE),
        )
        for wallet, actions in mine.items()
    ]


def _fold_wallet(
    wallet: bytes, actions: Sequence[Waiting], carried: int, owed: int, step: int, limit: int, before: Before
) -> Net:
    """`actions` in the order of their numbers."""
    awards = [action for action in actions if action.refers_to is None]
    early: dict[int, list[Waiting]] = {award.id: [] for award in awards}
    late: list[Waiting] = []
    for refund in actions if len(awards) < len(actions) else ():
        if refund.refers_to is not None:
            early.get(refund.refers_to, late).append(refund)

    taken: list[int] = []
    reserved = net = carried
    for award in awards:
        worth = award.real
        for refund in early[award.id]:
            worth -= refund.real
        if taken and net + worth > limit:
            break
        net += worth
        reserved += award.points
        taken.append(award.id)
        taken += [refund.id for refund in early[award.id]]
    back = 0
    for count, refund in enumerate(late):
        if count and back + refund.real > MAX_HUNDREDTHS:
            break
        back += refund.real
        taken.append(refund.id)

    ahead, again = _done_before(before, actions, set(taken)) if before.until else (0, 0)
    net += again - ahead - back
    if net < 0:
        return Net(wallet, tuple(taken), 0, -net, 0, reserved, 0, ahead, again)
    repaid = min(owed, net)
    out = min(net - repaid, MAX_HUNDREDTHS)
    out -= out % step
    carry = net - repaid - out
    return Net(wallet, tuple(taken), out, 0, carry, reserved - out - carry, repaid, ahead, again)


def _done_before(before: Before, actions: Sequence[Waiting], taken: set[int]) -> tuple[int, int]:
    """How much of what was done before was done for the actions that this fold takes: (paid ahead, taken back).

    An award may have been paid in full before its refund came, although both meet in this fold: then the refund was
    taken back before, or is to be taken back now.
    """
    old = [action for action in actions if action.id in taken and action.at <= before.until]
    awards = {action.id: action.real for action in old if action.refers_to is None}
    early = sum(action.real for action in old if action.refers_to in awards)
    late = sum(action.real for action in old if action.refers_to is not None and action.refers_to not in taken)
    gross = sum(awards.values())
    ahead = min(before.ahead, gross)
    back = min(before.back, late)
    return ahead, back + min(before.back - back, early, max(0, ahead - (gross - early)))


def cut(entries: Sequence[Entry], limit: int) -> list[list[Entry]]:
    """Batches in the given order: at most MAX_ENTRIES each and at most `limit` hundredths together (but one entry at
    least), because the contract refuses a batch above the day's cap as a whole."""
    batches: list[list[Entry]] = []
    total = 0
    for entry in entries:
        if not batches or len(batches[-1]) == MAX_ENTRIES or total + entry[1] > limit:
            batches.append([])
            total = 0
        batches[-1].append(entry)
        total += entry[1]
    return batches
