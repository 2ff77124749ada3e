"""`loyalty merchant …`: merchants of this machine, their keys on the chain and at the gateway."""

from __future__ import annotations

import secrets
from itertools import islice
from typing import Annotated

import typer

from gateway.chain import calls, keystore, local
from gateway.chain.hexes import checksum, from_hex
from gateway.client import Client, Json, ProblemAnswer
from gateway.commands import merchant_keys, wallets
from gateway.commands.chain import Chain, Own, open_chain
from gateway.commands.console import AsJson, CommandError, Group, Points, facts, moment, out, table
from gateway.commands.console import points as shown
from gateway.commands.differences import differences
from gateway.commands.merchant_keys import SCOPES, Name, client_of
from gateway.commands.processes import CHAIN_ID
from gateway.commands.state import DEFAULT, MerchantRecord, State, StateDir

app = typer.Typer(cls=Group, help="Merchants: their names, keys and delegates.", no_args_is_help=True)
KIND = "merchants"
#: Refusals of a merchant who was admitted before, perhaps under another name.
ADMITTED = frozenset({"merchant-exists", "idempotency-conflict"})


def own_key(state: State, chain: Chain, name: str) -> Own:
    """The merchant's key on the chain, asking for its password."""
    return chain.own(wallets.load_key(state, name, KIND))


def operator_address(state: State, given: str | None) -> bytes:
    """The gateway's own key, which campaigns authorise and merchants delegate to."""
    if given:
        return wallets.parsed(given)
    if not state.relayer.exists():
        raise CommandError("the gateway's address is not known here", "--operator 0x…   (the gateway's operator knows)")
    keys = keystore.addresses(state.relayer)
    if len(keys) > 1:
        raise CommandError(
            "the gateway has several keys: say which", " or ".join(f"--operator {checksum(key)}" for key in keys)
        )
    return keys[0]


