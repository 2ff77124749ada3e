"""The move walk on a real chain: every kind, with what it costs and brings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gateway.chain import calls
from gateway.chain.relayer.models import ChainTx
from gateway.identity.wallets.models import OpenOrder, SharedOrders
from gateway.loyalty.moves.models import Move, MoveState
from tests.gateway.redemptions.market import CLOSED, DAY, IN_CLOSED, IN_OPEN, IN_WALLET, OPEN, POT, address_of
from tests.gateway.redemptions.world import World, refused
from tests.support.races import on_postgresql, overlap


def held(world: World, name: str, campaign: int = 0) -> int:
    with world.db.read() as session:
        return world.ledger.holding(session, address_of(name), campaign, world.clock.now()).matured


def move_row(world: World, number: int = 1) -> Move:
    with world.db.read() as session:
        return session.get_one(Move, number)


def open_orders(world: World) -> int:
    with world.db.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(OpenOrder)) or 0


def shared_today(world: World) -> int:
    with world.db.read() as session:
        row = session.get(SharedOrders, world.clock.now() // DAY)
        return row.orders if row else 0


def test_points_move_to_a_closed_campaign_with_the_bonus_that_was_quoted(world: World) -> None:
    asked = {"kind": "move", "source": OPEN, "target": CLOSED, "amount": 20_000}
    quote = world.call("POST", "/moves/quote", asked).json()
    assert quote == {"received": 22_000, "bonus": 2_000, "min_received": 22_000}
    answer = world.move("move", source=OPEN, target=CLOSED, amount=20_000, min_received=quote["min_received"])
    assert (answer.status_code, answer.json()["state"]) == (202, "accepted")
    world.settle()
    done = world.call("GET", f"/moves/{answer.json()['id']}").json()
    assert (done["state"], done["received"]) == ("done", 22_000)
    assert (held(world, "ann", OPEN), held(world, "ann", CLOSED)) == (IN_OPEN - 20_000, IN_CLOSED + 22_000)
    # The pot has 1,700 left: the next one is quoted, and gets, just that.
    asked["amount"] = 30_000
    assert world.call("POST", "/moves/quote", asked).json()["bonus"] == POT - 2_000
    greedy = world.move("move", "bob", source=OPEN, target=CLOSED, amount=30_000, min_received=33_000)
    refused(greedy, 409, "below-minimum", "min_received")
    fair = world.move("move", "bob", source=OPEN, target=CLOSED, amount=30_000, min_received=31_700)
    world.settle()
    assert world.call("GET", f"/moves/{fair.json()['id']}").json()["received"] == 31_700
    assert open_orders(world) == 0


@pytest.mark.parametrize(
    ("kind", "fields", "received", "wallet", "account"),
    [
        ("enter", {"target": OPEN, "amount": 5_000, "min_received": 5_000}, 5_000, -5_000, 5_000),
        ("leave", {"source": OPEN, "amount": 5_000}, 5_000, 5_000, -5_000),
        ("send", {"recipient": address_of("stranger"), "amount": 5_000}, 5_000, -5_000, 0),
        ("cash_out", {"recipient": address_of("ann"), "amount": 5_000}, 5_000, -5_000, 0),
        ("stay", {"source": OPEN, "stay": False}, 0, 0, 0),
    ],
)
def test_each_kind_lands(
    world: World, kind: str, fields: dict[str, object], received: int, wallet: int, account: int
) -> None:
    assert world.move(kind, **fields).status_code == 202
    world.settle()
    move = move_row(world)
    assert (move.state, move.received) == (MoveState.DONE, received)
    assert held(world, "ann") == IN_WALLET + wallet
    assert held(world, "ann", OPEN) == IN_OPEN + account
    if kind == "send":
        assert held(world, "stranger") == 5_000
    if kind == "cash_out":
        assert world.reads.asset_balance(address_of("ann")) == 5_000 * world.deployment.par
    if kind == "stay":
        assert world.reads.account(OPEN, address_of("ann")).stay is False
    assert open_orders(world) == 0


def test_orders_signed_one_after_the_other_land_one_after_the_other(world: World) -> None:
    to = address_of("stranger")
    for nonce in range(3):
        answer = world.move("send", recipient=to, amount=1_000 + nonce, nonce=nonce)
        assert answer.status_code == 202, answer.text
    with world.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChainTx)) == 1  # the others wait for their turn
    for _ in range(3):
        world.clock.offset += 5
        world.settle()
    assert [move_row(world, n).state for n in (1, 2, 3)] == [MoveState.DONE] * 3
    assert held(world, "stranger") == 3_003


def test_an_order_that_was_sent_twice_is_one_move(world: World) -> None:
    body = world.move_body("leave", source=OPEN, amount=1_000)
    first, again = (world.call("POST", "/moves", body) for _ in range(2))
    assert (again.status_code, again.json()) == (202, first.json())
    world.settle()
    later = world.call("POST", "/moves", body)
    assert (later.json()["id"], later.json()["state"]) == (first.json()["id"], "done")


def test_what_the_chain_would_refuse_is_refused_and_its_nonce_is_free_again(world: World) -> None:
    assert world.move("send", recipient=address_of("bob"), amount=50_000).status_code == 202
    balance = world.reads.balance(address_of("ann"))
    world.market.send("ann", world.deployment.token, calls.transfer(address_of("stranger"), balance - 10_000))
    for _ in range(5):
        world.clock.offset += 10
        world.settle()
    assert move_row(world).state == MoveState.REFUSED
    assert open_orders(world) == 0
    assert world.move("send", recipient=address_of("bob"), amount=10_000, nonce=0).status_code == 202
    world.settle()
    assert move_row(world, 2).state == MoveState.DONE


def test_another_order_under_the_same_nonce_kills_it(world: World) -> None:
    # Two sends; the second waits. The holder cancels both by itself.
    for nonce in range(2):
        assert world.move("send", recipient=address_of("bob"), amount=1_000, nonce=nonce).status_code == 202
    for _ in range(2):
        world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    world.settle()
    for _ in range(5):
        world.clock.offset += 40
        world.settle()
    assert {move_row(world, n).state for n in (1, 2)} <= {MoveState.DEAD, MoveState.REFUSED}
    assert move_row(world, 2).state == MoveState.DEAD
    assert open_orders(world) == 0
    assert held(world, "bob") == IN_WALLET


def test_a_refused_order_that_somebody_else_relays_is_done(world: World) -> None:
    body = world.move_body("send", recipient=address_of("bob"), amount=1_000)
    assert world.call("POST", "/moves", body).status_code == 202
    with world.db.begin() as session:
        session.get_one(Move, 1).state = MoveState.REFUSED
    signature = bytes.fromhex(body["signature"][2:])
    data = calls.transfer_by_sig(
        address_of("ann"), address_of("bob"), 1_000, body["nonce"], body["deadline"], signature
    )
    world.market.send("stranger", world.deployment.token, data)
    world.catch_up()
    assert move_row(world).state == MoveState.DONE


def test_an_order_that_lands_while_it_is_being_accepted_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else relays it, and the event has been read before the gateway's own row is to be seen."""
    body = world.move_body("send", recipient=address_of("bob"), amount=1_000)
    signature = bytes.fromhex(body["signature"][2:])
    to = address_of("bob")
    data = calls.transfer_by_sig(address_of("ann"), to, 1_000, body["nonce"], body["deadline"], signature)
    ask = world.orders.chain_nonce

    def ask_and_be_overtaken(*question: Any) -> int:
        nonce = ask(*question)
        world.market.send("stranger", world.deployment.token, data)
        world.catch_up()
        return nonce

    with monkeypatch.context() as patch:
        patch.setattr(world.orders, "chain_nonce", ask_and_be_overtaken)
        assert world.call("POST", "/moves", body).status_code == 202
    for _ in range(3):
        world.clock.offset += 40
        world.settle()
    assert move_row(world).state == MoveState.DONE
    assert open_orders(world) == 0


