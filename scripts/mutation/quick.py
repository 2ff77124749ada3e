"""As much of Ape as tests/contracts ask for, on revm: the same tests in a fiftieth of the time.

A pytest plugin in place of Ape's. Blocks, receipts and refusals are those of Ape's own EVM; what is deployed is what
`codes` says. Who reads a failure must know that it is none of this module: with no mutant awake all tests pass.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import ape
import pytest
from ape.exceptions import ContractLogicError
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from pyrevm import EVM, BlockEnv, CfgEnv, Env

SWITCH = "0x00000000000000000000000000000000000FA017"  # its balance is the number of the mutant that is awake
CHAIN_ID = 1337
GAS = 400_000_000  # ends the loops that have no end any more
START = 1_800_000_000
PANIC, ERROR = bytes.fromhex("4e487b71"), bytes.fromhex("08c379a0")
OVERFLOW = 0x11
HEX = re.compile("0x[0-9a-fA-F]{64}")

#: What is deployed instead of what Ape compiled, by the contract's name.
codes: dict[str, bytes] = {}


@dataclass(frozen=True)
class Person:
    address: str
    private_key: str


class Chain:
    """One transaction a block, a second a block."""

    chain_id = CHAIN_ID

    def __init__(self, awake: int):
        self.evm = EVM(Env(cfg=CfgEnv(chain_id=CHAIN_ID, limit_contract_code_size=1 << 26)), spec_id="CANCUN")
        self.evm.set_balance(SWITCH, awake)
        self.now = START
        self.pending_timestamp = 0
        self.kinds: dict[str, Any] = {}

    @property
    def blocks(self) -> Any:
        return SimpleNamespace(head=SimpleNamespace(timestamp=self.now))

    def mine(self, timestamp: int) -> None:
        self.now = timestamp

    def _next(self) -> None:
        self.now, self.pending_timestamp = self.pending_timestamp or self.now + 1, 0

    def _at(self, time: int) -> None:
        self.evm.reset_transient_storage()
        self.evm.set_block_env(BlockEnv(timestamp=time))

    def send(self, sender: str, to: str, data: bytes) -> Receipt:
        """A receipt; ContractLogicError when it is refused. Takes a block either way."""
        self._next()
        self._at(self.now)
        _guarded(lambda: self.evm.message_call(sender, to, data, gas=GAS))
        result = self.evm.result
        return Receipt(result.logs if result else ())

    def call(self, sender: str, to: str, data: bytes) -> bytes:
        self._at(self.now)
        before = self.evm.snapshot()
        try:
            return bytes(_guarded(lambda: self.evm.message_call(sender, to, data, gas=GAS)))
        finally:
            self.evm.revert(before)

    def deploy(self, sender: str, code: bytes) -> str:
        self._next()
        self._at(self.now)
        return to_checksum_address(_guarded(lambda: self.evm.deploy(sender, code, gas=GAS)))


def _guarded(call: Any) -> Any:
    try:
        return call()
    except RuntimeError as error:
        told = re.search(r"Revert \{.*output: 0x([0-9a-f]*)", str(error))
        raise ContractLogicError(_message(bytes.fromhex(told[1])) if told else str(error)) from None


def _message(answer: bytes) -> str:
    """As Ape puts it."""
    if answer[:4] == PANIC and int.from_bytes(answer[4:]) == OVERFLOW:
        return "Arithmetic operation underflowed or overflowed outside of an unchecked block."
    if answer[:4] == ERROR:
        return str(decode(["string"], answer[4:])[0])
    return f"0x{answer.hex()}" if answer else ""


class Receipt:
    def __init__(self, logs: Sequence[Any]):
        self._logs = logs

    def decode_logs(self, kinds: Sequence[Any]) -> list[Any]:
        by_topic = {bytes(keccak(text=abi.selector)): abi for abi in kinds}
        found = []
        for log in self._logs:
            topics, data = log.data
            abi = by_topic.get(bytes(topics[0])) if topics else None
            if abi:
                values = [
                    decode([item.canonical_type], topic)[0]
                    for item, topic in zip(_indexed(abi), topics[1:], strict=True)
                ]
                plain = [item for item in abi.inputs if not item.indexed]
                values += decode([item.canonical_type for item in plain], data)
                named = {
                    item.name: _out(item, value) for item, value in zip([*_indexed(abi), *plain], values, strict=True)
                }
                found.append(
                    SimpleNamespace(
                        event_name=abi.name,
                        event_arguments=named,
                        contract_address=to_checksum_address(log.address),
                        abi=abi,
                    )
                )
        return found


def _indexed(abi: Any) -> list[Any]:
    return [item for item in abi.inputs if item.indexed]


# -------------------------------------------------------------------- contracts


def _in(value: Any) -> Any:
    """Accounts and contracts as their addresses, hexadecimal words as bytes, also within structs and arrays."""
    if isinstance(value, list | tuple):
        return [_in(item) for item in value]
    value = getattr(value, "address", value)
    return bytes.fromhex(value[2:]) if isinstance(value, str) and HEX.fullmatch(value) else value


def _out(item: Any, value: Any) -> Any:
    """Structs get their names, addresses their capitals."""
    if item.canonical_type == "address":
        return to_checksum_address(value)
    if item.components and not item.canonical_type.endswith("]"):
        return _named(item.components, value)
    return value


def _named(items: Sequence[Any], values: Sequence[Any]) -> Any:
    kind = namedtuple("Answer", [item.name or "" for item in items], rename=True)  # type: ignore[misc]
    return kind(*(_out(item, value) for item, value in zip(items, values, strict=True)))


class Method:
    def __init__(self, contract: Contract, abis: Sequence[Any]):
        self._contract = contract
        self._abis = abis

    def _abi(self, arguments: Sequence[Any]) -> Any:
        (abi,) = [abi for abi in self._abis if len(abi.inputs) == len(arguments)]
        return abi

    def encode_input(self, *arguments: Any) -> bytes:
        abi = self._abi(arguments)
        types = [item.canonical_type for item in abi.inputs]
        return bytes(keccak(text=abi.selector)[:4]) + encode(types, _in(arguments))

    def call(self, *arguments: Any, sender: Any = None) -> Any:
        outputs = self._abi(arguments).outputs
        sender = sender.address if sender else "0x" + "00" * 20
        answer = self._contract.chain.call(sender, self._contract.address, self.encode_input(*arguments))
        values = decode([item.canonical_type for item in outputs], answer)
        if len(outputs) == 1:
            return _out(outputs[0], values[0])
        return _named(outputs, values)

    def __call__(self, *arguments: Any, sender: Any = None) -> Any:
        if self._abi(arguments).stateMutability in ("view", "pure"):
            return self.call(*arguments, sender=sender)
        return self.transact(*arguments, sender=sender)

    def transact(self, *arguments: Any, sender: Any) -> Receipt:
        return self._contract.chain.send(_in(sender), self._contract.address, self.encode_input(*arguments))


class Contract:
    def __init__(self, chain: Chain, address: str, kind: Any):
        self.chain = chain
        self.address = address
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        abis = [abi for abi in self._kind.abi if getattr(abi, "name", None) == name]
        if not abis:
            raise AttributeError(name)
        if abis[0].type == "event":
            return SimpleNamespace(contract=self, abi=abis[0])
        return Method(self, [abi for abi in abis if abi.type == "function"])


class Container:
    def __init__(self, chain: Chain, kind: Any):
        self.chain = chain
        self.contract_type = kind

    def deploy(self, *arguments: Any, sender: Any) -> Contract:
        kind = self.contract_type
        code = codes.get(kind.name) or bytes(kind.get_deployment_bytecode())
        types = [item.canonical_type for item in kind.constructor.inputs]
        address = self.chain.deploy(sender.address, code + encode(types, _in(arguments)))
        self.chain.kinds[address] = kind
        return Contract(self.chain, address, kind)


class Project:
    def __init__(self, chain: Chain):
        self.chain = chain

    def load_contracts(self) -> None:
        """They are."""

    def __getattr__(self, name: str) -> Container:
        return Container(self.chain, getattr(ape.project, name).contract_type)


# --------------------------------------------------------------------- fixtures


class Plugin:
    """Ape's fixtures, with mutant `awake`."""

    def __init__(self) -> None:
        self.awake = 0
        self.people = [Person(str(one.address), str(one.private_key)) for one in list(ape.accounts.test_accounts)[:10]]

    @pytest.fixture(scope="session")
    def chain(self) -> Iterator[Chain]:
        chain = Chain(self.awake)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ape, "Contract", lambda address: Contract(chain, address, chain.kinds[address]))
            yield chain

    @pytest.fixture(scope="session")
    def accounts(self) -> Sequence[Person]:
        return self.people

    @pytest.fixture(scope="session")
    def project(self, chain: Chain) -> Project:
        return Project(chain)

    @pytest.fixture(autouse=True)
    def _back_to_the_state_before(self, chain: Chain) -> Iterator[None]:
        before, now = chain.evm.snapshot(), chain.now
        yield
        chain.evm.revert(before)
        chain.now, chain.pending_timestamp = now, 0
