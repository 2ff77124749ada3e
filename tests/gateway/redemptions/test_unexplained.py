"""A node that leaves logs out: what was paid is not given up, and its code is sold to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from eth_abi.abi import encode
from eth_account import Account

from gateway.chain import calls
from gateway.chain.hexes import checksum, keccak256, to_hex
from gateway.chain.indexer.models import STANDS, ChainEvent, EventKind
from gateway.chain.indexer.service import Indexer
from gateway.chain.signatures import compact, sign
from gateway.commands import audit_database, reindexing
from gateway.core.db import Database
from gateway.identity.wallets import explained
from gateway.identity.wallets.models import OpenOrder
from gateway.loyalty.moves.models import Move, MoveKind, MoveState
from gateway.loyalty.offers.models import Code, CodeState
from gateway.loyalty.redemptions.models import Redemption, RedemptionState
from tests.gateway.chain.world import FaultyRpc
from tests.gateway.redemptions.market import CLOSED, OPEN, address_of, key_of
from tests.gateway.redemptions.world import CONFIRMATIONS, World, look
from tests.support.checks import checks
from tests.support.plans import plan

#: The last log of an order by the topic that begins with its event's signature.
REDEEMED = "Redeemed(address,address,uint256,uint256,bytes32,bytes32)"
SPENT = "Spent(uint256,address,address,uint256,uint256,bytes32,bytes32)"
TOKEN_ORDER, ACCOUNT_ORDER = "OrderExecuted(address,uint256)", "OrderExecuted(uint256,address,uint256)"
OPEN_STATES = {RedemptionState.ACCEPTED, RedemptionState.SUBMITTED}
Log = Mapping[str, Any]


def is_event(text: str) -> Callable[[Log], bool]:
    topic = to_hex(keccak256(text.encode()))
    return lambda log: log["topics"][0] == topic


def from_block(number: int) -> Callable[[Log], bool]:
    return lambda log: int(log["blockNumber"], 16) > number


@contextmanager
def leaves_out(world: World, lost: Callable[[Log], bool]) -> Iterator[None]:
    """The node answers the indexer without these logs."""
    rpc = FaultyRpc(world.node.url)

    def answered(method: str, answer: Any) -> None:
        if method == "eth_getLogs":
            answer[:] = [log for log in answer if not lost(log)]

    rpc.after, before = answered, world.indexer
    world.indexer = Indexer(world.db, rpc, world.clock, world.deployment, CONFIRMATIONS)
    yield
    world.indexer = before
    rpc.close()


def state(world: World) -> tuple[RedemptionState, list[CodeState]]:
    with world.db.read() as session:
        codes = list(session.scalars(sa.select(Code.state).order_by(Code.state)))
        return session.get_one(Redemption, 1).state, codes


def move_state(world: World) -> MoveState:
    with world.db.read() as session:
        return session.get_one(Move, 1).state


def open_orders(world: World) -> int:
    with world.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(OpenOrder)) or 0


def unexplained(world: World) -> float:
    """As readiness tells it."""
    found = checks(world.db, world.clock).orders()
    assert found.ok == (found.value == 0)
    with world.db.read() as session:
        assert explained.count(session) == found.value
    return found.value


def mend(world: World, folder: Path) -> None:
    """`loyalty reindex --replace`."""
    scratch = Database(f"sqlite:///{folder / 'scratch.db'}")
    with audit_database.snapshot(world.db) as session:
        upto = audit_database.cursor_block(session)
        assert upto is not None
        reindexing.read(scratch, world.rpc, world.deployment, upto, lambda done, total: None)
        found = reindexing.compare(session, scratch)
    assert found.differing["chain_events"]
    reindexing.mend(world.db, world.rpc, world.deployment, found)
    scratch.dispose()


@pytest.mark.parametrize(("campaign", "lost"), [(None, REDEEMED), (None, ""), (CLOSED, SPENT), (CLOSED, "")], ids=str)
@pytest.mark.parametrize("over", [False, True], ids=["in time", "deadline passed"])
def test_a_paid_order_whose_log_was_left_out_keeps_its_code(
    world: World, tmp_path: Path, campaign: int | None, lost: str, over: bool
) -> None:
    offer = world.offer(codes=1, campaign=campaign)
    assert world.redeem(offer, deadline=world.clock.now() + 600).status_code == 202
    head = world.reads.head().number
    with leaves_out(world, is_event(lost) if lost else from_block(head)), structlog.testing.capture_logs() as logs:
        world.settle()
        assert world.reads.balance(address_of("corner")) == 2_500
        look(world)
        if over:
            world.node.pass_time(700)
            look(world)
    found, codes = state(world)
    assert found in OPEN_STATES
    assert codes == [CodeState.RESERVED]
    assert unexplained(world) == 1
    told = [each for each in logs if each["event"] == "order.unexplained"]
    assert told == [{"kind": "redemption", "ref": 1, "event": "order.unexplained", "log_level": "error"}]
    mend(world, tmp_path)
    look(world)
    assert state(world) == (RedemptionState.DELIVERED, [CodeState.DELIVERED])
    assert (open_orders(world), unexplained(world)) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "lost"), [("send", TOKEN_ORDER), ("send", ""), ("leave", ACCOUNT_ORDER), ("leave", "")], ids=str
)
def test_a_move_whose_log_was_left_out_stays_open(world: World, tmp_path: Path, kind: str, lost: str) -> None:
    fields = {"recipient": address_of("stranger")} if kind == "send" else {"source": OPEN}
    assert world.move(kind, amount=500, **fields).status_code == 202
    head = world.reads.head().number
    with leaves_out(world, is_event(lost) if lost else from_block(head)):
        world.settle()
        look(world)
    assert (move_state(world), unexplained(world)) == (MoveState.ACCEPTED, 1)
    mend(world, tmp_path)
    look(world)
    assert (move_state(world), open_orders(world), unexplained(world)) == (MoveState.DONE, 0, 0)


def test_a_move_of_which_the_order_was_told_and_the_effect_left_out_stays_open(world: World, tmp_path: Path) -> None:
    """The answer was cut off in the middle of its transaction."""
    assert world.move("leave", source=OPEN, amount=500).status_code == 202
    with leaves_out(world, is_event("Left(uint256,address,uint256)")):
        world.settle()
        look(world)
    assert (move_state(world), unexplained(world)) == (MoveState.ACCEPTED, 1)
    mend(world, tmp_path)
    look(world)
    assert (move_state(world), unexplained(world)) == (MoveState.DONE, 0)


def test_what_was_paid_before_the_holder_cancelled_stays_open(world: World) -> None:
    """A cancel voids what was not used, and says nothing of what was."""
    assert world.redeem(world.offer(codes=1)).status_code == 202
    head = world.reads.head().number
    with leaves_out(world, from_block(head)):
        world.settle()
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    look(world)
    assert state(world)[0] in OPEN_STATES
    assert unexplained(world) == 1


@pytest.mark.parametrize("campaign", [None, CLOSED], ids=str)
def test_what_the_holder_cancelled_is_dead(world: World, campaign: int | None) -> None:
    assert world.redeem(world.offer(codes=1, campaign=campaign)).status_code == 202
    cancel = (world.deployment.hub, calls.cancel_account(campaign)) if campaign else None
    world.market.send("ann", *(cancel or (world.deployment.token, calls.cancel_wallet())))
    look(world)
    assert state(world) == (RedemptionState.DEAD, [CodeState.FREE])
    assert unexplained(world) == 0


@pytest.mark.parametrize("campaign", [None, CLOSED], ids=str)
def test_what_another_order_used_the_nonce_of_is_dead(world: World, campaign: int | None) -> None:
    assert world.redeem(world.offer(codes=1, campaign=campaign)).status_code == 202
    token, hub, to, amount = world.deployment.token, world.deployment.hub, address_of("bob"), 700
    end = (0, world.clock.now() + 600)
    if campaign:
        signature = sign(key_of("ann"), world.domains.stay(address_of("ann"), campaign, True, *end))
        world.market.send("bob", hub, calls.stay_by_sig(campaign, address_of("ann"), True, *end, signature))
    else:
        signature = sign(key_of("ann"), world.domains.transfer(address_of("ann"), to, amount, *end))
        world.market.send("bob", token, calls.transfer_by_sig(address_of("ann"), to, amount, *end, signature))
    look(world)
    assert state(world) == (RedemptionState.DEAD, [CodeState.FREE])
    assert unexplained(world) == 0


def permit(world: World) -> None:
    """Uses ann's first nonce; the contracts tell of an approval only."""
    names = (("owner", "address"), ("spender", "address"), ("value", "uint256"), ("nonce", "uint256"))
    fields = [{"name": name, "type": kind} for name, kind in (*names, ("deadline", "uint256"))]
    ann, deadline = checksum(address_of("ann")), world.clock.now() + 10**6
    message = {"owner": ann, "spender": ann, "value": 5, "nonce": 0, "deadline": deadline}
    signed = Account.sign_typed_data(key_of("ann"), _domain(world), {"Permit": fields}, message)
    types = ["address", "address", "uint256", "uint256", "uint8", "bytes32", "bytes32"]
    words = [ann, ann, 5, deadline, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")]
    _send(world, "ann", f"permit({','.join(types)})", types, words)


def pay_a_foreign_payee(world: World) -> None:
    """Uses ann's first nonce in a batch of the stranger's; the contracts tell of a transfer only."""
    names = (("holder", "address"), ("payee", "address"), ("amount", "uint256"), ("nonce", "uint256"))
    fields = [{"name": name, "type": kind} for name, kind in (*names, ("deadline", "uint256"), ("witness", "Slip"))]
    kinds = {"Payment": fields, "Slip": [{"name": "number", "type": "uint256"}]}
    ann, payee, deadline = checksum(address_of("ann")), checksum(address_of("stranger")), world.clock.now() + 10**6
    message = {"holder": ann, "payee": payee, "amount": 2_500, "nonce": 0, "deadline": deadline}
    signed = Account.sign_typed_data(key_of("ann"), _domain(world), kinds, message | {"witness": {"number": 7}})
    r, vs = compact(bytes(signed.signature))
    slip = keccak256(keccak256(b"Slip(uint256 number)") + (7).to_bytes(32, "big"))
    types = ["(address,uint256,uint256,uint256,bytes32,bytes32)[]", "bytes32[]", "string"]
    words = [[(ann, 2_500, 0, deadline, r, vs)], [slip], "Slip witness)Slip(uint256 number)"]
    _send(world, "stranger", f"receiveBatch({','.join(types)})", types, words)
    assert world.reads.balance(address_of("stranger")) == 2_500


def _domain(world: World) -> dict[str, Any]:
    where = {"chainId": world.deployment.chain_id, "verifyingContract": checksum(world.deployment.token)}
    return {"name": world.deployment.token_name, "version": "1"} | where


def _send(world: World, name: str, function: str, types: list[str], words: list[Any]) -> None:
    world.market.send(name, world.deployment.token, keccak256(function.encode())[:4] + encode(types, words))


@pytest.mark.parametrize("use", [permit, pay_a_foreign_payee], ids=["permit", "foreign payee"])
def test_what_a_wallet_used_the_nonce_for_without_a_word_is_dead(world: World, use: Callable[[World], None]) -> None:
    """Else one signature of its holder would keep a code for ever."""
    assert world.redeem(world.offer(codes=1)).status_code == 202
    use(world)
    assert world.reads.nonce(address_of("ann")) == 1
    look(world)
    assert state(world) == (RedemptionState.DEAD, [CodeState.FREE])
    assert unexplained(world) == 0


def test_what_the_ledger_has_not_booked_is_asked_again(world: World) -> None:
    assert world.redeem(world.offer(codes=1)).status_code == 202
    world.market.send("bob", world.deployment.token, calls.transfer(address_of("ann"), 5))
    permit(world)
    booked = world.streams.pop("ledger")
    look(world)
    assert state(world)[0] in OPEN_STATES
    assert unexplained(world) == 0
    world.streams["ledger"] = booked
    look(world)
    assert state(world)[0] == RedemptionState.DEAD


def test_what_uses_a_nonce_is_found_by_an_index(world: World) -> None:
    order = OpenOrder(holder=address_of("ann"), campaign=OPEN, nonce=3, deadline=world.clock.now())
    move = Move(holder=order.holder, source=0, nonce=3, kind=MoveKind.SEND)
    e = ChainEvent
    fill(world.db)
    queries = [
        explained._events(order, explained.USED[True]).where(e.nonce == 3),
        explained._events(order, explained.USED[False]).where(e.nonce.between(4, 9)),
        sa.select(e.tx_hash).where(e.block == 7, STANDS),
        world.moves_settlement._used(move),
        world.moves_settlement._effects(move, ChainEvent(block=7, tx_hash=bytes(32))),
    ]
    for query, index in zip(queries, ("order", "order", "place", "order", "place"), strict=True):
        assert f"_chain_events_{index}" in plan(world.db, query)


def fill(db: Database) -> None:
    """So many other events that PostgreSQL asks which index is the better one: in a few, any will do."""
    event = {
        "kind": EventKind.TRANSFER,
        "block_time": 1_800_000_000,
        "log_index": 0,
        "tx_hash": bytes(32),
        "orphaned": False,
    }
    with db.begin() as session:
        session.execute(sa.insert(ChainEvent), [event | {"block": 10**6 + number} for number in range(5_000)])
        if not db.sqlite:
            session.execute(sa.text("ANALYZE chain_events"))
