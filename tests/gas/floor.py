"""The least that the fee schedule of Prague asks, whoever writes the contract: no instruction between is counted.

Sources: EIP-2028 (calldata), EIP-2929 (first access), EIP-2200 and EIP-3529 (storage), Yellow Paper appendix G (logs,
hashes, the ecrecover precompile).
"""

from __future__ import annotations

from tests.gas.bench import AWARD_SIZES, FAR, ORDER_SIZES, Figures, holders, packed

TRANSACTION = 21_000
FIRST_READ = 2_100
SET, CHANGE = 20_000, 2_900  # a slot from zero, and one in use, after it was read
RECOVER = 3_000


def calldata(data: bytes) -> int:
    return sum(16 if byte else 4 for byte in data)


def log(topics: int, size: int) -> int:
    """`size` in bytes; the event's own topic counts."""
    return 375 + 375 * topics + 8 * size


def keccak(size: int) -> int:
    """`size` in bytes."""
    return 30 + 6 * ((size + 31) // 32)


SLOT_OF_HOLDER = keccak(64)
TRANSFER = log(3, 32)


def award(entries: list[bytes], fresh: bool) -> int:
    """Credit each entry: read it, find and write the holder's slot, tell of it; and one write of the supply."""
    credit = SLOT_OF_HOLDER + FIRST_READ + (SET if fresh else CHANGE) + TRANSFER
    supply = FIRST_READ + CHANGE
    return TRANSACTION + supply + sum(calldata(entry) + credit for entry in entries)


def burn_by_order(count: int) -> int:
    """A signed burn: signature and order as short as can be, balance and nonce in one slot, one `Transfer`.

    Order: holder, amount below 2^16, deadline of 5 bytes; the nonce is known from the slot.
    """
    order = b"\x01" * (20 + 2) + FAR.to_bytes(5, "big") + b"\x01" * 64
    digest = keccak(6 * 32) + keccak(66)
    one = calldata(order) + digest + RECOVER + SLOT_OF_HOLDER + FIRST_READ + CHANGE + TRANSFER
    return TRANSACTION + FIRST_READ + CHANGE + count * one


def redemption(count: int) -> int:
    """The same, with what a redemption tells: offer and sealing key signed, and a commitment, told in a log.

    The merchant's slot is written once.
    """
    told = calldata(b"\x01" * 96) + 6 * 3 + log(3, 4 * 32)
    return burn_by_order(count) + count * told


def figures() -> Figures:
    return {
        "floor, fresh": {size: award(packed(holders("floor", size)), True) for size in AWARD_SIZES},
        "floor, existing": {size: award(packed(holders("floor", size)), False) for size in AWARD_SIZES},
        "floor, plain burn": {size: burn_by_order(size) for size in ORDER_SIZES},
        "floor, redemption": {size: redemption(size) for size in ORDER_SIZES},
    }
