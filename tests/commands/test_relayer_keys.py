"""The rotation of a relayer key as docs/operations.md shows it, on a house at work."""

from __future__ import annotations

from contextlib import closing

import pytest

from gateway.chain.rpc import Rpc
from gateway.commands.house import House
from tests.commands.conftest import CommandLine
from tests.support.waiting import until


def award(loyalty: CommandLine, wallet: str, points: int) -> None:
    loyalty.run("grant", "adjust", 1, wallet, points, "--merchant", "cafe", "--reason", "goodwill")


@pytest.fixture(scope="module")
def shop(loyalty: CommandLine) -> CommandLine:
    loyalty.run("merchant", "new", "cafe")
    loyalty.run("faucet", "cafe", "--asset", 10**9)
    loyalty.run("campaign", "create", "--merchant", "cafe", "--name", "Spring", "--settle-every", 0, "--min-wallets", 1)
    loyalty.run("campaign", "fund", 1, "--merchant", "cafe", "--budget", 1_000)
    loyalty.run("wallet", "new", "alice")
    return loyalty


def roles(loyalty: CommandLine) -> str:
    checks = loyalty.run("doctor").document["checks"]
    return str(next(check["detail"] for check in checks if check["name"] == "operator of campaign 1"))


def test_a_key_is_rotated(shop: CommandLine, house: House) -> None:
    (old,) = shop.run("relayer", "list").document
    new = shop.run("relayer", "new").document
    assert {key["address"] for key in shop.run("relayer", "list").document} == {old["address"], new["address"]}

    refused = shop.run("campaign", "authorise", 1, "--merchant", "cafe", fails=1)
    assert old["address"] in refused.err
    assert new["address"] in refused.err
    house.stop()
    house.start()  # a wrong order: it may do nothing yet, and hinders nobody
    assert roles(shop).endswith("1 of 2 keys are authorised")
    award(shop, "alice", 5)
    wait_for(shop, 500)

    shop.run("campaign", "authorise", 1, "--merchant", "cafe", "--operator", new["address"], "--daily-cap", 500)
    shop.run("merchant", "delegate", "cafe", "--operator", new["address"])
    assert "authorised" not in roles(shop)
    shop.run("campaign", "authorise", 1, "--merchant", "cafe", "--operator", old["address"], "--revoke")
    shop.run("merchant", "delegate", "cafe", "--operator", old["address"], "--revoke")
    assert roles(shop).endswith("1 of 2 keys are authorised")

    before = nonce(house, new["address"])
    award(shop, "alice", 7)
    wait_for(shop, 1_200)
    assert nonce(house, new["address"]) == before + 1
    kept = house.state.root / "retired.json"
    (house.state.relayers / "relayer.json").rename(kept)
    house.stop()
    house.start()
    award(shop, "alice", 2)
    wait_for(shop, 1_400)
    assert shop.run("audit").document["differences"] == []


def wait_for(loyalty: CommandLine, balance: int) -> None:
    until(lambda: loyalty.run("wallet", "balance", "alice").document["balance"] == balance, "the award lands")


def nonce(house: House, address: str) -> int:
    with closing(Rpc(house.rpc_url)) as rpc:
        return int(rpc.call("eth_getTransactionCount", address, "latest"), 16)
