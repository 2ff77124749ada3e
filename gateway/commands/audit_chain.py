"""Holds the rebuilt books against what the contracts say of themselves at the same block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.chain.deployment import Deployment
from gateway.chain.hexes import from_hex, keccak256, to_hex
from gateway.chain.reads import Head
from gateway.chain.rpc import Rpc
from gateway.commands.audit_books import Books
from gateway.commands.audit_model import Account, Campaign, Difference, short
from gateway.core.durations import DAY

WORD = 32
#: Numbers looked at after each that landed.
NEAR = 3


@dataclass(frozen=True)
class Question:
    """One view call and the words that it should answer, by name; `least`: the answer may be higher."""

    contract: bytes
    view: str
    args: tuple[int | bytes, ...]
    code: str
    where: str
    expected: tuple[tuple[str, int], ...]
    least: bool = False

    @property
    def data(self) -> bytes:
        words = (arg.rjust(WORD, b"\0") if isinstance(arg, bytes) else arg.to_bytes(WORD, "big") for arg in self.args)
        return keccak256(self.view.encode())[:4] + b"".join(words)

    def compare(self, answer: str) -> Iterator[Difference]:
        data = from_hex(answer)
        found = [int.from_bytes(data[i : i + WORD], "big") for i in range(0, len(data), WORD)]
        for (name, expected), word in zip(self.expected, found, strict=True):
            if word < expected or (word != expected and not self.least):
                yield Difference(self.code, f"{self.where} {name}".strip(), _shown(expected), _shown(word))


@dataclass(frozen=True)
class Backing:
    """Units of the asset, and points of the hub, beside what they must cover."""

    reserve: int
    liabilities: int
    hub_asset: int
    hub_promised: int
    hub_points: int
    hub_accounts: int

    @property
    def solvent(self) -> bool:
        """Every point can be cashed out, every budget and pot spent, every account paid."""
        return (
            self.reserve >= self.liabilities
            and self.hub_asset >= self.hub_promised
            and self.hub_points >= self.hub_accounts
        )


def compare(books: Books, rpc: Rpc, deployment: Deployment, head: Head) -> tuple[list[Difference], Backing]:
    """What the contracts say otherwise than their logs, and what backs the points."""
    questions = [*_token(books, deployment), *_hub(books, deployment, head), *_badges(books, deployment)]
    differences: list[Difference] = []
    for question, answer in zip(questions, _ask(rpc, questions, head), strict=True):
        differences += question.compare(answer)
    differences += _cap_use(books, rpc, deployment, head)
    backing = _backing(books, rpc, deployment, head)
    if not backing.solvent:
        differences += _shortfalls(backing)
    return differences, backing


def _token(books: Books, deployment: Deployment) -> Iterator[Question]:
    token = deployment.token
    yield Question(token, "totalSupply()", (), "supply", "token", (("", books.supply),))
    for holder in sorted(set(books.balances) | set(books.nonces)):
        wallet, balance = f"wallet {short(holder)}", books.balances[holder]
        yield Question(token, "balanceOf(address)", (holder,), "balance", wallet, (("", balance),))
        least = books.nonces.get(holder, 0)
        yield Question(token, "nonces(address)", (holder,), "nonce", wallet, (("", least),), least=True)


def _hub(books: Books, deployment: Deployment, head: Head) -> Iterator[Question]:
    hub = deployment.hub
    yield Question(hub, "campaignCount()", (), "campaign-count", "hub", (("", len(books.campaigns)),))
    for (merchant, delegate), allowed in books.delegates.items():
        where = f"{short(delegate)} for {short(merchant)}"
        yield Question(hub, "isDelegate(address,address)", (merchant, delegate), "delegate", where, (("", allowed),))
    for number, campaign in books.campaigns.items():
        yield from _campaign(hub, number, campaign)
        for holder, account in campaign.accounts.items():
            where = f"campaign {number}, {short(holder)}"
            words = _account_words(account, campaign.hold)
            yield Question(hub, "account(uint256,address)", (number, holder), "account", where, words)


def _badges(books: Books, deployment: Deployment) -> Iterator[Question]:
    if deployment.badges is None:
        return
    held: Counter[bytes] = Counter()
    for number, badge in books.badges.items():
        holder = number.to_bytes(WORD, "big")[12:]
        words = (("held", int(badge.renounced is None)), ("renounced", int(badge.renounced is not None)))
        held[holder] += words[0][1]
        where = f"badge {number >> 160 & 2**32 - 1} of campaign {number >> 192}, {short(holder)}"
        yield Question(deployment.badges, "stateOf(uint256)", (number,), "badge", where, words)
    for holder, count in held.items():
        yield Question(deployment.badges, "balanceOf(address)", (holder,), "badges", short(holder), (("", count),))


def _campaign(hub: bytes, number: int, campaign: Campaign) -> Iterator[Question]:
    where, c = f"campaign {number}", campaign
    words = (
        ("owner", int.from_bytes(c.owner, "big")),
        ("end", c.end),
        ("hold", c.hold),
        ("closed", int(c.closed)),
        ("expiry", c.expiry),
        ("bonus", c.bonus),
        ("budget", c.budget),
        ("pot", c.pot),
        ("terms", int.from_bytes(c.terms, "big")),
    )
    yield Question(hub, "campaign(uint256)", (number,), "campaign", where, words)
    kind, value, at = c.change or (0, 0, 0)
    change = (("kind", kind), ("effective at", at), ("value", value))
    yield Question(hub, "pendingChange(uint256)", (number,), "change", where, change)
    for merchant, accepted in c.merchants.items():
        place = f"{where}, {short(merchant)}"
        yield Question(hub, "isMerchant(uint256,address)", (number, merchant), "merchant", place, (("", accepted),))
    # Logs cannot show a log that is missing; the numbers around those that landed can.
    around = {near for landed in c.landed for near in range(landed, landed + NEAR + 1)} | {0, 1}
    for batch in sorted(each for each in around if each < 2**256):
        place = f"{where}, batch {batch}"
        yield Question(hub, "landed(uint256,uint256)", (number, batch), "landed", place, (("", batch in c.landed),))


def _account_words(account: Account, hold: int) -> tuple[tuple[str, int], ...]:
    return (
        ("matured", account.matured),
        ("pending", account.pending),
        ("next maturity", account.next_maturity(hold)),
        ("nonce", account.nonce),
        ("stay", int(account.stay)),
    )


def _cap_use(books: Books, rpc: Rpc, deployment: Deployment, head: Head) -> Iterator[Difference]:
    """Logs do not say which key landed a batch; all keys of a campaign together must have used what landed today."""
    for number, campaign in books.campaigns.items():
        keys = sorted(campaign.operators)
        view = "operator(uint256,address)"
        questions = [Question(deployment.hub, view, (number, key), "operator", "", ()) for key in keys]
        used = 0
        for key, answer in zip(keys, _ask(rpc, questions, head), strict=True):
            data = from_hex(answer)
            cap = int.from_bytes(data[:WORD], "big")
            used += int.from_bytes(data[WORD:], "big")
            if cap != campaign.operators[key]:
                yield Difference("operator-cap", f"campaign {number}, {short(key)}", campaign.operators[key], cap)
        landed = campaign.moved[head.time // DAY]
        if used != landed:
            yield Difference("cap-use", f"campaign {number}, today", landed, used)


def _backing(books: Books, rpc: Rpc, deployment: Deployment, head: Head) -> Backing:
    token, hub, asset = deployment.token, deployment.hub, deployment.asset
    views = [
        (asset, "balanceOf(address)", token),
        (asset, "balanceOf(address)", hub),
        (token, "balanceOf(address)", hub),
    ]
    questions = [Question(contract, view, (holder,), "", "", ()) for contract, view, holder in views]
    questions.append(Question(token, "totalSupply()", (), "", "", ()))
    reserve, hub_asset, hub_points, supply = (int(answer, 16) for answer in _ask(rpc, questions, head))
    par = deployment.par
    return Backing(reserve, par * supply, hub_asset, par * books.promised, hub_points, books.in_accounts)


def _shortfalls(backing: Backing) -> Iterator[Difference]:
    pairs = (
        ("token's reserve", backing.liabilities, backing.reserve),
        ("hub's asset for budgets and pots", backing.hub_promised, backing.hub_asset),
        ("hub's points for accounts", backing.hub_accounts, backing.hub_points),
    )
    for where, needed, held in pairs:
        if held < needed:
            yield Difference("not-backed", where, needed, held)


def _ask(rpc: Rpc, questions: list[Question], head: Head) -> list[str]:
    calls = [{"to": to_hex(question.contract), "data": to_hex(question.data)} for question in questions]
    return rpc.strict_batch([("eth_call", [call, hex(head.number)]) for call in calls])


def _shown(word: int) -> int | str:
    """A number, or the beginning of an address or digest."""
    return word if word < 2**97 else f"0x{word.to_bytes(WORD, 'big').lstrip(bytes(1)).hex()[:8]}…"