@app.command()
def new(
    name: Name,
    title: Annotated[str | None, typer.Option(help="The name that customers see; by default the same.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make a key for a merchant, admit it at the gateway and keep its API key. Needs the operator's API key. The same
    name again changes nothing, or gives it a new API key where the gateway knows its own no more.

    Example: loyalty merchant new cafe --title 'The Café'"""
    local_state = State(state)
    # There is a key already after a failure between it and the gateway's answer: this is the second try.
    address = wallets.ensure(local_state, name, KIND)
    known = {record.name: record for record in local_state.merchants()}
    record = known.get(name)
    if record is None or not _knows(local_state, record):
        record = admit(local_state, name, title or name, checksum(address))
    keystore = str(local_state.keystore(KIND, name))
    answer = {"name": name, "id": record.id, "address": record.address, "keystore": keystore}
    out.result(answer, lambda: facts("Merchant", answer.items()))


def _knows(state: State, record: MerchantRecord) -> bool:
    """False where the gateway refuses the merchant's API key: it was revoked, or the database is from before it."""
    with client_of(state, record) as client:
        try:
            client.get("/v1/keys", limit=1)
        except ProblemAnswer as problem:
            if problem.code != "unauthenticated":
                raise
            return False
    return True


def admit(state: State, name: str, title: str, address: str) -> MerchantRecord:
    """Registers a merchant's address, unless it is, and keeps an API key with every scope of a merchant."""
    with Client(state.endpoints()["gateway"], state.operator_token()) as client:
        try:
            number = client.create_merchant(title, address, idempotency_key=f"merchant-{address.lower()}")["id"]
        except ProblemAnswer as problem:
            if problem.code not in ADMITTED:
                raise
            mine = (m for m in client.items("/v1/merchants") if from_hex(m["address"]) == from_hex(address))
            number = int(next(mine)["id"])
        token = client.create_key(SCOPES, number)["key"]
    record = MerchantRecord(name, number, checksum(from_hex(address)), str(token))
    state.save_merchant(record)
    return record


@app.command("list")
def list_(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """The merchants whose keys are on this machine.

    Example: loyalty merchant list"""
    found = [{"name": m.name, "id": m.id, "address": m.address} for m in State(state).merchants()]
    out.result(found, lambda: table("Merchants", ("name", "id", "address"), [list(m.values()) for m in found]))


for command in (merchant_keys.key, merchant_keys.keys, merchant_keys.rotate, merchant_keys.revoke):
    app.command()(command)


@app.command()
def log(
    name: Name,
    what: Annotated[str | None, typer.Option(help="Only this, e.g. campaign.rules.")] = None,
    most: Annotated[int, typer.Option(min=1, help="So many of the newest.")] = 50,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """What was changed of a merchant's configuration, by which API key, with old and new values; newest first. --json
    shows them whole.

    Example: loyalty merchant log cafe --what campaign.rules"""
    local_state = State(state)
    with client_of(local_state, local_state.merchant(name)) as client:
        found = list(islice(client.items("/v1/audit-log", what=what, limit=min(most, 200)), most))
    rows = [
        (
            moment(c["at"]),
            f"{c['key']}{' (operator)' if c['operator'] else ''}",
            f"{c['what']} {c['subject']}",
            "\n".join(differences(c["before"] or {}, c["after"] or {})),
        )
        for c in found
    ]
    out.result(found, lambda: table("Changes", ("at", "API key", "what", "change"), rows))


@app.command()
def accept(
    name: Name,
    campaign: Annotated[int, typer.Argument(min=1, help="The campaign that invited this merchant.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Accept a campaign's invitation, on the chain.

    Example: loyalty merchant accept mill 1"""
    local_state = State(state)
    chain = open_chain(local_state)
    own = own_key(local_state, chain, name)
    accept_campaign(chain, own, campaign)
    answer = {"merchant": name, "campaign": campaign, "accepted": True}
    out.result(answer, lambda: facts(None, answer.items()))


def accept_campaign(chain: Chain, own: Own, campaign: int) -> None:
    """The invited merchant's own word, unless it was given."""
    own.ensure(
        f"campaign {campaign} accepted",
        lambda: chain.reads.is_merchant(campaign, own.address),
        calls.accept_merchant(campaign),
    )


@app.command()
def delegate(
    name: Name,
    operator: Annotated[str | None, typer.Option(help="Address of the gateway's key; else this machine's.")] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Let the gateway execute redemptions for this merchant (the points still go to the merchant).

    Example: loyalty merchant delegate cafe"""
    local_state = State(state)
    chain = open_chain(local_state)
    own = own_key(local_state, chain, name)
    set_delegate(chain, own, operator_address(local_state, operator), not revoke)
    answer = {"merchant": name, "delegate": not revoke}
    out.result(answer, lambda: facts(None, answer.items()))


def set_delegate(chain: Chain, own: Own, delegate: bytes, allowed: bool) -> None:
    """Names or dismisses the merchant's delegate, unless it is so already."""
    own.ensure(
        "gateway may execute redemptions" if allowed else "gateway may execute no more redemptions",
        lambda: chain.reads.is_delegate(own.address, delegate) == allowed,
        calls.set_delegate(delegate, allowed),
    )


@app.command("cash-out")
def cash_out(
    name: Name,
    amount: Points,
    to: Annotated[str | None, typer.Option(help="Who receives the settlement asset; by default the merchant.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Exchange points that the merchant was paid for the settlement asset, at par, on the chain.

    Example: loyalty merchant cash-out cafe 12.50"""
    local_state = State(state)
    recipient = wallets.parsed(to) if to else None
    chain = open_chain(local_state)
    own = own_key(local_state, chain, name)
    own.token(f"{shown(amount)} points cashed out", calls.cash_out(amount, recipient or own.address))
    answer = {"merchant": name, "points": amount, "asset_units": amount * chain.deployment.par}
    out.result(answer, lambda: facts(None, [("points", shown(amount)), ("asset units", answer["asset_units"])]))


def faucet(
    who: Annotated[str, typer.Argument(help="An address, or a merchant or wallet of this machine.")],
    asset: Annotated[int, typer.Option(min=0, help="Units of the mock settlement asset.")] = 0,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """On a local chain: gas, and units of the mock settlement asset, for nothing.

    Example: loyalty faucet cafe --asset 1000000000"""
    local_state = State(state)
    chain = open_chain(local_state)
    merchants = {record.name: record.address for record in local_state.merchants()}
    address = from_hex(merchants.get(who) or wallets.address_of_name(local_state, who))
    give(chain, address, asset)
    answer: Json = {"address": checksum(address), "gas": True, "asset_units": asset}
    out.result(answer, lambda: facts(None, answer.items()))


def give(chain: Chain, address: bytes, asset: int = 0) -> None:
    """Gas and mock asset on a local chain; CommandError on any other."""
    if chain.deployment.chain_id != CHAIN_ID:
        raise CommandError(f"chain {chain.deployment.chain_id} is no local chain: nothing is for nothing there")
    local.fund_gas(chain.rpc, address)
    if asset:
        giver = chain.own(secrets.token_bytes(32))
        local.fund_gas(chain.rpc, giver.address)
        giver.do("mock asset given", chain.deployment.asset, calls.mint(address, asset))
