"""The simulated node and anvil get the same questions and give the same answers, as the gateway understands them.

In one thing it is stricter, as geth is: a replacement must offer a tenth more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.chain import calls
from gateway.chain.deployment import Deployment
from gateway.chain.errors import ChainError
from gateway.chain.hexes import from_hex, to_hex
from gateway.chain.indexer.events import columns
from gateway.chain.relayer.decisions import Fee
from gateway.chain.relayer.signing import Signer
from gateway.chain.rpc import Rpc
from tests.gateway.chain.world import build
from tests.simulation.node import GWEI, SimNode
from tests.simulation.world import SimRpc
from tests.support.anvil import CHAIN_ID, anvil

GAS = 300_000
HOLDER = b"\x11" * 20
FEE = Fee(10 * GWEI, GWEI)


@dataclass
class Subject:
    """One of the two, with what a test does to it."""

    rpc: Rpc
    deployment: Deployment
    signer: Signer
    campaign: int
    anvil: Any = None
    sim: SimNode | None = None

    def __post_init__(self) -> None:
        self.began = int(self.ask("eth_getBlockByNumber", "latest", False)["number"], 16)

    def ask(self, method: str, *params: Any) -> Any:
        answer = self.rpc.batch([(method, params)])[0]
        return type(answer).__name__ if isinstance(answer, ChainError) else answer

    # -------------------------------------------------------------- what is done

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.sim.mine() if self.sim else self.anvil.mine()

    def reorganise(self, depth: int) -> None:
        if self.sim:
            self.sim.take_back(depth, replace=True, to_pool=False)
        else:
            self.anvil.rpc("anvil_reorg", depth, [])

    def roll_back(self, depth: int) -> None:
        if self.sim:
            self.sim.take_back(depth, replace=False, to_pool=False)
        else:
            self.anvil.rpc("anvil_rollback", depth)

    def base_fee(self, wei: int) -> None:
        if self.sim:
            self.sim.base_fee = wei
            self.sim.mine()
        else:
            self.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))
            self.anvil.mine()

    def balance(self, wei: int) -> None:
        if self.sim:
            self.sim.balances[self.signer.address] = wei
        else:
            self.anvil.rpc("anvil_setBalance", to_hex(self.signer.address), hex(wei))

    # ------------------------------------------------------------ what is asked

    def award(self, number: int, nonce: int, fee: Fee = FEE) -> str:
        data = calls.award_batch(self.campaign, number, [(HOLDER, 100), (b"\x22" * 20, 50)])
        return to_hex(self.signer.sign(nonce, self.deployment.hub, data, GAS, fee).raw)

    def send(self, number: int, nonce: int, fee: Fee = FEE) -> str:
        """The error's name, or "taken"."""
        answer = self.ask("eth_sendRawTransaction", self.award(number, nonce, fee))
        return "taken" if answer.startswith("0x") else answer

    def counts(self) -> list[int]:
        address = to_hex(self.signer.address)
        return [int(self.ask("eth_getTransactionCount", address, tag), 16) for tag in ("latest", "pending")]

    def mined(self) -> int:
        return self.counts()[0]

    def deep_count(self, depth: int) -> Any:
        answer = self.ask("eth_getTransactionCount", to_hex(self.signer.address), hex(self.head() - depth))
        return int(answer, 16) if answer.startswith("0x") else answer

    def head(self) -> int:
        return int(self.ask("eth_getBlockByNumber", "latest", False)["number"], 16)

    def receipt(self, number: int, nonce: int, fee: Fee = FEE) -> Any:
        data = calls.award_batch(self.campaign, number, [(HOLDER, 100), (b"\x22" * 20, 50)])
        signed = self.signer.sign(nonce, self.deployment.hub, data, GAS, fee)
        answer = self.ask("eth_getTransactionReceipt", to_hex(signed.hash))
        if answer is None:
            return None
        block = self.ask("eth_getBlockByNumber", answer["blockNumber"], False)
        return (
            int(answer["status"], 16),
            int(answer["blockNumber"], 16) - self.began,
            block["hash"] == answer["blockHash"],
        )

    def call(self, number: int, tag: str = "latest") -> Any:
        data = calls.award_batch(self.campaign, number, [(HOLDER, 100)])
        call = {"from": to_hex(self.signer.address), "to": to_hex(self.deployment.hub), "data": to_hex(data)}
        return self.ask("eth_call", call | {"gas": hex(GAS)}, tag)

    def events(self) -> list[Any]:
        addresses = [to_hex(self.deployment.token), to_hex(self.deployment.hub)]
        query = {"address": addresses, "fromBlock": hex(self.began + 1), "toBlock": hex(self.head())}
        rows = [columns(log, self.deployment, 1) for log in self.ask("eth_getLogs", query)]
        return [
            (row["kind"].name, row["block"] - self.began, row["log_index"], row["amount"], row["number"], row["holder"])
            for row in rows
            if row is not None
        ]


@pytest.fixture
def subjects() -> Iterator[list[Subject]]:
    sim = SimNode(chain_id=CHAIN_ID)
    signer = Signer(b"\x42" * 32, CHAIN_ID)
    sim.mine()
    with anvil() as node:
        world = build(node)
        campaign = world.campaign()
        world.hub(calls.set_operator(campaign, signer.address, 10**9))
        node.rpc("evm_setAutomine", False)
        real = Subject(world.rpc, world.deployment, signer, campaign, anvil=node)
        real.base_fee(GWEI)
        simulated = Subject(SimRpc(sim), sim.deployment(), signer, campaign, sim=sim)
        real.began = real.head()
        both = [real, simulated]
        for each in both:
            each.balance(10**19)
        yield both


