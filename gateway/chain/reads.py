"""What the contracts answer, typed. Every read can name its block: a number, or "latest", "pending", "finalized"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.chain.deployment import Deployment
from gateway.chain.errors import BlockUnavailable
from gateway.chain.hexes import from_hex, keccak256, to_hex
from gateway.chain.rpc import Call, Rpc

Block = int | str

#: Every function read here.
HUB_VIEWS = (
    "campaign(uint256)",
    "pendingChange(uint256)",
    "account(uint256,address)",
    "operator(uint256,address)",
    "isMerchant(uint256,address)",
    "isDelegate(address,address)",
    "landed(uint256,uint256)",
    "campaignCount()",
    "feeBps()",
)
TOKEN_VIEWS = ("balanceOf(address)", "nonces(address)", "totalSupply()", "allowance(address,address)", "name()")
SELECTORS = {text.partition("(")[0]: keccak256(text.encode())[:4] for text in HUB_VIEWS + TOKEN_VIEWS}


@dataclass(frozen=True)
class Campaign:
    """As `ICampaignHub.Campaign`: addresses 20 bytes, Unix seconds, basis points, hundredths of a point."""

    owner: bytes
    end: int
    hold: int
    closed: bool
    expiry: int
    bonus: int
    budget: int
    pot: int
    terms: bytes


@dataclass(frozen=True)
class Change:
    """The announced change: kind 0 none, 1 end, 2 bonus, 3 merchant off; `value` as in ICampaignHub."""

    kind: int
    effective_at: int
    value: int


@dataclass(frozen=True)
class Account:
    """As `ICampaignHub.Account`: hundredths of a point, Unix seconds."""

    matured: int
    pending: int
    next_maturity: int
    nonce: int
    stay: bool


@dataclass(frozen=True)
class Operator:
    """Daily cap of a key (0: not authorised) and what it used today, hundredths of a point."""

    daily_cap: int
    used_today: int


@dataclass(frozen=True)
class Head:
    """The newest block: number, hash, Unix seconds, base fee in wei, the gas that fits into a block."""

    number: int
    hash: bytes
    time: int
    base_fee: int
    gas_limit: int


class Reads:
    """Reads of one deployment. Raises ChainErrors; an unknown campaign is `Reverted` with name UnknownCampaign."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self._rpc, self._deployment = rpc, deployment

    def campaign(self, campaign: int, block: Block = "latest") -> Campaign:
        """Terms and money, with any change that is due applied."""
        w = self._words(self._deployment.hub, "campaign", campaign, block=block)
        return Campaign(
            owner=_address(w[0]),
            end=w[1],
            hold=w[2],
            closed=bool(w[3]),
            expiry=w[4],
            bonus=w[5],
            budget=w[6],
            pot=w[7],
            terms=w[8].to_bytes(32, "big"),
        )

    def pending_change(self, campaign: int, block: Block = "latest") -> Change:
        """The announced change that is not yet due."""
        return Change(*self._words(self._deployment.hub, "pendingChange", campaign, block=block))

    def account(self, campaign: int, holder: bytes, block: Block = "latest") -> Account:
        """One holder's account; all zero where there is none."""
        w = self._words(self._deployment.hub, "account", campaign, holder, block=block)
        return Account(w[0], w[1], w[2], w[3], bool(w[4]))

    def operator(self, campaign: int, key: bytes, block: Block = "latest") -> Operator:
        """What the operator key may and did award today."""
        return Operator(*self._words(self._deployment.hub, "operator", campaign, key, block=block))

    def is_merchant(self, campaign: int, merchant: bytes, block: Block = "latest") -> bool:
        """True when the merchant has accepted and has not been put off."""
        return bool(self._one(self._deployment.hub, "isMerchant", campaign, merchant, block=block))

    def is_delegate(self, merchant: bytes, delegate: bytes, block: Block = "latest") -> bool:
        """True when `delegate` may execute redemptions for the merchant."""
        return bool(self._one(self._deployment.hub, "isDelegate", merchant, delegate, block=block))

    def landed(self, campaign: int, number: int, block: Block = "latest") -> bool:
        """True when the award or clawback batch `number` has landed."""
        return bool(self._one(self._deployment.hub, "landed", campaign, number, block=block))

    def campaign_count(self, block: Block = "latest") -> int:
        """Campaign ids run from 1 to this."""
        return self._one(self._deployment.hub, "campaignCount", block=block)

    def fee_bps(self, block: Block = "latest") -> int:
        """Funding fee, basis points."""
        return self._one(self._deployment.hub, "feeBps", block=block)

    def balance(self, holder: bytes, block: Block = "latest") -> int:
        """Points in a wallet, hundredths."""
        return self._one(self._deployment.token, "balanceOf", holder, block=block)

    def nonce(self, holder: bytes, block: Block = "latest") -> int:
        """The wallet's order nonce in the token."""
        return self._one(self._deployment.token, "nonces", holder, block=block)

    def total_supply(self, block: Block = "latest") -> int:
        """All points there are, hundredths."""
        return self._one(self._deployment.token, "totalSupply", block=block)

    def reserve(self, block: Block = "latest") -> int:
        """Asset units held by the token; at least par × total supply."""
        return self.asset_balance(self._deployment.token, block)

    def asset_balance(self, holder: bytes, block: Block = "latest") -> int:
        """Asset units of `holder`."""
        return self._one(self._deployment.asset, "balanceOf", holder, block=block)

    def asset_allowance(self, owner: bytes, spender: bytes, block: Block = "latest") -> int:
        """Asset units that `spender` may take from `owner`."""
        return self._one(self._deployment.asset, "allowance", owner, spender, block=block)

    def head(self, block: Block = "latest") -> Head:
        """The newest block, or the named one."""
        return parse_head(self._rpc.call("eth_getBlockByNumber", block_tag(block), False))

    def accounts(self, pairs: Sequence[tuple[int, bytes]], block: Block = "latest") -> list[Account]:
        """Many accounts (campaign, holder) in one request, in their order."""
        calls = [self._call(self._deployment.hub, "account", *pair, block=block) for pair in pairs]
        rows = [_split(answer) for answer in self._rpc.strict_batch(calls)]
        return [Account(w[0], w[1], w[2], w[3], bool(w[4])) for w in rows]

    def balances(self, holders: Sequence[bytes], block: Block = "latest") -> list[int]:
        """Many wallets in one request, in their order."""
        calls = [self._call(self._deployment.token, "balanceOf", holder, block=block) for holder in holders]
        return [_split(answer)[0] for answer in self._rpc.strict_batch(calls)]

    def _one(self, contract: bytes, function: str, *arguments: int | bytes, block: Block) -> int:
        return self._words(contract, function, *arguments, block=block)[0]

    def _words(self, contract: bytes, function: str, *arguments: int | bytes, block: Block) -> list[int]:
        method, params = self._call(contract, function, *arguments, block=block)
        return _split(self._rpc.call(method, *params))

    def _call(self, contract: bytes, function: str, *arguments: int | bytes, block: Block) -> Call:
        words = [a.rjust(32, b"\0") if isinstance(a, bytes) else a.to_bytes(32, "big") for a in arguments]
        data = to_hex(SELECTORS[function] + b"".join(words))
        return "eth_call", [{"to": to_hex(contract), "data": data}, block_tag(block)]


def block_tag(block: Block) -> str:
    """A block as JSON-RPC wants it."""
    return hex(block) if isinstance(block, int) else block


def parse_head(block: dict[str, str] | None) -> Head:
    """From a block of JSON-RPC; BlockUnavailable when there is none."""
    if block is None:
        raise BlockUnavailable
    return Head(
        int(block["number"], 16),
        from_hex(block["hash"]),
        int(block["timestamp"], 16),
        int(block.get("baseFeePerGas", "0x0"), 16),
        int(block["gasLimit"], 16),
    )


def _split(answer: str) -> list[int]:
    data = from_hex(answer)
    if not data:  # no contract there at that block
        raise BlockUnavailable
    return [int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32)]


def _address(word: int) -> bytes:
    return word.to_bytes(32, "big")[12:]
