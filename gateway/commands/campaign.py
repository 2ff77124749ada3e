"""`loyalty campaign …`: on the chain with the merchant's own key, then at the gateway over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.chain import calls
from gateway.chain.hexes import checksum, from_hex
from gateway.client import Client, Document, Json, ProblemAnswer
from gateway.commands import (
    authorising,
    boards,
    campaign_badges,
    campaign_file,
    launching,
    rule_versions,
    sweeping,
    vips,
    wallets,
    yaml_files,
)
from gateway.commands.chain import open_chain
from gateway.commands.console import (
    AsJson,
    CommandError,
    Group,
    amounts,
    duration,
    facts,
    for_people,
    moment,
    out,
    parse_points,
    points,
    table,
)
from gateway.commands.creating import DEFAULT_RULES, SPENDING_TIME, Registration, Terms, begin
from gateway.commands.merchant import own_key
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import DEFAULT, State, StateDir
from gateway.commands.terms_section import default_text
from gateway.core.durations import DAY

app = typer.Typer(cls=Group, help="Campaigns: terms, money, rules.", no_args_is_help=True)
app.command()(vips.vip)
app.command()(boards.board)
app.command()(campaign_badges.badges)
app.command()(launching.launch)
app.command()(authorising.authorise)
app.command()(sweeping.sweep)
app.command()(rule_versions.versions)
app.command("withdraw-rules")(rule_versions.withdraw)
#: Seconds to wait until the gateway has seen a payment at depth.
PATIENCE = 60

Id = Annotated[int, typer.Argument(min=1, help="The campaign's number on the chain.")]
Merchant = Annotated[str, typer.Option(help="The merchant of this machine who owns the campaign.")]
Amount = Annotated[int, amounts("Points, e.g. 10000.00")]


@app.command()
def create(
    merchant: Merchant,
    name: Annotated[str, typer.Option(help="The name that customers see.")],
    lasts: Annotated[int, duration("From now to the end, e.g. 90d.", "365d")] = 365 * DAY,
    hold: Annotated[int, duration("Points mature after this, e.g. 14d.")] = 0,
    closed: Annotated[bool, typer.Option("--closed", help="Points leave accounts to accepted merchants only.")] = False,
    bonus: Annotated[int, typer.Option(parser=parse_points, metavar="PERCENT", help="On entry, closed only.")] = 0,
    starts: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day that counts (UTC).")] = None,
    terms: Annotated[Path | None, typer.Option(help="The published terms, a text file.", exists=True)] = None,
    rules: Annotated[Path | None, typer.Option(help="Earning rules, a YAML or JSON file.", exists=True)] = None,
    settle_every: Annotated[int, duration("Settlement window, e.g. 12h.", "1d")] = DAY,
    min_wallets: Annotated[int, typer.Option(min=1, help="A smaller settlement waits.")] = 20,
    step: Annotated[int, amounts("Settled amounts are multiples of this; the rest waits.", "0.01")] = 1,
    daily_cap: Annotated[int, amounts("What the gateway may award a day.", "100000")] = 100_000_00,
    operator: Annotated[str | None, typer.Option(help="Address of the gateway's key; else this machine's.")] = None,
    on_chain: Annotated[int | None, typer.Option("--id", min=1, help="Go on with a campaign that was created.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Create a campaign with the merchant's own key and tell the gateway. Without --rules: 1 point a currency unit.

    Example: loyalty campaign create --merchant cafe --name "Café points" --lasts 365d --hold 14d"""
    local = State(state)
    local.merchant(merchant)
    document = _rules(rules)
    chain = open_chain(local)
    now = chain.reads.head().time
    end = now + lasts
    text = terms.read_text(encoding="utf-8") if terms else default_text(name)
    fixed = Terms(end, hold, closed, end + 2 * hold + SPENDING_TIME if closed else 0, bonus, text)
    starts_at = int(starts.replace(tzinfo=UTC).timestamp()) if starts else now
    told = Registration(name, starts_at, settle_every, min_wallets, step, document)
    answer = begin(local, chain, merchant, fixed, told, daily_cap, operator, on_chain)
    out.result(answer, lambda: describe(answer))