def same(subjects: Sequence[Subject], what: str, *args: Any) -> Any:
    """What both answer."""
    real, simulated = (getattr(subject, what)(*args) for subject in subjects)
    assert simulated == real, f"{what}{args}: simulated {simulated}, anvil {real}"
    return real


def both(subjects: Sequence[Subject], what: str, *args: Any) -> None:
    for subject in subjects:
        getattr(subject, what)(*args)


def test_the_same_questions_get_the_same_answers(subjects: list[Subject]) -> None:
    # A transaction, sent twice, and one behind a gap.
    assert same(subjects, "counts") == [0, 0]
    assert same(subjects, "send", 1, 0) == "taken"
    assert same(subjects, "send", 1, 0) == "AlreadyKnown"
    assert same(subjects, "send", 3, 2) == "taken"
    assert same(subjects, "counts") == [0, 1]
    assert same(subjects, "receipt", 1, 0) is None
    both(subjects, "base_fee", GWEI)
    assert same(subjects, "counts") == [1, 1]
    assert same(subjects, "receipt", 1, 0)[0] == 1
    assert same(subjects, "send", 1, 0) == "NonceTooLow"
    assert same(subjects, "send", 9, 0) == "NonceTooLow"
    # The gap is closed, both are mined in one block.
    assert same(subjects, "send", 2, 1) == "taken"
    both(subjects, "base_fee", GWEI)
    assert same(subjects, "counts") == [3, 3]
    assert len(same(subjects, "events")) == 9

    # A number lands once; a second transaction with it is mined and fails.
    assert same(subjects, "call", 2) == "Reverted"
    assert same(subjects, "call", 4) == "0x"
    assert same(subjects, "send", 2, 3) == "taken"
    both(subjects, "base_fee", GWEI)
    assert same(subjects, "receipt", 2, 3)[0] == 0
    assert len(same(subjects, "events")) == 9

    # Replacement: for no more, and for enough.
    dear, dearer = Fee(20 * GWEI, 2 * GWEI), Fee(23 * GWEI, 23 * GWEI // 10)
    assert same(subjects, "send", 5, 4, dear) == "taken"
    assert same(subjects, "send", 6, 4, dear) == "ReplacementUnderpriced"
    assert subjects[1].send(6, 4, Fee(21 * GWEI, 21 * GWEI // 10)) == "ReplacementUnderpriced"  # geth's tenth
    assert same(subjects, "send", 5, 4, dearer) == "taken"
    both(subjects, "base_fee", GWEI)
    assert same(subjects, "receipt", 5, 4, dear) is None
    assert same(subjects, "receipt", 5, 4, dearer)[0] == 1


def test_fees_and_funds(subjects: list[Subject]) -> None:
    both(subjects, "base_fee", 50 * GWEI)
    assert same(subjects, "send", 1, 0, Fee(40 * GWEI, GWEI)) == "FeeTooLow"
    assert same(subjects, "send", 1, 0, Fee(60 * GWEI, GWEI)) == "taken"
    both(subjects, "base_fee", 100 * GWEI)  # what waits and pays less is forgotten
    assert same(subjects, "mined") == 0
    both(subjects, "base_fee", GWEI)
    assert same(subjects, "counts") == [0, 0]
    assert same(subjects, "send", 1, 0, Fee(60 * GWEI, GWEI)) == "taken"
    both(subjects, "base_fee", GWEI)
    assert same(subjects, "mined") == 1
    both(subjects, "balance", GAS * 10 * GWEI - 1)
    assert same(subjects, "send", 2, 1) == "InsufficientFunds"
    both(subjects, "balance", 10**19)
    assert same(subjects, "send", 2, 1) == "taken"


def test_a_chain_that_goes_back(subjects: list[Subject]) -> None:
    for number in (1, 2, 3):
        assert same(subjects, "send", number, number - 1) == "taken"
        both(subjects, "base_fee", GWEI)
    assert same(subjects, "deep_count", 2) == 1
    assert same(subjects, "deep_count", -1) == "BlockUnavailable"
    both(subjects, "reorganise", 2)
    assert same(subjects, "counts") == [1, 1]  # nothing returns to the pool
    assert same(subjects, "receipt", 2, 1) is None
    assert same(subjects, "call", 2) == "0x"
    assert len(same(subjects, "events")) == 3
    assert same(subjects, "send", 2, 1) == "taken"
    both(subjects, "base_fee", GWEI)
    both(subjects, "roll_back", 2)
    assert same(subjects, "mined") == 1
    assert len(same(subjects, "events")) == 3


def test_what_is_beyond_the_head(subjects: list[Subject]) -> None:
    for subject in subjects:
        assert subject.ask("eth_getBlockByNumber", hex(subject.head() + 5), False) is None
        assert subject.ask("eth_getBlockByHash", to_hex(b"\x01" * 32), False) is None
        subject.deployment.verify(subject.rpc)
        assert from_hex(subject.ask("eth_getBlockByNumber", "0x0", False)["hash"]) == subject.deployment.genesis_hash
