"""`loyalty wallet …`: a holder's points. Keys stay in local encrypted files; orders are signed here."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from gateway.chain import calls
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import checksum, from_hex
from gateway.client import Client, Document, ProblemAnswer, Unreachable
from gateway.commands import arriving, badges, boards, direct, early, gifts, histories, tiers, wallets
from gateway.commands.chain import known_chain, open_chain
from gateway.commands.console import AsJson, CommandError, Group, Points, facts, for_people, moment, out, points, table
from gateway.commands.holder import Holder
from gateway.commands.state import DEFAULT, State, StateDir

app = typer.Typer(cls=Group, help="A holder's points: balance, moves, redemptions.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The wallet's name on this machine.")]
Who = Annotated[str, typer.Argument(help="A wallet of this machine, or any address.")]
Campaign = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]
Direct = Annotated[bool, typer.Option("--direct", help="Own transaction, without the gateway; needs gas.")]


app.command()(tiers.tiers)
app.command()(tiers.ask_rung)
app.command()(tiers.goals)
app.command()(tiers.brought_by)
app.command("board")(boards.play)
app.command()(early.ask_points)
for badge_command in (badges.badges, badges.ask_badge, badges.renounce_badge):
    app.command()(badge_command)


def _client(state: State) -> Client:
    return Client(state.endpoints()["gateway"])


@app.command()
def new(name: Name, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Make a wallet: a key in an encrypted file on this machine, known to nobody.

    Example: loyalty wallet new alice"""
    local = State(state)
    address = checksum(wallets.create(local, name))
    answer = {"name": name, "address": address, "keystore": str(local.keystore("wallets", name))}
    out.result(answer, lambda: facts("Wallet", answer.items()))


