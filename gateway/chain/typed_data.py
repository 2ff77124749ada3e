"""What holders sign: EIP-712 digests of the contracts' orders, and the same as JSON for a wallet to show.

Types stand as in contracts/interfaces; tests/vectors/eip712.json holds both sides to the same literals. Amounts are
hundredths of a point, deadlines Unix seconds, addresses 20 bytes, offers and seal keys 32 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.chain.hexes import checksum, keccak256, to_hex

Value = bytes | int | bool


@dataclass(frozen=True)
class Struct:
    """One EIP-712 struct: its fields' names and types. A field may be another struct, named in `nested`."""

    name: str
    fields: tuple[tuple[str, str], ...]
    nested: Mapping[str, Struct] = field(default_factory=dict)
    typehash: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "typehash", keccak256(self.encode_type().encode()))

    def encode_type(self) -> str:
        """`Name(type field,…)` followed by what it refers to."""
        own = f"{self.name}({','.join(f'{kind} {name}' for name, kind in self.fields)})"
        return own + "".join(struct.encode_type() for struct in self.nested.values())

    def hash(self, values: Mapping[str, Value]) -> bytes:
        """hashStruct; nested structs take their fields from the same flat mapping."""
        words = [self.typehash]
        for name, kind in self.fields:
            nested = self.nested.get(kind)
            words.append(nested.hash(values) if nested else _word(values[name]))
        return keccak256(b"".join(words))

    def json(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """The message as a wallet's `eth_signTypedData_v4` takes it."""
        out: dict[str, Any] = {}
        for name, kind in self.fields:
            nested = self.nested.get(kind)
            out[name] = nested.json(values) if nested else _plain(kind, values[name])
        return out

    def types(self) -> dict[str, list[dict[str, str]]]:
        """The `types` part of the JSON, without EIP712Domain."""
        own = {self.name: [{"name": name, "type": kind} for name, kind in self.fields]}
        for struct in self.nested.values():
            own |= struct.types()
        return own


def _word(value: Value) -> bytes:
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")


def _plain(kind: str, value: Value) -> str | bool:
    if kind == "bool":
        return bool(value)
    if isinstance(value, bytes):
        return checksum(value) if kind == "address" else to_hex(value)
    return str(value)  # a string: JavaScript's numbers end at 2^53


def _struct(signature: str, **nested: Struct) -> Struct:
    """From the Solidity notation `Name(type field,…)`."""
    name, _, rest = signature.removesuffix(")").partition("(")
    fields = tuple((part.split(" ")[1], part.split(" ")[0]) for part in rest.split(","))
    return Struct(name, fields, nested)


DOMAIN = _struct("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")

TRANSFER = _struct("Transfer(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)")
CASH_OUT = _struct("CashOut(address holder,address to,uint256 amount,uint256 nonce,uint256 deadline)")

_PAYMENT = "Payment(address holder,address payee,uint256 amount,uint256 nonce,uint256 deadline,"
ENTER_WITNESS = _struct("Enter(uint256 campaign,uint256 minReceived)")
ENTER = _struct(_PAYMENT + "Enter witness)", Enter=ENTER_WITNESS)
REDEMPTION_WITNESS = _struct("Redemption(address merchant,bytes32 offer,bytes32 sealKey)")
REDEMPTION = _struct(_PAYMENT + "Redemption witness)", Redemption=REDEMPTION_WITNESS)

LEAVE = _struct("Leave(address holder,uint256 campaign,uint256 amount,uint256 nonce,uint256 deadline)")
MOVE = _struct(
    "Move(address holder,uint256 from,uint256 to,uint256 amount,uint256 minReceived,uint256 nonce,uint256 deadline)"
)
STAY = _struct("Stay(address holder,uint256 campaign,bool stay,uint256 nonce,uint256 deadline)")
SPEND = _struct(
    "Spend(address holder,uint256 campaign,address merchant,uint256 amount,bytes32 offer,bytes32 sealKey,"
    "uint256 nonce,uint256 deadline)"
)
BADGE = _struct("Badge(address holder,uint256 campaign,uint256 badge,uint256 deadline)")

#: Orders by the names of `Domains`' methods, and the contract whose domain they are signed for.
ORDERS: dict[str, tuple[Struct, str]] = {
    "transfer": (TRANSFER, "token"),
    "cash_out": (CASH_OUT, "token"),
    "enter": (ENTER, "token"),
    "redemption": (REDEMPTION, "token"),
    "leave": (LEAVE, "hub"),
    "move": (MOVE, "hub"),
    "stay": (STAY, "hub"),
    "spend": (SPEND, "hub"),
    "badge": (BADGE, "badges"),
}
#: Solidity's names for ours where they differ.
CAMEL = {"min_received": "minReceived", "seal_key": "sealKey", "source": "from", "target": "to"}


class Domains:
    """The orders of one deployment. Every order method returns the 32-byte digest that the holder signs. Where the
    deployment has no badges, `badge` raises KeyError."""

    def __init__(self, chain_id: int, token: bytes, hub: bytes, token_name: str, badges: bytes | None = None) -> None:
        self.chain_id, self.token, self.hub, self.token_name = chain_id, token, hub, token_name
        self._domains = {"token": (token_name, token), "hub": ("CampaignHub", hub)}
        if badges is not None:
            self._domains["badges"] = ("LoyaltyBadges", badges)
        self._separators = {part: self._separator(*named) for part, named in self._domains.items()}

    def transfer(self, holder: bytes, to: bytes, amount: int, nonce: int, deadline: int) -> bytes:
        """Points from the holder's wallet to another; `nonce` is the token's."""
        return self._digest("transfer", holder=holder, to=to, amount=amount, nonce=nonce, deadline=deadline)

    def cash_out(self, holder: bytes, to: bytes, amount: int, nonce: int, deadline: int) -> bytes:
        """Points from the wallet for the asset, paid to `to`; `nonce` is the token's."""
        return self._digest("cash_out", holder=holder, to=to, amount=amount, nonce=nonce, deadline=deadline)

    def enter(self, holder: bytes, campaign: int, amount: int, min_received: int, nonce: int, deadline: int) -> bytes:
        """Points from the wallet into a campaign; `nonce` is the token's."""
        return self._digest(
            "enter",
            holder=holder,
            campaign=campaign,
            amount=amount,
            min_received=min_received,
            nonce=nonce,
            deadline=deadline,
        )

    def redemption(
        self, holder: bytes, merchant: bytes, amount: int, offer: bytes, seal_key: bytes, nonce: int, deadline: int
    ) -> bytes:
        """Wallet points for a code; `nonce` is the token's."""
        return self._digest(
            "redemption",
            holder=holder,
            merchant=merchant,
            amount=amount,
            offer=offer,
            seal_key=seal_key,
            nonce=nonce,
            deadline=deadline,
        )

    def leave(self, holder: bytes, campaign: int, amount: int, nonce: int, deadline: int) -> bytes:
        """Matured points from a campaign to the wallet; `nonce` is the account's."""
        return self._digest("leave", holder=holder, campaign=campaign, amount=amount, nonce=nonce, deadline=deadline)

    def move(
        self, holder: bytes, source: int, target: int, amount: int, min_received: int, nonce: int, deadline: int
    ) -> bytes:
        """Matured points from campaign `source` to `target`; `nonce` is the account's in `source`."""
        return self._digest(
            "move",
            holder=holder,
            source=source,
            target=target,
            amount=amount,
            min_received=min_received,
            nonce=nonce,
            deadline=deadline,
        )

    def stay(self, holder: bytes, campaign: int, stay: bool, nonce: int, deadline: int) -> bytes:
        """Whether others may release the account's matured points; `nonce` is the account's."""
        return self._digest("stay", holder=holder, campaign=campaign, stay=stay, nonce=nonce, deadline=deadline)

    def spend(
        self,
        holder: bytes,
        campaign: int,
        merchant: bytes,
        amount: int,
        offer: bytes,
        seal_key: bytes,
        nonce: int,
        deadline: int,
    ) -> bytes:
        """Account points for a code; `nonce` is the account's."""
        return self._digest(
            "spend",
            holder=holder,
            campaign=campaign,
            merchant=merchant,
            amount=amount,
            offer=offer,
            seal_key=seal_key,
            nonce=nonce,
            deadline=deadline,
        )

    def badge(self, holder: bytes, campaign: int, badge: int, deadline: int) -> bytes:
        """The wish for badge number `badge` of a campaign; it has no nonce because it can come true only once."""
        return self._digest("badge", holder=holder, campaign=campaign, badge=badge, deadline=deadline)

    def message(self, order: str, **values: Value) -> dict[str, Any]:
        """The full EIP-712 JSON of an order for a wallet. `order` and `values` are the name and the parameters of one
        of the methods above; KeyError for another."""
        struct, part = ORDERS[order]
        name, contract = self._domains[part]
        return {
            "types": DOMAIN.types() | struct.types(),
            "primaryType": struct.name,
            "domain": {
                "name": name,
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": checksum(contract),
            },
            "message": struct.json(self._solidity(values)),
        }

    def _digest(self, order: str, **values: Value) -> bytes:
        struct, part = ORDERS[order]
        return keccak256(b"\x19\x01" + self._separators[part] + struct.hash(self._solidity(values)))

    def _solidity(self, values: Mapping[str, Value]) -> dict[str, Value]:
        # The payee of a payment is the contract that takes it, always the hub.
        return {"payee": self.hub} | {CAMEL.get(name, name): value for name, value in values.items()}

    def _separator(self, name: str, contract: bytes) -> bytes:
        words: dict[str, Value] = {
            "name": keccak256(name.encode()),
            "version": keccak256(b"1"),
            "chainId": self.chain_id,
            "verifyingContract": contract,
        }
        return DOMAIN.hash(words)
