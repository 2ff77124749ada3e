"""What a node or a contract can answer besides yes, as typed errors from one table.

Temporary: the same request may succeed in `delay` seconds. Permanent: it will not. A text that nobody knows counts as
temporary, so that nothing is given up because a node words things in a new way. No error repeats the node's text, which
may hold addresses.
"""

from __future__ import annotations

from typing import Any

from gateway.chain.hexes import keccak256


class ChainError(Exception):
    """Parent of all; `str()` is the kind of error and nothing else."""

    def __str__(self) -> str:
        return type(self).__name__


class Temporary(ChainError):
    """Worth another try after `delay` seconds."""

    delay = 2


class Permanent(ChainError):
    """Not worth another try as it is."""


class NodeDown(Temporary):
    """No connection, or the server in front of the node failed."""


class NodeTimeout(Temporary):
    """No answer in time; what was sent may have arrived."""


class RateLimited(Temporary):
    """Too many requests."""

    delay = 10


class UnknownAnswer(Temporary):
    """A text that is not in the table, or no JSON-RPC at all."""

    delay = 5


class NotANode(UnknownAnswer):
    """What answers at the URL is no Ethereum node: another server, a proxy's page, or one that wants an access key."""


class BlockUnavailable(Temporary):
    """The node does not have this block or its state, or not yet."""


class RangeTooLarge(Temporary):
    """Too many blocks or logs in one request."""

    delay = 0


class NonceTooLow(Temporary):
    """The chain has passed this nonce: by this transaction, an earlier form of it, or a foreign one."""

    delay = 0


class NonceTooHigh(Temporary):
    """The node keeps no transactions above a gap."""


class AlreadyKnown(Temporary):
    """The node has these bytes."""

    delay = 0


class ReplacementUnderpriced(Temporary):
    """The node has another transaction at this nonce that pays nearly as much or more."""


class FeeTooLow(Temporary):
    """Below the base fee, or below what this node takes."""


class InsufficientFunds(Temporary):
    """The key cannot pay for gas; it can as soon as somebody sends it some."""

    delay = 15


class PoolFull(Temporary):
    """The node holds as many transactions as it takes."""

    delay = 5


class WrongChain(Temporary):
    """Signed for another chain than the node is on: somebody must correct the node's URL."""

    delay = 60


class GasTooHigh(Permanent):
    """More gas than a block or a transaction may use."""


class GasTooLow(Permanent):
    """Less gas than the transaction costs before it starts."""


class Malformed(Permanent):
    """The node says that the request is none: wrong parameters, an unknown method, too long."""


