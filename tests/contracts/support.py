"""What the contracts' tests share: packed entries, signed orders, and exact looks at refusals and events."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from ape.exceptions import ContractLogicError, CustomError, VirtualMachineError
from eth_abi.abi import decode
from eth_account import Account
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

PAR = 100  # asset units of a hundredth of a point
DAY = 86_400
GRACE = 7 * DAY
FAR = 2**40 - 1  # a deadline that never passes
ZERO = "0x" + "00" * 20
NO_HASH = b"\x00" * 32
SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

DOMAIN = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
ORDER_TIMES = {"nonce": "uint256", "deadline": "uint256"}
PAYMENT = {"holder": "address", "payee": "address", "amount": "uint256", **ORDER_TIMES}
ENTER = {"campaign": "uint256", "minReceived": "uint256"}
REDEMPTION = {"merchant": "address", "offer": "bytes32", "sealKey": "bytes32"}
TYPES = {
    "Transfer": {"holder": "address", "to": "address", "amount": "uint256", **ORDER_TIMES},
    "CashOut": {"holder": "address", "to": "address", "amount": "uint256", **ORDER_TIMES},
    "Permit": {"owner": "address", "spender": "address", "value": "uint256", **ORDER_TIMES},
    "Leave": {"holder": "address", "campaign": "uint256", "amount": "uint256", **ORDER_TIMES},
    "Move": {
        "holder": "address",
        "from": "uint256",
        "to": "uint256",
        "amount": "uint256",
        "minReceived": "uint256",
        **ORDER_TIMES,
    },
    "Stay": {"holder": "address", "campaign": "uint256", "stay": "bool", **ORDER_TIMES},
    "Spend": {
        "holder": "address",
        "campaign": "uint256",
        "merchant": "address",
        "amount": "uint256",
        "offer": "bytes32",
        "sealKey": "bytes32",
        **ORDER_TIMES,
    },
}


def entry(to: Any, amount: int) -> bytes:
    """20 bytes of address, then 12 bytes of amount."""
    return bytes.fromhex(address(to)[2:]) + amount.to_bytes(12, "big")


def address(of: Any) -> str:
    return str(getattr(of, "address", of))


def digest_of(text: str) -> bytes:
    return bytes(keccak(text=text))


# ------------------------------------------------------------------ signatures


@dataclass(frozen=True)
class Signature:
    v: int
    r: int
    s: int

    @property
    def whole(self) -> bytes:
        """r, s, v: 65 bytes."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([self.v])

    @property
    def r_bytes(self) -> bytes:
        return self.r.to_bytes(32, "big")

    @property
    def s_bytes(self) -> bytes:
        return self.s.to_bytes(32, "big")

    @property
    def vs(self) -> bytes:
        """s with the parity in its top bit (ERC-2098)."""
        return (self.s | (self.v - 27) << 255).to_bytes(32, "big")

    @property
    def mirrored(self) -> Signature:
        """The other valid solution of the curve, whose s is high: malleability that must be refused."""
        return Signature(55 - self.v, self.r, SECP256K1_N - self.s)


#: What contracts told in this test; to ask for each signature would take longer than to sign.
domains: dict[str, dict[str, Any]] = {}


def domain_of(contract: Any, **changed: Any) -> dict[str, Any]:
    """EIP-712 domain as the contract itself tells it (ERC-5267), with fields changed at will."""
    if contract.address not in domains:
        told = contract.eip712Domain()
        domains[contract.address] = {
            "name": told.name,
            "version": told.version,
            "chainId": told.chainId,
            "verifyingContract": contract.address,
        }
    return domains[contract.address] | changed


def sign(
    signer: Any,
    contract: Any,
    kind: str,
    message: dict[str, Any],
    witness: tuple[str, dict[str, str]] | None = None,
    **domain: Any,
) -> Signature:
    """Signs `message` of type `kind`; with `witness` (name, fields) it is a Payment that carries one."""
    types = {kind: fields(PAYMENT if witness else TYPES[kind])}
    if witness:
        name, inner = witness
        types[kind].append({"name": "witness", "type": name})
        types[name] = fields(inner)
    signed = Account.sign_typed_data(
        signer.private_key,
        full_message={
            "types": {"EIP712Domain": fields(DOMAIN), **types},
            "primaryType": kind,
            "domain": domain_of(contract, **domain),
            "message": _addressed(message),
        },
    )
    return Signature(signed.v, signed.r, signed.s)