def test_a_deep_reorganisation_opens_a_move_again_and_it_lands_again(world: World) -> None:
    before = world.node.snapshot()
    fields = {"source": OPEN, "target": CLOSED, "amount": 20_000, "min_received": 22_000}
    assert world.move("move", **fields).status_code == 202
    world.settle()
    assert move_row(world).state == MoveState.DONE
    world.node.revert(before)
    world.node.mine(30)
    world.catch_up()
    opened = move_row(world)
    assert (opened.state, opened.received, opened.done_block) == (MoveState.ACCEPTED, None, None)
    assert open_orders(world) == 1
    for _ in range(4):
        world.clock.offset += 10
        world.settle()
    assert (move_row(world).state, move_row(world).received) == (MoveState.DONE, 22_000)
    assert held(world, "ann", CLOSED) == IN_CLOSED + 22_000
    assert open_orders(world) == 0


def test_of_two_orders_for_one_nonce_one_lands_and_the_other_dies(world: World) -> None:
    """A deep reorganisation frees the nonce of a move that was done; before it is noticed, another is signed for it."""
    before = world.node.snapshot()
    bob, token = address_of("bob"), world.deployment.token
    assert world.move("send", recipient=bob, amount=300).status_code == 202
    world.settle()
    assert move_row(world).state == MoveState.DONE
    world.node.revert(before)
    second = world.move_body("send", recipient=bob, amount=500)
    assert world.call("POST", "/moves", second).status_code == 202
    end = (second["nonce"], second["deadline"], bytes.fromhex(second["signature"][2:]))
    world.market.send("bob", token, calls.transfer_by_sig(address_of("ann"), bob, 500, *end))
    world.node.mine(30)
    world.catch_up()
    for _ in range(4):
        world.clock.offset += 70
        world.settle()
        world.moves_settlement.sweep_dead()
    assert (move_row(world).state, move_row(world, 2).state) == (MoveState.DEAD, MoveState.DONE)
    assert held(world, "ann") == IN_WALLET - 500
    assert open_orders(world) == 0


