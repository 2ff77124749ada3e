"""What a real node says when it refuses, and what other nodes are known to say."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from eth_account import Account

from gateway.chain import calls, errors
from gateway.chain.hexes import to_hex
from gateway.chain.signatures import address_of
from tests.gateway.chain.world import OWNER_KEY, World, connect, wallet
from tests.support.processes import free_port
from tests.support.servers import answering

PAGE = "<html><body>Welcome</body></html>"


def send(world: World, key: bytes = OWNER_KEY, **changes: Any) -> str:
    nonce = int(world.rpc.call("eth_getTransactionCount", to_hex(address_of(key)), "latest"), 16)
    transaction = {
        "type": 2,
        "chainId": world.deployment.chain_id,
        "nonce": nonce,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
        "to": "0x" + "11" * 20,
        "value": 0,
    }
    raw = Account.sign_transaction(transaction | changes, key).raw_transaction
    return str(world.rpc.call("eth_sendRawTransaction", to_hex(bytes(raw))))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nonce": 0}, errors.NonceTooLow),
        ({"gas": 20_000}, errors.GasTooLow),
        ({"gas": 2**40}, errors.GasTooHigh),
        ({"chainId": 1}, errors.WrongChain),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, errors.FeeTooLow),
        ({"key": b"\x77" * 32}, errors.InsufficientFunds),
    ],
)
def test_refused_by_anvil(shared_world: World, changes: dict[str, Any], error: type[errors.ChainError]) -> None:
    with pytest.raises(error):
        send(shared_world, changes.pop("key", OWNER_KEY), **changes)


def test_the_same_bytes_twice(world: World) -> None:
    world.node.rpc("evm_setAutomine", False)
    send(world)
    with pytest.raises(errors.AlreadyKnown):
        send(world)


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("eth_sendRawTransaction", ["0x02ff"], errors.Malformed),
        ("eth_nothing", [], errors.Malformed),
        ("eth_getBalance", ["0x12", "latest"], errors.Malformed),
        ("eth_getTransactionCount", ["0x" + "11" * 20, "0xffffff"], errors.BlockUnavailable),
        ("eth_getLogs", [{"fromBlock": "0xffffff", "toBlock": "0xffffff"}], errors.BlockUnavailable),
    ],
)
def test_requests_that_anvil_refuses(
    shared_world: World, method: str, params: list[Any], error: type[errors.ChainError]
) -> None:
    with pytest.raises(error):
        shared_world.rpc.call(method, *params)


def test_a_contract_refuses_by_name_with_its_numbers(shared_world: World) -> None:
    with pytest.raises(errors.Reverted) as caught:
        shared_world.hub(calls.fund(999, 1, 0))
    assert caught.value.name == "UnknownCampaign"
    assert caught.value.word(0) == 999
    assert caught.value.word(1) == 0
    campaign = shared_world.campaign(budget=100)
    shared_world.hub(calls.set_operator(campaign, shared_world.owner.address, 10**6))
    with pytest.raises(errors.Reverted) as caught:
        shared_world.hub(calls.award_batch(campaign, 1, [(wallet(), 101)]))
    assert (caught.value.name, caught.value.word(0), caught.value.word(1)) == ("OverBudget", 101, 100)


def test_nobody_answers() -> None:
    with pytest.raises(errors.NodeDown):
        connect(f"http://127.0.0.1:{free_port()}").call("eth_chainId")


def test_no_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(errors.NodeTimeout):
        connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).call("eth_chainId")


def test_a_server_that_is_no_node(shared_world: World) -> None:
    with pytest.raises(errors.NotANode):
        connect(shared_world.node.url + "/nothing/here").call("eth_chainId")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, PAGE, errors.NotANode),
        (200, "", errors.NotANode),
        (200, '{"hello": "world"}', errors.NotANode),
        (200, '[{"hello": "world"}]', errors.NotANode),
        (200, '"hello"', errors.NotANode),
        (301, PAGE, errors.NotANode),
        (401, '{"message": "no such key"}', errors.NotANode),
        (404, PAGE, errors.NotANode),
        (404, '{"status": 404, "error": "Not Found"}', errors.NotANode),
        (502, PAGE, errors.NodeDown),  # of the proxy before a node that is down
        (503, '{"message": "overloaded"}', errors.NodeDown),
        (429, PAGE, errors.RateLimited),
    ],
)
def test_what_answers_is_no_node(status: int, body: str, error: type[errors.ChainError]) -> None:
    """Above all, a document without a result is no result `null`: that says that there is no such transaction."""
    with answering(status, body) as url:
        rpc = connect(url)
        with pytest.raises(error):
            rpc.call("eth_getTransactionReceipt", to_hex(bytes(32)))
        with pytest.raises(error):
            rpc.batch([("eth_chainId", []), ("eth_blockNumber", [])])
    assert issubclass(error, errors.Temporary)  # tomorrow the proxy shows the node again


def test_a_result_that_is_null_is_one() -> None:
    for answer in ('{"jsonrpc": "2.0", "id": 0, "result": null}', '{"jsonrpc": "2.0", "id": 0}', '{"result": null}'):
        with answering(200, answer) as url:
            assert connect(url).call("eth_getTransactionReceipt", to_hex(bytes(32))) is None


def test_a_batch_keeps_its_order_and_its_errors(shared_world: World) -> None:
    wanted = [("eth_chainId", []), ("eth_nothing", [])] * 60
    answers = shared_world.rpc.batch(wanted)
    assert answers[0::2] == [hex(shared_world.deployment.chain_id)] * 60
    assert all(isinstance(answer, errors.Malformed) for answer in answers[1::2])
    with pytest.raises(errors.Malformed):
        shared_world.rpc.strict_batch(wanted)
    assert shared_world.rpc.batch([]) == []


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"code": -32000, "message": "nonce too low: next nonce 5, tx nonce 4"}, errors.NonceTooLow),
        ({"code": -32000, "message": "already known"}, errors.AlreadyKnown),
        ({"code": -32010, "message": "AlreadyKnown"}, errors.AlreadyKnown),
        ({"code": -32000, "message": "Known transaction"}, errors.AlreadyKnown),
        ({"code": -32000, "message": "INTERNAL_ERROR: existing tx with same hash"}, errors.AlreadyKnown),
        ({"code": -32000, "message": "replacement transaction underpriced"}, errors.ReplacementUnderpriced),
        ({"code": -32000, "message": "transaction underpriced: gas tip cap 0, minimum 1"}, errors.FeeTooLow),
        (
            {"code": -32000, "message": "max fee per gas less than block base fee: address 0x12, maxFeePerGas: 1"},
            errors.FeeTooLow,
        ),
        (
            {"code": -32003, "message": "insufficient funds for gas * price + value: balance 0"},
            errors.InsufficientFunds,
        ),
        ({"code": -32000, "message": "Upfront cost exceeds account balance"}, errors.InsufficientFunds),
        ({"code": -32000, "message": "txpool is full"}, errors.PoolFull),
        ({"code": -32000, "message": "exceeds block gas limit"}, errors.GasTooHigh),
        (
            {"code": -32000, "message": "transaction gas limit too high (cap: 16777216, tx: 16777217)"},
            errors.GasTooHigh,
        ),
        ({"code": -32000, "message": "gas required exceeds allowance (30000000)"}, errors.GasTooHigh),
        ({"code": -32000, "message": "intrinsic gas too low: gas 20000, minimum needed 21000"}, errors.GasTooLow),
        ({"code": -32005, "message": "daily request count exceeded"}, errors.RateLimited),
        ({"code": 429, "message": "Too Many Requests"}, errors.RateLimited),
        ({"code": -32005, "message": "query returned more than 10000 results"}, errors.RangeTooLarge),
        ({"code": -32600, "message": "eth_getLogs block range is limited to 100"}, errors.RangeTooLarge),
        ({"code": -32000, "message": "header not found"}, errors.BlockUnavailable),
        ({"code": -32000, "message": "missing trie node 12ab"}, errors.BlockUnavailable),
        ({"code": 3, "message": "execution reverted", "data": "0x"}, errors.Reverted),
        ({"code": -32015, "message": "VM execution error.", "data": "Reverted 0x08c379a0"}, errors.Reverted),
        ({"code": -32000, "message": "execution reverted", "data": {"data": "0x1f2a2005"}}, errors.Reverted),
        ({"code": -32000, "message": "something nobody has seen"}, errors.UnknownAnswer),
        ("a string", errors.UnknownAnswer),
        ({}, errors.UnknownAnswer),
    ],
)
def test_one_table(said: Any, error: type[errors.ChainError]) -> None:
    assert type(errors.from_answer(said)) is error


def test_no_error_repeats_what_the_node_said() -> None:
    said = {"code": -32000, "message": "insufficient funds: address 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"}
    assert str(errors.from_answer(said)) == "InsufficientFunds"
    assert "0x" not in repr(errors.from_answer(said))