def _rules(path: Path | None) -> Json:
    """Of a file of rules alone, or of a campaign's file."""
    if path is None:
        return DEFAULT_RULES
    document: Any = yaml_files.read(path)
    if isinstance(document, dict):
        earning: Any = document.get("earning", document)
        return dict(earning)
    return {"rules": document}


@app.command()
def fund(
    campaign: Id,
    merchant: Merchant,
    budget: Amount = 0,
    pot: Amount = 0,
    gift: Annotated[
        bool, typer.Option("--gift", help="It is somebody else's, who gets what is left at the end.")
    ] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Pay for awards (budget) and entry bonuses (pot), in points at par. On a local chain see `loyalty faucet`.

    Example: loyalty campaign fund 1 --merchant cafe --budget 10000"""
    local = State(state)
    chain = open_chain(local)
    if not budget + pot:
        raise CommandError("nothing to pay", f"loyalty campaign fund {campaign} --merchant {merchant} --budget 10000")
    own = own_key(local, chain, merchant)
    terms = chain.reads.campaign(campaign)
    owner = terms.owner
    if own.address != owner and not gift:
        raise CommandError(
            f"campaign {campaign} is {checksum(owner)}'s, not {merchant}'s; what is left at its end goes to its owner",
            f"loyalty campaign fund {campaign} --merchant {merchant} --gift …",
        )
    if chain.reads.head().time >= terms.end:
        back = moment(sweeping.swept_from(terms))
        out.note(
            f"campaign {campaign} has ended: this pays only for what happened before, and comes back from {back} on"
        )
    before = _money(local, campaign)
    own.fund(campaign, budget, pot)
    deadline = time.monotonic() + PATIENCE
    while before is not None and _money(local, campaign) == before:
        if time.monotonic() > deadline:
            out.note("paid on the chain; the gateway has not seen it at depth yet")
            break
        time.sleep(0.5)
    answer = {"campaign": campaign, "budget": budget, "pot": pot}
    out.result(answer, lambda: facts("Funded", [("budget", points(budget)), ("pot", points(pot))]))


def _money(state: State, campaign: int) -> tuple[int, int] | None:
    """Budget and pot as the gateway knows them; None where there is no gateway or no such campaign at it."""
    with Client(state.endpoints()["gateway"]) as client:
        if not client.ready()[0]:
            return None
        try:
            answer = client.campaign(campaign)
        except ProblemAnswer:
            return None
    return answer["budget"], answer["pot"]


@app.command()
def show(campaign: Id, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """One campaign as the gateway shows it to everybody.

    Example: loyalty campaign show 1"""
    with Client(State(state).endpoints()["gateway"]) as client:
        answer = client.campaign(campaign)
    out.result(answer, lambda: describe(answer))


@app.command("list")
def list_(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """All campaigns of the gateway.

    Example: loyalty campaign list"""
    with Client(State(state).endpoints()["gateway"]) as client:
        found = list(client.items("/v1/campaigns"))
    rows = [(c["id"], c["name"], _loop(c), moment(c["end"]), points(c["budget"])) for c in found]
    out.result(found, lambda: table("Campaigns", ("id", "name", "loop", "end", "budget"), rows))


@app.command()
def rules(
    campaign: Id,
    merchant: Merchant,
    file: Annotated[Path, typer.Argument(exists=True, help="Earning rules, a YAML or JSON file.")],
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the new rules (UTC).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the past would have earned.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Publish a new version of the earning rules; it counts for what happens from now on, or from the day --from on.
    --dry-run tries it on the last 90 days.

    Example: loyalty campaign rules 1 rules.yaml --merchant cafe --dry-run"""
    local = State(state)
    path = f"/v1/campaigns/{campaign}/rules"
    body = _rules(file)
    if since is not None and not dry_run:
        body["valid_from"] = int(since.replace(tzinfo=UTC).timestamp())
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("POST", f"{path}/preview" if dry_run else path, body)
    out.result(answer, lambda: facts("Would have awarded" if dry_run else "Rules", answer.items()))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(exists=True, help="The campaign's file, YAML or JSON.")],
    merchant: Merchant,
    campaign: Annotated[int | None, typer.Option(min=1, help="Where the file names none.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    operator: Annotated[str | None, typer.Option(help="Address of the gateway's key; else this machine's.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make a campaign as its file says; the same file again changes nothing. --dry-run tries new rules on the past.

    Example: loyalty campaign apply campaign.yaml --merchant cafe --dry-run"""
    wanted = campaign_file.load(file)
    number = campaign or wanted.campaign
    if number is None:
        raise CommandError(f"{file} names no campaign", "--campaign 1")
    local = State(state)
    record = local.merchant(merchant)
    publisher, owner = campaign_file.publisher_of(local, merchant), campaign_file.owner_of(local, merchant, operator)
    with client_of(local, record) as client:
        changes = campaign_file.plan(client, number, wanted, dry_run, publisher, owner)
        if not dry_run:
            campaign_file.carry_out(changes)
    answer = {"campaign": number, "dry_run": dry_run, "changes": [change.told() for change in changes]}
    rows = [(change.section, change.what, change.detail.get("in_words", "")) for change in changes]
    out.result(answer, lambda: table("Would change" if dry_run else "Changed", ("section", "change", "past"), rows))


@app.command()
def schema(as_json: AsJson = False) -> None:
    """The JSON schema of campaign files, for editors and CI.

    Example: loyalty campaign schema"""
    out.result(campaign_file.CampaignFile.model_json_schema())


@app.command()
def pause(campaign: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take no new actions for now.

    Example: loyalty campaign pause 1 --merchant cafe"""
    _switch(campaign, merchant, "pause", state)


@app.command()
def resume(campaign: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take actions again.

    Example: loyalty campaign resume 1 --merchant cafe"""
    _switch(campaign, merchant, "resume", state)


@app.command()
def settle(campaign: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Settle what is due now instead of at the end of the window (fewer wallets than the minimum still wait).

    Example: loyalty campaign settle 1 --merchant cafe"""
    _switch(campaign, merchant, "settle", state)


def _switch(campaign: int, merchant: str, verb: str, state: Path) -> None:
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("POST", f"/v1/campaigns/{campaign}/{verb}")
    out.result(answer, lambda: facts(None, [("campaign", campaign), ("done", verb)]))


@app.command()
def invite(
    campaign: Id,
    merchant: Merchant,
    guest: Annotated[str, typer.Argument(help="Name of a merchant of this machine, or an address.")],
    guest_id: Annotated[int | None, typer.Option(min=1, help="The guest's id at the gateway, for an address.")] = None,
    daily_quota: Annotated[int, amounts("What its actions may earn a day.", "10000")] = 10_000_00,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Invite another merchant, on the chain, and give it a daily quota of awards at the gateway; again for another
    quota.

    Example: loyalty campaign invite 1 mill --merchant cafe --daily-quota 500"""
    local = State(state)
    if guest.startswith("0x"):
        address, number = wallets.parsed(guest), guest_id
    else:
        record = local.merchant(guest)
        address, number = from_hex(record.address), record.id
    chain = open_chain(local)
    own = own_key(local, chain, merchant)
    if number is not None:  # before the chain, which takes nothing back: the gateway may refuse
        with client_of(local, local.merchant(merchant)) as client:
            set_quota(client, campaign, number, daily_quota)
    accepted = chain.reads.is_merchant(campaign, address)
    if not accepted:  # who has accepted only gets another quota
        own.hub(f"{checksum(address)} invited", calls.invite_merchant(campaign, address))
    quota = None if number is None else daily_quota
    answer = {"campaign": campaign, "merchant": checksum(address), "daily_quota": quota}
    out.result(answer, lambda: facts("In the campaign already" if accepted else "Invited", answer.items()))


def set_quota(client: Client, campaign: int, merchant_id: int, daily_quota: int) -> None:
    """The most that a merchant's actions may earn a day in this campaign."""
    client.write("PUT", f"/v1/campaigns/{campaign}/merchants/{merchant_id}", {"daily_quota": daily_quota})


def _loop(campaign: Json) -> str:
    return "closed" if campaign["closed"] else "open"


def describe(campaign: Document) -> Any:
    """A campaign for people."""
    shown = for_people(campaign, {"budget", "pot", "daily_cap", "reserved", "step"}, {"hold", "settle_every", "notice"})
    return facts("Campaign", shown)