@app.command("list")
def list_(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """The wallets on this machine.

    Example: loyalty wallet list"""
    found = [{"name": name, "address": address} for name, address in wallets.listed(State(state))]
    out.result(found, lambda: table("Wallets", ("name", "address"), [list(wallet.values()) for wallet in found]))


@app.command()
def balance(
    who: Who,
    from_chain: Annotated[bool, typer.Option("--direct", help="Ask the contracts, not the gateway.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Points in the wallet and in campaigns, those under hold too.

    Example: loyalty wallet balance alice"""
    local = State(state)
    address = wallets.address_of_name(local, who)
    answer: Document
    if from_chain:
        answer = direct.balance(open_chain(local), from_hex(address))
    else:
        with _client(local) as client:
            answer = client.wallet(address)
    rows = [("wallet", points(answer["balance"]), "", "")]
    for account in answer["accounts"]:
        matures = account.get("next_maturity")
        when = moment(matures) if matures else ""
        place = f"campaign {account['campaign']}"
        rows.append((place, points(account["matured"]), points(account["pending"]), when))
    out.result(answer, lambda: table(f"Points of {address}", ("where", "free", "pending", "matures"), rows))


@app.command()
def pending(name: Name, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """What was reported for this wallet and is not yet on the chain. Only the wallet itself may see it.

    Example: loyalty wallet pending alice"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with _client(local) as client:
        holder = Holder(client, wallet)
        found = client.pending(holder.address, holder.signer.proof())
    rows = [
        (
            entry["campaign"],
            entry["kind"],
            points(entry["points"]),
            moment(entry["expected_at"]) if entry["expected_at"] else "too late" if entry["too_late"] else "on its way",
        )
        for entry in found
    ]
    out.result(found, lambda: table("Not yet settled", ("campaign", "what", "points", "expected"), rows))


@app.command()
def history(who: Who, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Every change of the wallet and its accounts, from the chain's events. Needs a running gateway.

    Example: loyalty wallet history alice"""
    local = State(state)
    address = wallets.address_of_name(local, who)
    with _client(local) as client:
        found = list(client.items(f"/v1/wallets/{address}/history", anonymous=True))
    names = {known: name for name, known in wallets.listed(local)}
    if local.deployment.exists():
        names[checksum(Deployment.load(local.deployment).hub)] = "the campaigns"
    columns = ("time", "what", "where", "points", "with")
    out.result(found, lambda: table(f"History of {address}", columns, histories.rows(found, names)))


@app.command()
def claim(
    name: Who,
    code: Annotated[str, typer.Argument(help="The code on the receipt.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Take the points of a receipt's code. Whoever has the code has the points.

    Example: loyalty wallet claim alice WXEQK7MY4D6YY7VB72HV52DBRA"""
    local = State(state)
    holder = wallets.address_of_name(local, name)
    if not re.fullmatch(r"[A-Za-z2-7]{26}", code):
        raise CommandError("a claim code has 26 letters and digits from 2 to 7, as on the receipt", code="invalid-code")
    with _client(local) as client:
        answer = client.claim(code, holder)
    out.result(answer, lambda: facts("Claimed", [("points", points(answer["points"])), ("state", answer["state"])]))


def _through_gateway(local: State, wallet: wallets.Wallet, act: direct.Act) -> Document:
    alone = "the same with --direct: your own transaction, without the gateway"
    try:
        with _client(local) as client:
            holder = Holder(client, wallet, known_chain(local))
            with out.notes.status("waiting for the chain …"):
                return holder.landed(act.by_order(holder))
    except Unreachable as error:
        raise CommandError(str(error), alone, "gateway-unreachable") from None
    except ProblemAnswer as problem:
        if problem.code == "below-relay-minimum":
            out.note(f"smaller amounts: {alone}")
        raise


def _moved(local: State, name: str, act: direct.Act, through: bool) -> None:
    """Runs one verb through the gateway, or straight on the chain."""
    wallet = wallets.open_wallet(local, name)
    if through:
        answer: Document = act.on_chain(open_chain(local), wallet.key)
    else:
        answer = _through_gateway(local, wallet, act)
    amounts = {"amount", "min_received", "received"}
    # Only what enters a campaign names a minimum.
    told = {name: value for name, value in answer.items() if name != "min_received" or value}
    out.result(answer, lambda: facts("Done", for_people(told, amounts)))


@app.command()
def enter(
    name: Name, campaign: Campaign, amount: Points, through: Direct = False, preview: arriving.Preview = False,
    state: StateDir = DEFAULT, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Wallet to campaign, with its bonus where it has one; --preview says what would arrive.

    Example: loyalty wallet enter alice 2 12.50 --preview"""
    if preview:
        arriving.show(State(state), name, amount, campaign, alone=through)
        return
    _moved(State(state), name, direct.enter(campaign, amount), through)


@app.command()
def leave(
    name: Name, campaign: Campaign, amount: Points, through: Direct = False, state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Matured points of an open campaign to the wallet.

    Example: loyalty wallet leave alice 1 12.50"""
    _moved(State(state), name, direct.leave(campaign, amount), through)


@app.command()
def move(
    name: Name,
    source: Annotated[int, typer.Argument(min=1, help="The campaign that the points leave.")],
    target: Annotated[int, typer.Argument(min=1, help="The campaign that they enter.")],
    amount: Points,
    through: Direct = False,
    preview: arriving.Preview = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Matured points from one campaign to another, in one step; --preview says what would arrive.

    Example: loyalty wallet move alice 1 2 12.50 --preview"""
    if preview:
        arriving.show(State(state), name, amount, target, source, through)
        return
    _moved(State(state), name, direct.move(source, target, amount), through)


@app.command()
def send(
    name: Name,
    to: Annotated[str, typer.Argument(help="Another wallet of this machine, or an address.")],
    amount: Points,
    through: Direct = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give points away.

    Example: loyalty wallet send alice bob 12.50"""
    local = State(state)
    recipient = from_hex(wallets.address_of_name(local, to))
    _moved(local, name, direct.send(recipient, amount), through)


for command in (gifts.gift, gifts.gifts, gifts.take):
    app.command()(command)


@app.command()
def stay(
    name: Name,
    campaign: Campaign,
    off: Annotated[bool, typer.Option("--off", help="Let others release matured points again.")] = False,
    through: Direct = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Keep matured points in a campaign instead of having them released to the wallet.

    Example: loyalty wallet stay alice 1"""
    _moved(State(state), name, direct.stay(campaign, not off), through)


@app.command("cash-out")
def cash_out(
    name: Name,
    amount: Points,
    to: Annotated[
        str | None, typer.Option(help="Who receives the settlement asset, a name or an address; else the wallet.")
    ] = None,
    through: Direct = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Exchange points for the settlement asset, at par.

    Example: loyalty wallet cash-out alice 12.50"""
    local = State(state)
    recipient = from_hex(wallets.address_of_name(local, to)) if to else None
    _moved(local, name, direct.cash_out(amount, recipient), through)


@app.command()
def quote(
    name: Name,
    offer: Annotated[int, typer.Argument(min=1, help="The offer's id; see `loyalty offer list`.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """What an offer costs this wallet, and why. Only the wallet itself may ask.

    Example: loyalty wallet quote alice 3"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with _client(local) as client:
        answer = Holder(client, wallet).quote(offer)
    reached = answer["limit_reached"]
    rows = [(points(price["amount"]), price["why"]) for price in answer["prices"]]
    title = f"Offer {offer}: {answer['availability']} left" + (", but your limit is reached" if reached else "")
    out.result(answer, lambda: table(title, ("price", "why"), rows))


@app.command()
def redeem(
    name: Name,
    offer: Annotated[int, typer.Argument(min=1, help="The offer's id; see `loyalty offer list`.")],
    full_price: Annotated[bool, typer.Option("--full-price", help="Pay everybody's: shows the chain no tier.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Buy a code: signs the order, waits for the payment at depth, opens the box and checks it against the chain.

    Example: loyalty wallet redeem alice 3"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with _client(local) as client:
        holder = Holder(client, wallet, known_chain(local))
        order = holder.order(offer, full_price)
        with out.notes.status("waiting for the chain …"):
            received = holder.delivered(order)
    if received.on_chain is False:
        raise CommandError("the chain does not show the commitment to this code", code="commitment-not-on-chain")
    answer = received.document()
    out.result(answer, lambda: facts("Redeemed", for_people(answer)))


@app.command()
def inbox(
    name: Name,
    confirm: Annotated[bool, typer.Option("--confirm", help="Let the gateway forget the boxes afterwards.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Open every box that waits, and check each against the chain.

    Example: loyalty wallet inbox alice --confirm"""
    local = State(state)
    wallet = wallets.open_wallet(local, name)
    with _client(local) as client:
        holder = Holder(client, wallet, known_chain(local))
        found = [holder.opened(box) for box in holder.boxes()]
        for received in found if confirm else ():
            holder.confirm(received.redemption)
    answer = [received.document() for received in found]
    shown = {True: "yes", False: "NO", None: "not asked"}
    rows = [(r.redemption, r.offer, r.code, shown[r.on_chain]) for r in found]
    out.result(answer, lambda: table("Inbox", ("redemption", "offer", "code", "committed on chain"), rows))


@app.command()
def cancel(name: Name, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Void everything that this wallet signed and that has not landed. Own transaction; needs gas.

    Example: loyalty wallet cancel alice"""
    local = State(state)
    chain = open_chain(local)
    chain.own(wallets.load_key(local, name)).token("open orders of the wallet cancelled", calls.cancel_wallet())
    out.result({"cancelled": True}, lambda: facts(None, [("cancelled", "yes")]))
