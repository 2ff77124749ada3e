"""What the relayer decides, without I/O: fees, gas, when to replace, when to give up, what became of a transaction.

Fees are wei per gas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.chain.relayer.models import Purpose, TxState

GWEI = 10**9
#: EIP-7825.
MAX_GAS = 2**24
#: Looks at a refusal before it counts when nothing earlier is under way, and at most.
MIN_LOOKS, MAX_LOOKS = 3, 20
MAX_DELAY = 8
#: Gas of a batch at most, for each word of its calldata and once: an entry is one word, a holder one, an order nine,
#: a wish four.
GAS_BASE = 150_000
GAS_PER_WORD = {
    Purpose.AWARD: 30_000,
    Purpose.CLAWBACK: 30_000,
    Purpose.REDEEM: 5_000,
    Purpose.RELEASE: 45_000,
    Purpose.BADGE: 18_000,
}
#: What a single order may need more than estimated when the state moves on under it (a bonus, a first write).
GAS_SPARE = 100_000


#: Refusals of one key where another may do: not authorised, spent for today, no delegate of the merchant.
WRONG_KEY = frozenset({"NotOperator", "OverDailyCap", "NotDelegate"})
#: Fences of a key that follow each other as they come, and seconds between later ones at most.
FEW_FENCES, LONGEST_PAUSE = 3, 3_600
#: Gas of one full batch of fresh holders, and of how many a key should be able to pay.
FULL_BATCH, LOW = 14_000_000, 10


@dataclass(frozen=True)
class RelayerSettings:
    """`confirmations` blocks, times in seconds, fees in wei per gas."""

    confirmations: int
    #: An unmined transaction gets a higher fee after this long.
    stuck_after: int = 30
    #: Bytes are sent again this often until they are mined.
    resend_after: int = 5
    #: The chain is looked at this often while nothing new is to be sent.
    look_every: int = 1
    in_flight: int = 16
    tip: int = GWEI
    fee_limit: int = 500 * GWEI


@dataclass(frozen=True)
class Fee:
    """EIP-1559: at most `max_fee`, of which at most `tip` goes to whoever builds the block."""

    max_fee: int
    tip: int


@dataclass(frozen=True)
class Receipt:
    """Where one signed form was mined. `empty`: the form that only used the nonce up; `fee` in wei."""

    block: int
    block_hash: bytes
    success: bool
    empty: bool
    fee: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a transaction whose nonce was passed at depth, and what it cost in wei."""

    state: TxState
    block: int | None
    block_hash: bytes | None
    fee: int = 0


def first_fee(base_fee: int, tip: int, limit: int) -> Fee | None:
    """Twice the base fee (six full blocks of rises) and the tip; None while the chain asks more than `limit`."""
    max_fee = min(2 * base_fee + tip, limit)
    return Fee(max_fee, min(tip, max_fee)) if max_fee > base_fee else None


def replacement_fee(old: Fee, base_fee: int, tip: int, limit: int) -> Fee | None:
    """At least one eighth more on both, as nodes demand of a replacement; None when that is above `limit`."""
    wanted = first_fee(base_fee, tip, limit) or old
    fee = Fee(max(_eighth_more(old.max_fee), wanted.max_fee), max(_eighth_more(old.tip), wanted.tip))
    return fee if fee.max_fee <= limit and fee.max_fee > base_fee else None


def _eighth_more(fee: int) -> int:
    return fee + fee // 8 + 1


def is_stuck(fee: Fee, base_fee: int, is_next: bool, waited: int, blocks_seen: int, stuck_after: int) -> bool:
    """True when a transaction needs a higher fee: it offers less than the base fee, or it is the one the chain waits
    for, was sent `waited` seconds ago, and two blocks passed without it. A chain that stands still costs nobody more.
    """
    return fee.max_fee <= base_fee or (is_next and waited >= stuck_after and blocks_seen >= 2)


def gas_bound(purpose: Purpose, data: bytes) -> int | None:
    """A gas limit that suffices for this batch in any state, None for what is no batch.

    A batch skips what cannot be done now, so an estimate may be made in a state in which it does less than it will do
    (docs/decisions/0011-gas-of-batches-is-bounded-not-estimated.md).
    """
    if purpose not in GAS_PER_WORD:
        return None
    return min(GAS_BASE + GAS_PER_WORD[purpose] * (len(data) // 32), MAX_GAS)


def full_batches(balance: int, base_fee: int) -> int:
    """How many full batches `balance` (wei) pays for at this base fee."""
    return balance // (FULL_BATCH * max(1, base_fee))


def gas_limit(estimate: int) -> int | None:
    """A quarter and a bit above the estimate, within the limit of a transaction; None when the estimate is not."""
    return min(estimate + estimate // 4 + GAS_SPARE, MAX_GAS) if estimate <= MAX_GAS else None


def look_again(looks: int, earlier_under_way: bool) -> int | None:
    """Seconds until a transaction that the node refuses is tried again, None when the refusal counts. `looks`: how
    often it was refused by now. While an earlier one is under way, that may be because it has not landed yet."""
    if looks >= MAX_LOOKS or (looks >= MIN_LOOKS and not earlier_under_way):
        return None
    return min(1 << (looks - 1), MAX_DELAY)


def outcome(receipts: Sequence[Receipt]) -> Outcome:
    """By the receipts of a transaction's signed forms, of which the chain can have taken one. None at all: another
    transaction used the nonce, so it failed as far as we can know; whoever asked for it asks the contract."""
    for receipt in receipts:
        done = receipt.success and not receipt.empty
        return Outcome(TxState.DONE if done else TxState.REVERTED, receipt.block, receipt.block_hash, receipt.fee)
    return Outcome(TxState.REVERTED, None, None)


def fence_pause(fences: int) -> int:
    """Seconds until a key may put up its next fence, after so many. A restore needs few. Where another database uses
    the same key neither knows what the other sends, and they would fence each other out as long as there is gas."""
    return 0 if fences < FEW_FENCES else min(60 << (fences - FEW_FENCES), LONGEST_PAUSE)


def missing_nonces(chain_nonce: int, taken: Sequence[int], limit: int) -> list[int]:
    """Nonces from the chain's next one on that nobody holds although a later one is taken: at most `limit`."""
    have = set(taken)
    top = max(have, default=chain_nonce)
    return [nonce for nonce in range(chain_nonce, min(top, chain_nonce + limit)) if nonce not in have]
