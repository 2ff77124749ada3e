"""The bad line does what its weather says, to single requests and to batches, before and after the node has heard."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from eth_account import Account

from gateway.chain.errors import (
    AlreadyKnown,
    ChainError,
    InsufficientFunds,
    NodeDown,
    NonceTooLow,
    ReplacementUnderpriced,
    Temporary,
    UnknownAnswer,
)
from gateway.chain.hexes import to_hex
from gateway.chain.rpc import Rpc
from gateway.chain.sender import GWEI
from tests.gateway.chain.world import OWNER_KEY
from tests.storm import plan
from tests.storm.proxy import FAIR, FaultProxy, Weather
from tests.support.anvil import CHAIN_ID, Anvil, anvil

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
BLOCK = ("eth_blockNumber", [])
OWN_ERRORS = NonceTooLow | AlreadyKnown | ReplacementUnderpriced | InsufficientFunds


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with anvil() as running:
        yield running


@pytest.fixture
def proxy(node: Anvil) -> Iterator[FaultProxy]:
    made = FaultProxy(node.url)
    made.begin(seed=1)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def rpc(proxy: FaultProxy) -> Iterator[Rpc]:
    made = Rpc(proxy.url)
    yield made
    made.close()


def payment(node: Anvil) -> str:
    nonce = int(str(node.rpc("eth_getTransactionCount", OWNER, "latest")), 16)
    fee = {"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI, "chainId": CHAIN_ID}
    tx = {"type": 2, "nonce": nonce, "gas": 21_000, "to": OWNER, "value": 0, **fee}
    return to_hex(bytes(Account.sign_transaction(tx, OWNER_KEY).raw_transaction))


def sent(node: Anvil) -> int:
    """How many are in blocks, once everything that the node has is: it mines after it has answered."""
    while node.rpc("txpool_status") != {"pending": "0x0", "queued": "0x0"}:
        time.sleep(0.01)
    return int(str(node.rpc("eth_getTransactionCount", OWNER, "latest")), 16)


def answer(rpc: Rpc, method: str, *params: object) -> object:
    try:
        return rpc.call(method, *params)
    except ChainError as error:
        return error


def test_fair_weather_changes_nothing(proxy: FaultProxy, rpc: Rpc, node: Anvil) -> None:
    assert rpc.call("eth_chainId") == hex(CHAIN_ID)
    assert rpc.strict_batch([("eth_chainId", []), BLOCK]) == [hex(CHAIN_ID), node.rpc("eth_blockNumber")]
    assert not proxy.done


@pytest.mark.parametrize(
    ("fault", "error"),
    [("lose", NodeDown), ("forget", NodeDown), ("cut", (NodeDown, UnknownAnswer)), ("fail", Temporary)],
)
def test_a_single_question_and_a_batch_fail(proxy: FaultProxy, rpc: Rpc, fault: str, error: type[ChainError]) -> None:
    proxy.weather = Weather(**{fault: 1})
    assert isinstance(answer(rpc, "eth_chainId"), error)
    try:
        answers = rpc.batch([("eth_chainId", []), BLOCK])
    except ChainError as raised:
        answers = [raised]
    assert any(isinstance(each, error) for each in answers)
    proxy.weather = FAIR
    assert rpc.call("eth_chainId") == hex(CHAIN_ID)


@pytest.mark.parametrize(("fault", "arrives"), [("lose", False), ("refuse", False), ("forget", True), ("deny", True)])
def test_a_transaction_goes_wrong_before_or_after_the_node_has_it(
    proxy: FaultProxy, rpc: Rpc, node: Anvil, fault: str, arrives: bool
) -> None:
    before = sent(node)
    proxy.weather = Weather(**{fault: 1})
    assert isinstance(answer(rpc, "eth_sendRawTransaction", payment(node)), NodeDown | OWN_ERRORS)
    assert sent(node) == before + arrives
    proxy.weather = Weather(deny=1, shuffle=1)
    answers = rpc.batch([("eth_chainId", []), ("eth_sendRawTransaction", [payment(node)])])
    assert answers[0] == hex(CHAIN_ID)
    assert isinstance(answers[1], OWN_ERRORS)
    assert sent(node) == before + arrives + 1


def test_every_error_of_a_node_is_one_that_the_relayer_knows(proxy: FaultProxy, rpc: Rpc, node: Anvil) -> None:
    proxy.weather = Weather(refuse=1)
    kinds = {type(answer(rpc, "eth_sendRawTransaction", payment(node))) for _ in range(60)}
    assert kinds == {NonceTooLow, AlreadyKnown, ReplacementUnderpriced, InsufficientFunds}


def test_batches_are_jumbled(proxy: FaultProxy, rpc: Rpc) -> None:
    proxy.weather = Weather(twice=1, shuffle=1)
    assert rpc.batch([("eth_chainId", []), BLOCK, ("web3_clientVersion", [])])[0] == hex(CHAIN_ID)
    proxy.weather = Weather(gap=1)
    answers = rpc.batch([("eth_chainId", []), ("eth_chainId", [])])
    assert [isinstance(each, UnknownAnswer) for each in answers].count(True) == 1


def test_a_node_that_lags_gives_an_earlier_answer(proxy: FaultProxy, rpc: Rpc, node: Anvil) -> None:
    before = rpc.call(*BLOCK[:1])
    node.mine()
    proxy.weather = Weather(stale=1)
    assert rpc.call(*BLOCK[:1]) == before
    proxy.weather = FAIR
    assert int(rpc.call(*BLOCK[:1]), 16) == int(before, 16) + 1


def test_a_node_that_is_down_is_down(proxy: FaultProxy, rpc: Rpc) -> None:
    proxy.node_url = "http://127.0.0.1:1"
    assert isinstance(answer(rpc, "eth_chainId"), NodeDown)


def test_a_plan_is_a_pure_function_of_its_seed() -> None:
    assert plan.draw(7, 30) == plan.draw(7, 30)
    assert plan.draw(7, 30) != plan.draw(8, 30)
    short, long = plan.draw(7, 30), plan.draw(7, 60)
    assert long.troubles[: len(short.troubles)] == short.troubles
    assert {step.what for step in plan.draw(7, 2_000).troubles} == set(plan.TROUBLES)