def _addressed(message: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _addressed(value) if isinstance(value, dict) else getattr(value, "address", value)
        for key, value in message.items()
    }


def fields(types: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


# -------------------------------------------------------------------- refusals

_errors: dict[bytes, Any] = {}


def know_errors(*containers: Any) -> None:
    """Lets `refused` read the errors of these contracts wherever in a call they come from."""
    for container in containers:
        for abi in container.contract_type.errors:
            _errors[bytes(keccak(text=abi.selector))[:4]] = abi


@contextmanager
def refused(name: str, *values: Any) -> Iterator[None]:
    """The block's transaction is refused with exactly this error and these values.

    Stricter than `ape.reverts`, which lets pass any refusal that it cannot decode.
    """
    with pytest.raises(ContractLogicError) as caught:
        yield
    assert reason(caught.value) == (name, tuple(_plain(value) for value in values))


@contextmanager
def overflows() -> Iterator[None]:
    """The block's transaction is refused because a sum or product does not fit."""
    with pytest.raises(VirtualMachineError, match="Arithmetic operation"):
        yield


def reason(error: ContractLogicError) -> tuple[str, tuple[Any, ...]]:
    if isinstance(error, CustomError):
        return error.name, tuple(_plain(value) for value in error.inputs.values())
    message = str(error.revert_message)
    if message.startswith('b"'):  # Ape's own EVM tells data that holds an apostrophe this way
        message = "0x" + literal_eval(message).hex()
    if message.startswith("custom error 0x"):  # anvil, of calls: it writes what follows as text where it can be one
        selector, _, rest = message.removeprefix("custom error ").partition(": ")
        try:
            message = selector + bytes.fromhex(rest).hex()
        except ValueError:
            message = selector + rest.encode().hex()
    if message.startswith("0x") and len(message) >= 10:
        data = bytes.fromhex(message[2:])
        abi = _errors[data[:4]]
        values = decode([item.canonical_type for item in abi.inputs], data[4:])
        return abi.name, tuple(_plain(value) for value in values)
    return message, ()


def _plain(value: Any) -> Any:
    value = getattr(value, "address", value)
    return to_checksum_address(value) if isinstance(value, str) and is_address(value) else value


# ---------------------------------------------------------------------- events


def events(receipt: Any, *kinds: Any) -> list[tuple[Any, ...]]:
    """What a transaction logged of these kinds, in order: (name, value, value, ...)."""
    wanted = {(kind.contract.address, kind.abi.selector): kind for kind in kinds}
    return [
        (log.event_name, *(_comparable(value) for value in log.event_arguments.values()))
        for log in receipt.decode_logs([kind.abi for kind in wanted.values()])
        if (log.contract_address, log.abi.selector) in wanted
    ]


def _comparable(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytes) else value


# ------------------------------------------------------------------------ sums


def sums(token: Any, hub: Any, asset: Any, campaigns: Any, holders: Any) -> bool:
    """The invariants that are sums, over everybody there is; exact, as nobody has made gifts by mistake."""
    accounts = 0
    for campaign in campaigns:
        states = [hub.account(campaign, holder) for holder in holders]
        accounts += sum(state.matured + state.pending for state in states)
    wallets = sum(token.balanceOf(holder) for holder in holders)
    funds = sum(state.budget + state.pot for state in map(hub.campaign, campaigns))
    supply = token.totalSupply()
    assert asset.balanceOf(token) == PAR * supply
    assert wallets + token.balanceOf(hub) == supply
    assert token.balanceOf(hub) == accounts
    assert asset.balanceOf(hub) == PAR * funds
    return True


def move_order(hub: Any, signer: Any, source: int, target: int, **changed: Any) -> Any:
    """A signed order to move points; `changed`: some of its fields."""
    order = {"holder": signer, "from": source, "to": target, "amount": 200, "minReceived": 210}
    return sign(signer, hub, "Move", order | {"nonce": 0, "deadline": FAR} | changed).whole