class Reverted(Permanent):
    """The contract refuses. `name` is the custom error's name, `Error` or `Panic`, or "" when there is none we know."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__()
        self.data = data
        self.selector = data[:4]
        self.name = REVERTS.get(self.selector, "")

    def word(self, index: int) -> int:
        """Argument number `index` of the custom error as an integer; 0 when there is none."""
        return int.from_bytes(self.data[4 + 32 * index : 36 + 32 * index], "big")

    def __str__(self) -> str:
        return f"Reverted({self.name})"


#: What a node may say (lower case, part of it) → error. The first that fits counts.
TABLE: tuple[tuple[str, type[ChainError]], ...] = (
    ("nonce too low", NonceTooLow),
    ("nonce is too low", NonceTooLow),
    ("oldnonce", NonceTooLow),
    ("nonce too high", NonceTooHigh),
    ("noncegap", NonceTooHigh),
    ("nonce gap", NonceTooHigh),
    ("already known", AlreadyKnown),
    ("already imported", AlreadyKnown),
    ("known transaction", AlreadyKnown),
    ("alreadyknown", AlreadyKnown),
    ("existing tx with same hash", AlreadyKnown),
    ("replacement transaction underpriced", ReplacementUnderpriced),
    ("could not replace existing", ReplacementUnderpriced),
    ("replacementnotallowed", ReplacementUnderpriced),
    ("insufficient funds", InsufficientFunds),
    ("insufficientfunds", InsufficientFunds),
    ("upfront cost exceeds account balance", InsufficientFunds),
    ("less than block base fee", FeeTooLow),
    ("fee cap less than", FeeTooLow),
    ("feetoolow", FeeTooLow),
    ("gas price is too low", FeeTooLow),
    ("gas price below", FeeTooLow),
    ("underpriced", FeeTooLow),
    ("pool is full", PoolFull),
    ("pool full", PoolFull),
    ("gas limit too high", GasTooHigh),
    ("intrinsic gas too high", GasTooHigh),
    ("exceeds block gas limit", GasTooHigh),
    ("gaslimitexceeded", GasTooHigh),
    ("gas required exceeds", GasTooHigh),
    ("exceeds the limit allowed", GasTooHigh),
    ("intrinsic gas", GasTooLow),
    ("gas floor", GasTooLow),
    ("oversized data", Malformed),
    ("chain id", WrongChain),
    ("chainid", WrongChain),
    ("too many requests", RateLimited),
    ("rate limit", RateLimited),
    ("query returned more than", RangeTooLarge),
    ("block range", RangeTooLarge),
    ("range is too large", RangeTooLarge),
    ("response size", RangeTooLarge),
    ("too many results", RangeTooLarge),
    ("query timeout", RangeTooLarge),
    ("blockoutofrange", BlockUnavailable),
    ("header not found", BlockUnavailable),
    ("unknown block", BlockUnavailable),
    ("block not found", BlockUnavailable),
    ("missing trie node", BlockUnavailable),
    ("is not available", BlockUnavailable),
    ("state not found", BlockUnavailable),
)
#: JSON-RPC's own codes, for texts that are not in the table.
CODES: dict[int, type[ChainError]] = {
    -32600: Malformed,
    -32601: Malformed,
    -32602: Malformed,
    -32700: Malformed,
    -32005: RateLimited,
}

#: Errors of the contracts and of the language.
REVERT_SIGNATURES = (
    "Error(string)",
    "Panic(uint256)",
    "AssetNotReceived(uint256,uint256)",
    "BadLength(uint256)",
    "BadSignature(address)",
    "BatchTooLong(uint256)",
    "BelowMinimum(uint256,uint256)",
    "CampaignEnded(uint256)",
    "ChangePending(uint256)",
    "ClosedLoop(uint256)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
    "ERC20InsufficientBalance(address,uint256,uint256)",
    "ERC721NonexistentToken(uint256)",
    "InsufficientPoints(uint256,uint256)",
    "InvalidAccountNonce(address,uint256)",
    "LengthMismatch(uint256,uint256)",
    "NoChangePending()",
    "NonceMismatch(uint256,uint256)",
    "NotCandidate(address)",
    "NotDelegate(address)",
    "NotHolder(uint256,address)",
    "NotInvited(address)",
    "NotMerchant(address)",
    "NotOperator(address)",
    "NotOperator(uint256,address)",
    "NotOwner(address)",
    "NotYet(uint256)",
    "NumberTaken(uint256)",
    "OpenLoop(uint256)",
    "OrderExpired(uint256)",
    "OutOfRange(uint256,uint256)",
    "OverBudget(uint256,uint256)",
    "OverDailyCap(uint256,uint256)",
    "RecipientRefused(address)",
    "ReentrancyGuardReentrantCall()",
    "SafeCastOverflowedUintDowncast(uint8,uint256)",
    "SafeERC20FailedOperation(address)",
    "SameCampaign()",
    "Soulbound()",
    "SupplyOverflow(uint256)",
    "TermRefused(string)",
    "TotalMismatch(uint256,uint256)",
    "UnknownCampaign(uint256)",
    "ZeroAmount()",
    "ZeroCommitment()",
    "ZeroPar()",
)
REVERTS = {keccak256(text.encode())[:4]: text.partition("(")[0] for text in REVERT_SIGNATURES}


def from_answer(error: Any) -> ChainError:
    """The typed error for the `error` member of a JSON-RPC answer."""
    if not isinstance(error, dict):
        return UnknownAnswer()
    text = str(error.get("message", "")).lower()
    code = error.get("code")
    data = error.get("data")
    if code == 3 or "revert" in text or str(data).startswith("Reverted"):
        return Reverted(_revert_data(data))
    for part, kind in TABLE:
        if part in text:
            return kind()
    return CODES.get(code, UnknownAnswer)() if isinstance(code, int) else UnknownAnswer()


def _revert_data(data: Any) -> bytes:
    if isinstance(data, dict):  # some nodes wrap it
        data = data.get("data")
    text = str(data or "").removeprefix("Reverted ").removeprefix("0x")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
