"""A whole house of its own for the command line: real chain, gateway and worker as `loyalty up` starts them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from typer.testing import CliRunner

from gateway.chain import keystore
from gateway.cli import app
from gateway.client import Client
from gateway.commands.house import House
from gateway.commands.state import PASSWORD_VARIABLE, State
from tests.support.processes import free_port


@dataclass
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class CommandLine:
    """Runs `loyalty …` on one state directory, whose house runs."""

    state: State

    def run(self, *words: object, fails: int = 0, as_json: bool = True) -> Answer:
        """One command with --json; the test fails unless it ends with the code `fails`."""
        os.environ["LOYALTY_STATE"] = str(self.state.root)
        result = CliRunner().invoke(app, [*map(str, words), *(["--json"] if as_json else [])])
        answer = Answer(result.exit_code, result.stdout, result.stderr)
        assert result.exit_code == fails, f"{words}: {result.stdout}\n{result.stderr}\n{result.exception!r}"
        return answer

    def supply(self) -> int:
        """All points there are, hundredths."""
        with self.client() as client:
            return int(client.chain()["supply"])

    def client(self, merchant: str | None = None) -> Client:
        """The gateway, as one of this machine's merchants or as nobody."""
        return Client(self.state.endpoints()["gateway"], self.state.merchant(merchant).api_key if merchant else None)


@pytest.fixture(scope="module", autouse=True)
def cheap_keystores() -> Iterator[None]:
    """Keystores whose password costs a thousandth of the time; a file says by itself what it costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keystore, "Account", Cheap)
        yield


class Cheap:
    """eth_account's two functions of keystores."""

    decrypt = Account.decrypt

    @staticmethod
    def encrypt(key: bytes, password: str) -> Any:
        return Account.encrypt(key, password, iterations=256)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, cheap_keystores: None) -> Iterator[House]:
    """A running house with nothing in it."""
    state = State(tmp_path_factory.mktemp("house") / "state")
    house = House(state, free_port(), free_port())
    before = dict(os.environ)
    os.environ[PASSWORD_VARIABLE] = "test"
    house.start()
    try:
        yield house
    finally:
        house.stop()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def loyalty(house: House) -> CommandLine:
    """The command line of that house."""
    return CommandLine(house.state)
