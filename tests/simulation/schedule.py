"""Schedules: small steps, and what goes wrong in them, each written as one number so that hypothesis can shrink it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.chain import errors
from gateway.chain.relayer.decisions import GWEI
from tests.simulation.world import LIES, WORKERS, Crash, Trouble, World

Step = tuple[str, int]

#: What a step may be, as often as it stands here.
STEPS = (
    *("award", "relayer", "relayer", "relayer", "relayer", "relayer", "indexer", "indexer", "mine", "mine", "mine"),
    *("time", "reorg", "reorg", "drop", "fee", "gas", "foreign", "owner"),
)
#: What may go wrong in a turn, as often as it stands here.
FAULTS = (
    *("none", "none", "none", "lose", "forget", "lie", "lie afterwards", "unknown", "crash before", "crash after"),
    *("die", "mine", "reorganise", "another", "lag"),
)
PLACES = ("signed", "saved", "sent", "mined", "settled", "indexed")
FEES = (1, 2, 5, 20, 80, 300)
SECONDS = (1, 2, 5, 11, 40)
SEND = "eth_sendRawTransaction"


def run(world: World, schedule: Sequence[Step]) -> None:
    """All steps, then fair weather until everything has come to its end."""
    for what, number in schedule:
        step(world, what, number)
    world.settle()


def step(world: World, what: str, number: int) -> None:
    """One step; what `number` means depends on it."""
    match what:
        case "award":
            world.award(1 + number % 4)
        case "relayer" | "indexer":
            turn(world, what, number)
        case "owner":
            world.owner()
        case "time":
            world.clock.offset += SECONDS[number % len(SECONDS)]
        case _:
            happen(world, what, number)


def happen(world: World, what: str, number: int) -> None:
    """What nobody here decides."""
    node, address = world.node, world.addresses[number % len(world.addresses)]
    match what:
        case "mine":
            for _ in range(1 + number % 3):
                node.mine(most=(10**6, 1, 0)[number // 3 % 3])
        case "reorg":
            node.take_back(1 + number % 7, replace=number // 7 % 3 > 0, to_pool=number // 21 % 2 > 0)
        case "drop":
            for place in list(node.pool)[number % 2 :]:
                del node.pool[place]
        case "fee":
            node.base_fee = FEES[number % len(FEES)] * GWEI
            node.drops_cheap = number // len(FEES) % 2 > 0
        case "gas":
            node.balances[address] = (0, 10**15, 10**24)[number // 2 % 3]
        case "foreign":
            world.use_key(address)


def turn(world: World, what: str, number: int) -> None:
    """A turn of one worker, and what goes wrong at which question to the node."""
    worker, number = number % WORKERS, number // WORKERS
    fault, number = FAULTS[number % len(FAULTS)], number // len(FAULTS)
    if fault == "lag":
        world.turn(worker, what, lag=1 + number % 4)
    elif fault == "die":
        world.turn(worker, what, die=PLACES[number % len(PLACES)])
    else:
        world.turn(worker, what, trouble(world, fault, worker, what, number))


def trouble(world: World, fault: str, worker: int, what: str, number: int) -> Trouble:
    """What comes over the question that `number` chooses."""
    at, number = number % 8, number // 8
    busy = False

    def come(count: int, when: str, method: str) -> None:
        nonlocal busy
        if count != at or busy:
            return
        busy = True
        if fault in BEFORE and when == "before":
            raise BEFORE[fault]()
        if fault in AFTER and when == "after":
            raise AFTER[fault]()
        if fault.startswith("lie") and method == SEND and when == ("after" if fault == "lie afterwards" else "before"):
            raise errors.from_answer({"code": -32000, "message": LIES[number % len(LIES)]})
        if when == "before" and fault == "mine":
            world.node.mine()
        if when == "before" and fault == "reorganise":
            world.node.take_back(1 + number % 4, replace=number // 4 % 2 > 0, to_pool=number // 8 % 2 > 0)
        if when == "before" and fault == "another":
            world.turn((worker + 1) % WORKERS, what)
        busy = False

    return come


BEFORE = {"lose": errors.NodeDown, "unknown": errors.UnknownAnswer, "crash before": Crash}
AFTER = {"forget": errors.NodeTimeout, "crash after": Crash}
