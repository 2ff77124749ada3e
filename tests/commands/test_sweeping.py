"""What a campaign did not award comes back to its owner, and a command tells when."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.chain import calls, keystore, local
from gateway.chain.rpc import Rpc
from gateway.chain.signatures import address_of
from gateway.cli import app
from gateway.client import Json
from gateway.commands.chain import open_chain
from gateway.commands.state import PASSWORD_VARIABLE, MerchantRecord, State
from tests.support.anvil import anvil

DAY = 86_400


def test_the_rest_of_a_campaign_comes_back_a_week_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path)
    monkeypatch.setenv(PASSWORD_VARIABLE, "x")
    key = secrets.token_bytes(32)
    with anvil() as node, closing(Rpc(node.url)) as rpc:
        monkeypatch.setenv("LOYALTY_RPC_URL", node.url)
        local.fund_gas(rpc, address_of(key))
        deployment = local.deploy(rpc, key)
        deployment.save(state.deployment)
        (tmp_path / "merchants").mkdir()
        cafe = keystore.create(state.keystore("merchants", "cafe"), "x")
        state.save_merchant(MerchantRecord("cafe", 1, "0x" + cafe.hex(), "loy_x"))
        local.fund_gas(rpc, cafe)

        def sweep(code: int) -> Json:
            words = ["campaign", "sweep", "1", "--merchant", "cafe", "--state", str(tmp_path), "--json"]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == code, result.output
            answer: Json = json.loads(result.stdout)
            return answer

        chain = open_chain(state)
        own = chain.own(keystore.load(state.keystore("merchants", "cafe"), "x"))
        own.do("mock asset", deployment.asset, calls.mint(own.address, 10**9))
        own.create_campaign(chain.reads.head().time + 2 * DAY, 0, False, 0, 0, bytes(31) + b"1")
        own.fund(1, 123_45, 0)
        node.pass_time(2 * DAY)
        assert sweep(1)["error"]["code"] == "NotYet"
        node.pass_time(7 * DAY)
        before = chain.reads.asset_balance(own.address)
        assert sweep(0) == {"campaign": 1, "budget": 123_45, "pot": 0}
        assert chain.reads.asset_balance(own.address) - before == 123_45 * deployment.par
        assert sweep(1)["error"]["code"] == "nothing-left"