def test_a_move_whose_campaign_is_gone_keeps_no_other_waiting(world: World) -> None:
    """A reorganisation took the campaign away from under an order that waits for the one before it."""
    for who, to in (("ann", "bob"), ("bob", "ann")):
        for nonce in (0, 1):
            assert world.move("send", who, recipient=address_of(to), amount=100, nonce=nonce).status_code == 202
    with world.db.begin() as session:
        session.get_one(Move, 2).source = 999
    world.settle()
    world.clock.offset += 10
    world.settle()
    assert [move_row(world, id).state for id in (1, 3, 4)] == [MoveState.DONE] * 3


def test_a_wallet_drains_no_gas_by_orders_that_cost_it_nothing(world: World) -> None:
    world.orders.a_day = 2
    for stays in (False, True):
        assert world.move("stay", source=OPEN, stay=stays).status_code == 202
        world.settle()
    assert open_orders(world) == 0
    answer = world.move("stay", source=OPEN, stay=False)
    refused(answer, 429, "orders-used-up", "holder")
    assert 86_000 < int(answer.headers["Retry-After"]) <= 86_400
    refused(world.move("send", recipient=address_of("bob"), amount=100), 429, "orders-used-up", "holder")
    assert world.move("send", "bob", recipient=address_of("ann"), amount=100).status_code == 202
    world.clock.offset += int(answer.headers["Retry-After"])
    assert world.move("stay", source=OPEN, stay=False).status_code == 202


def test_a_point_passed_on_to_ever_fresh_wallets_drains_no_gas(world: World) -> None:
    """Each of them has orders of its own; those that earned nothing here share what the gateway pays for."""
    world.earned, world.shared.a_day = {address_of("ann")}, 2
    crew = ["ann", *(f"fresh {number}" for number in range(4))]
    answers = []
    for giver, taker in pairwise(crew):
        answers.append(world.move("send", giver, recipient=address_of(taker), amount=100))
        world.settle()
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    refused(answers[-1], 429, "shared-orders-used-up", "holder")
    wait = int(answers[-1].headers["Retry-After"])
    assert 0 < wait <= 86_400
    # Who earned here is not held up by them.
    assert world.move("send", recipient=address_of("fresh 0"), amount=100).status_code == 202
    world.settle()
    world.clock.offset += wait
    refused(
        world.move("send", "fresh 2", recipient=address_of("bob"), amount=101), 422, "insufficient-points", "amount"
    )
    assert shared_today(world) == 0  # a refusal counts nothing
    body = world.move_body("send", "fresh 2", recipient=address_of("fresh 3"), amount=100)
    assert [world.call("POST", "/moves", body).status_code for _ in range(2)] == [202, 202]
    assert shared_today(world) == 1  # and the same order counts once


@on_postgresql
def test_a_move_that_is_refused_and_given_up_at_once_ends_once(world: World) -> None:
    number = world.move("send", amount=100, recipient=address_of("bob")).json()["id"]
    with world.db.begin() as session:
        move = session.get_one(Move, number)
        tx_id = move.tx_id
        assert tx_id is not None

    def give_up(session: Session) -> None:
        session.delete(session.scalars(sa.select(OpenOrder).with_for_update()).one())

    def refuse() -> None:
        with world.db.begin() as session:
            world.moves_settlement.tx_refused(session, tx_id)

    overlap(world.db, give_up, refuse, lambda session: world.moves_settlement._bury(session, number))
    with world.db.read() as session:
        assert session.get_one(Move, number).state == MoveState.DEAD
        assert session.scalars(sa.select(OpenOrder)).all() == []


@on_postgresql
def test_a_move_whose_twin_is_taken_at_that_moment_gets_its_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = world.move_body("leave", source=OPEN, amount=1_000)
    twin: list[Any] = []

    def meet(*_: object) -> None:
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as pool:
            twin.append(pool.submit(world.call, "POST", "/moves", body).result())

    monkeypatch.setattr(world.moves, "_check_points", meet)
    answer = world.call("POST", "/moves", body)
    assert (answer.status_code, answer.json()) == (202, twin[0].json())


def test_what_was_given_up_is_done_when_the_chain_goes_back_and_it_lands(world: World) -> None:
    """Ann voids two orders, at depth; then the chain goes back further than that, and somebody has relayed both."""
    ann, bob = address_of("ann"), address_of("bob")
    bodies = [world.move_body("send", recipient=bob, amount=300 + nonce, nonce=nonce) for nonce in (0, 1)]
    assert [world.call("POST", "/moves", body).status_code for body in bodies] == [202, 202]
    before = world.node.snapshot()
    world.market.send("ann", world.deployment.token, calls.cancel_wallet())
    for _ in range(2):
        world.clock.offset += 40
        world.settle()
    assert {move_row(world, number).state for number in (1, 2)} <= {MoveState.REFUSED, MoveState.DEAD}
    world.node.revert(before)
    for body in bodies:
        end = (body["nonce"], body["deadline"], bytes.fromhex(body["signature"][2:]))
        data = calls.transfer_by_sig(ann, bob, body["amount"], *end)
        world.market.send("bob", world.deployment.token, data)
    world.node.mine(30)
    world.catch_up()
    assert {move_row(world, number).state for number in (1, 2)} == {MoveState.DONE}
    assert (held(world, "ann"), open_orders(world)) == (IN_WALLET - 601, 0)
