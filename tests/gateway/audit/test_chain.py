"""The chain alone: a random life agrees with the contracts; a lost or changed event, or changed storage, does not."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from gateway.chain import calls
from gateway.chain.errors import RangeTooLarge
from gateway.chain.hexes import keccak256, to_hex
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.commands import audit_chain, audit_logs
from gateway.commands.audit import run_audit
from gateway.commands.audit_books import Books
from gateway.commands.audit_logs import Logs
from gateway.commands.audit_model import Difference
from tests.gateway.audit.scene import Scene

#: Logs that no number hangs on: an allowance; who was offered what; an order that its own event tells of again.
IDLE = {"Approval", "OwnershipOffered", "MerchantInvited", "EIP712DomainChanged"}


@pytest.mark.parametrize("seed", range(3))
def test_random_life_leaves_no_difference(scene: Scene, seed: int) -> None:
    assert scene.live(seed, 400) > 150
    report = run_audit(None, scene.rpc, scene.deployment)
    assert report.differences == []
    assert report.solvent
    done = report.totals
    happened = ("awarded", "clawed_back", "entered", "left", "moved_out", "bonus", "redeemed", "cashed_out")
    assert all(done[name] for name in happened), done
    scene.wind_up()
    report = run_audit(None, scene.rpc, scene.deployment)
    assert report.differences == []
    assert report.solvent
    assert report.totals["expired"]
    # Funded is what was awarded, given as bonus or paid back: nothing is left and nothing was made.
    assert report.totals["budgets"] == report.totals["pots"] == 0


def _codes(differences: list[Difference]) -> set[str]:
    return {each.code for each in differences}


def test_past_block_can_be_audited(scene: Scene) -> None:
    scene.live(5, 60)
    block = scene.reads.head().number
    before = run_audit(None, scene.rpc, scene.deployment)
    scene.live(6, 60)
    again = run_audit(None, scene.rpc, scene.deployment, block=block)
    assert again == before


class TestEventsTampered:
    """What a lying or forgetful node could do to the logs, while the contracts say the truth."""

    @pytest.fixture
    def told(self, scene: Scene) -> tuple[Scene, Logs]:
        scene.live(27, 200)
        # Random acts may say again what was so already; these do not.
        stays = scene.reads.account(1, scene.holders[0]).stay
        scene.must(scene.holders[0], scene.hub, calls.set_stay(1, not stays))
        scene.must(scene.merchants[0], scene.hub, calls.set_delegate(scene.operator, False))
        scene.must(scene.owner, scene.hub, calls.set_operator(1, scene.second, 777_777))
        head = Reads(scene.rpc, scene.deployment).head()
        return scene, audit_logs.fetch(scene.rpc, scene.deployment, head)

    def _audit(self, scene: Scene, logs: list[audit_logs.Log]) -> list[Difference]:
        head = scene.reads.head()
        books = Books(scene.hub)
        books.feed(logs)
        books.close(head.time)
        return books.differences + audit_chain.compare(books, scene.rpc, scene.deployment, head)[0]

    def test_every_kind_of_missing_event_is_found(self, told: tuple[Scene, Logs]) -> None:
        scene, logs = told
        assert self._audit(scene, logs.decoded) == []
        kinds = {(log.contract, log.name) for log in logs.decoded if log.name not in IDLE}
        # Of the token's nonces only a lower bound is known: permits use them silently.
        kinds -= {("token", "OrderExecuted"), ("token", "OrdersCancelled")}
        assert len(kinds) > 15
        for contract, name in sorted(kinds):
            # The newest: an older change of a role may have been overwritten since.
            at = max(at for at, log in enumerate(logs.decoded) if (log.contract, log.name) == (contract, name))
            found = self._audit(scene, logs.decoded[:at] + logs.decoded[at + 1 :])
            assert found, f"{contract}.{name} is missed by nobody: write Books._{contract}_{name}, or name it in IDLE"

    def test_every_changed_amount_is_found(self, told: tuple[Scene, Logs]) -> None:
        scene, logs = told
        chance = random.Random(2)
        numbers = ("value", "amount", "total", "points", "budget", "pot", "bonus", "dailyCap")
        with_numbers = [
            at for at, log in enumerate(logs.decoded) if set(numbers) & set(log.args) and log.name not in IDLE
        ]
        for at in chance.sample(with_numbers, 25):
            log = logs.decoded[at]
            name = next(each for each in numbers if each in log.args)
            if log.name == "OperatorSet" and log != [x for x in logs.decoded if x.name == "OperatorSet"][-1]:
                continue
            changed = dataclasses.replace(log, args=log.args | {name: log.args[name] + 1})
            assert self._audit(scene, [*logs.decoded[:at], changed, *logs.decoded[at + 1 :]]), (log.name, name)

    def test_number_landing_twice_is_found(self, told: tuple[Scene, Logs]) -> None:
        scene, logs = told
        landed = next(log for log in logs.decoded if log.name == "AwardLanded")
        again = dataclasses.replace(landed, index=99_999)
        assert "events-number-landed-twice" in _codes(self._audit(scene, [*logs.decoded, again]))

    def test_more_bonus_than_the_pot_is_found(self, told: tuple[Scene, Logs]) -> None:
        scene, logs = told
        at, log = next((at, log) for at, log in enumerate(logs.decoded) if log.name == "Entered" and log.args["bonus"])
        more = dataclasses.replace(log, args=log.args | {"bonus": log.args["bonus"] + 1})
        assert "events-bonus" in _codes(self._audit(scene, [*logs.decoded[:at], more, *logs.decoded[at + 1 :]]))


class TestStorageTampered:
    """What the contracts hold is changed behind their backs, so that the events tell the truth."""

    def _slots(self, contract: bytes, scene: Scene, view: str, *args: bytes) -> bytes:
        """The storage slot that a view reads: found by changing each that it touches."""
        data = keccak256(view.encode())[:4] + b"".join(arg.rjust(32, b"\0") for arg in args)
        call = {"to": to_hex(contract), "data": to_hex(data)}
        touched: Any = scene.rpc.call("eth_createAccessList", call, "latest")
        keys = [key for entry in touched["accessList"] for key in entry["storageKeys"]]
        return bytes.fromhex(keys[0][2:])

    def _raise(self, scene: Scene, contract: bytes, slot: bytes, by: int) -> None:
        held = int(scene.rpc.call("eth_getStorageAt", to_hex(contract), to_hex(slot), "latest"), 16)
        scene.rpc.call("anvil_setStorageAt", to_hex(contract), to_hex(slot), f"0x{held + by:064x}")
        scene.node.mine()

    def test_balance_of_one_wallet(self, scene: Scene) -> None:
        scene.live(8, 80)
        slot = self._slots(scene.token, scene, "balanceOf(address)", scene.holders[0])
        self._raise(scene, scene.token, slot, 1)
        report = run_audit(None, scene.rpc, scene.deployment)
        assert [each.code for each in report.differences] == ["balance"]
        assert int(report.differences[0].found) == int(report.differences[0].expected) + 1

    def test_supply_beyond_the_reserve(self, scene: Scene) -> None:
        scene.live(8, 80)
        slot = self._slots(scene.token, scene, "totalSupply()")
        self._raise(scene, scene.token, slot, 10**9)
        report = run_audit(None, scene.rpc, scene.deployment)
        assert _codes(report.differences) == {"supply", "not-backed"}
        assert not report.solvent

    def test_reserve_that_went_away(self, scene: Scene) -> None:
        scene.live(8, 80)
        slot = self._slots(scene.asset, scene, "balanceOf(address)", scene.token)
        held = int(scene.rpc.call("eth_getStorageAt", to_hex(scene.asset), to_hex(slot), "latest"), 16)
        owed = scene.reads.total_supply() * scene.deployment.par
        scene.rpc.call("anvil_setStorageAt", to_hex(scene.asset), to_hex(slot), f"0x{owed:064x}")
        scene.node.mine()
        assert run_audit(None, scene.rpc, scene.deployment).solvent  # a gift more or less changes nothing
        scene.rpc.call("anvil_setStorageAt", to_hex(scene.asset), to_hex(slot), f"0x{min(held, owed) - 1:064x}")
        scene.node.mine()
        report = run_audit(None, scene.rpc, scene.deployment)
        assert [each.code for each in report.differences] == ["not-backed"]
        assert not report.solvent


class _Narrow(Rpc):
    """A node that gives logs of few blocks at a time."""

    def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) > 16:
            raise RangeTooLarge
        return super().call(method, *params)


def test_node_with_narrow_ranges_is_asked_in_pieces(scene: Scene) -> None:
    scene.live(9, 60)
    narrow = _Narrow(scene.node.url)
    assert run_audit(None, narrow, scene.deployment) == run_audit(None, scene.rpc, scene.deployment)
    narrow.close()
