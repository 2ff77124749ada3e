"""`loyalty campaign …`: on the chain with the merchant's own key, then at the gateway over HTTP."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.chain import calls
from gateway.chain.hexes import checksum, from_hex, keccak256
from gateway.client import Client, Document, Json, ProblemAnswer
from gateway.client.types import CampaignOut
from gateway.commands import boards, campaign_badges, campaign_file, vips, wallets, yaml_files
from gateway.commands.chain import Chain, Own, open_chain
from gateway.commands.console import (
    AsJson,
    CommandError,
    Group,
    facts,
    moment,
    out,
    parse_duration,
    parse_points,
    points,
    table,
)
from gateway.commands.merchant import KIND, accept_campaign, operator_address, own_key, set_delegate
from gateway.commands.merchant_keys import client_of
from gateway.commands.offers_section import Publisher
from gateway.commands.state import DEFAULT, State, StateDir

app = typer.Typer(cls=Group, help="Campaigns: terms, money, rules.", no_args_is_help=True)
app.command()(vips.vip)
app.command()(boards.board)
app.command()(campaign_badges.badges)
DAY = 86_400
#: A closed campaign's points expire so long after its end, beyond twice the hold.
SPENDING_TIME = 90 * DAY
#: Seconds to wait until the gateway has seen a payment at depth.
PATIENCE = 60
DEFAULT_RULES = {"rules": [{"kind": "per_currency", "points": 100, "per": 100}]}

Id = Annotated[int, typer.Argument(min=1, help="The campaign's number on the chain.")]
Merchant = Annotated[str, typer.Option(help="The merchant of this machine who owns the campaign.")]
Amount = Annotated[int, typer.Option(parser=parse_points, metavar="POINTS", help="Points, e.g. 10000.00")]


@dataclass(frozen=True)
class Terms:
    """What never changes on the chain. Seconds, Unix seconds, basis points."""

    end: int
    hold: int
    closed: bool
    expiry: int
    bonus: int
    text: str

    @property
    def hash(self) -> bytes:
        return keccak256(self.text.encode())


@dataclass(frozen=True)
class Registration:
    """What the gateway is told beside the chain's terms. Seconds, wallets, hundredths of a point."""

    name: str
    starts_at: int
    settle_every: int
    min_wallets: int
    step: int
    rules: Json


def create_on_chain(chain: Chain, own: Own, terms: Terms, operator: bytes, daily_cap: int) -> int:
    """Creates the campaign and authorises the gateway's key; the campaign's number."""
    campaign = own.create_campaign(terms.end, terms.hold, terms.closed, terms.expiry, terms.bonus, terms.hash)
    prepare_on_chain(chain, own, campaign, operator, daily_cap)
    return campaign


def prepare_on_chain(chain: Chain, own: Own, campaign: int, operator: bytes, daily_cap: int) -> None:
    """Cap of the gateway's key, and the owner as the first merchant of its own campaign; what is done stays done."""
    own.ensure(
        f"gateway authorised for {points(daily_cap)} points a day",
        lambda: chain.reads.operator(campaign, operator).daily_cap == daily_cap,
        calls.set_operator(campaign, operator, daily_cap),
    )
    if not chain.reads.is_merchant(campaign, own.address):
        own.hub("owner invited as merchant", calls.invite_merchant(campaign, own.address))
        accept_campaign(chain, own, campaign)
    set_delegate(chain, own, operator, True)


def register(client: Client, campaign: int, text: str, told: Registration) -> CampaignOut:
    """Tells the gateway; the same again changes nothing."""
    document: Json = {
        "id": campaign,
        "name": told.name,
        "terms": text,
        "starts_at": told.starts_at,
        "settle_every": told.settle_every,
        "min_wallets": told.min_wallets,
        "step": told.step,
        "rules": told.rules,
    }
    return client.register_campaign(document, idempotency_key=f"campaign-{campaign}")


@app.command()
def create(
    merchant: Merchant,
    name: Annotated[str, typer.Option(help="The name that customers see.")],
    lasts: Annotated[int, typer.Option(parser=parse_duration, help="From now to the end, e.g. 365d.")] = 365 * DAY,
    hold: Annotated[int, typer.Option(parser=parse_duration, help="Points mature after this, e.g. 14d.")] = 0,
    closed: Annotated[bool, typer.Option("--closed", help="Points leave accounts to accepted merchants only.")] = False,
    bonus: Annotated[int, typer.Option(parser=parse_points, metavar="PERCENT", help="On entry, closed only.")] = 0,
    starts: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day that counts (UTC).")] = None,
    terms: Annotated[Path | None, typer.Option(help="The published terms, a text file.", exists=True)] = None,
    rules: Annotated[Path | None, typer.Option(help="Earning rules, a YAML or JSON file.", exists=True)] = None,
    settle_every: Annotated[int, typer.Option(parser=parse_duration, help="Settlement window.")] = DAY,
    min_wallets: Annotated[int, typer.Option(min=1, help="A smaller settlement waits.")] = 20,
    step: Annotated[int, typer.Option(parser=parse_points, metavar="POINTS", help="Settled amounts are rounded.")] = 1,
    daily_cap: Amount = 100_000_00,
    operator: Annotated[str | None, typer.Option(help="Address of the gateway's key; else this machine's.")] = None,
    on_chain: Annotated[int | None, typer.Option("--id", min=1, help="Go on with a campaign that was created.")] = None,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Create a campaign with the merchant's own key and tell the gateway. Without --rules: 1 point a currency unit."""
    local = State(state)
    record = local.merchant(merchant)
    document = _rules(rules)
    chain = open_chain(local)
    own = own_key(local, chain, merchant)
    key = operator_address(local, operator)
    now = chain.reads.head().time
    end = now + lasts
    text = terms.read_text(encoding="utf-8") if terms else default_terms(name)
    fixed = Terms(end, hold, closed, end + 2 * hold + SPENDING_TIME if closed else 0, bonus, text)
    if on_chain is None:
        campaign = create_on_chain(chain, own, fixed, key, daily_cap)
        out.note(
            f"campaign {campaign} is on the chain; after a failure from here on: the same command with --id {campaign}"
        )
    else:
        campaign = on_chain
        if chain.reads.campaign(campaign).terms != fixed.hash:
            raise CommandError(f"campaign {campaign} has other terms", "--terms FILE with the very same text")
        prepare_on_chain(chain, own, campaign, key, daily_cap)
    starts_at = int(starts.replace(tzinfo=UTC).timestamp()) if starts else now
    told = Registration(name, starts_at, settle_every, min_wallets, step, document)
    with client_of(local, record) as client:
        answer = register(client, campaign, text, told)
    out.result(answer, lambda: describe(answer))


def default_terms(name: str) -> str:
    """Terms where none are given."""
    return f"{name}: points are earned as the published rules say and are worth their par at any time.\n"


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
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Pay for awards (budget) and entry bonuses (pot), in points at par. On a local chain see `loyalty faucet`."""
    local = State(state)
    chain = open_chain(local)
    if not budget + pot:
        raise CommandError("nothing to pay", f"loyalty campaign fund {campaign} --merchant {merchant} --budget 10000")
    own = own_key(local, chain, merchant)
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
    """One campaign as the gateway shows it to everybody."""
    with Client(State(state).endpoints()["gateway"]) as client:
        answer = client.campaign(campaign)
    out.result(answer, lambda: describe(answer))


@app.command("list")
def list_(state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """All campaigns of the gateway."""
    with Client(State(state).endpoints()["gateway"]) as client:
        found = list(client.items("/v1/campaigns"))
    rows = [(c["id"], c["name"], _loop(c), day(c["end"]), points(c["budget"])) for c in found]
    out.result(found, lambda: table("Campaigns", ("id", "name", "loop", "end", "budget"), rows))


@app.command()
def rules(
    campaign: Id,
    merchant: Merchant,
    file: Annotated[Path, typer.Argument(exists=True, help="Earning rules, a YAML or JSON file.")],
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Publish a new version of the earning rules; it counts for what happens from now on."""
    local = State(state)
    with client_of(local, local.merchant(merchant)) as client:
        answer = client.write("POST", f"/v1/campaigns/{campaign}/rules", _rules(file))
    out.result(answer, lambda: facts("Rules", answer.items()))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(exists=True, help="The campaign's file, YAML or JSON.")],
    merchant: Merchant,
    campaign: Annotated[int | None, typer.Option(min=1, help="Where the file names none.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make a campaign as its file says; the same file again changes nothing. --dry-run tries new rules on the past."""
    wanted = campaign_file.load(file)
    number = campaign or wanted.campaign
    if number is None:
        raise CommandError(f"{file} names no campaign", "--campaign 1")
    local = State(state)
    record = local.merchant(merchant)
    publisher = Publisher(record.id, record.address, lambda: wallets.load_key(local, merchant, KIND))
    with client_of(local, record) as client:
        changes = campaign_file.plan(client, number, wanted, dry_run, publisher)
        if not dry_run:
            for change in changes:
                change.do()
    answer = {"campaign": number, "dry_run": dry_run, "changes": [change.told() for change in changes]}
    rows = [(change.section, change.what, change.detail.get("in_words", "")) for change in changes]
    out.result(answer, lambda: table("Would change" if dry_run else "Changed", ("section", "change", "past"), rows))


@app.command()
def schema(as_json: AsJson = False) -> None:
    """The JSON schema of campaign files, for editors and CI."""
    out.result(campaign_file.CampaignFile.model_json_schema())


@app.command()
def pause(campaign: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take no new actions for now."""
    _switch(campaign, merchant, "pause", state)


@app.command()
def resume(campaign: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Take actions again."""
    _switch(campaign, merchant, "resume", state)


@app.command()
def settle(campaign: Id, merchant: Merchant, state: StateDir = DEFAULT, as_json: AsJson = False) -> None:
    """Settle what is due now instead of at the end of the window (fewer wallets than the minimum still wait)."""
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
    daily_quota: Amount = 10_000_00,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Invite another merchant, on the chain, and give it a daily quota of awards at the gateway."""
    local = State(state)
    if guest.startswith("0x"):
        address, number = from_hex(guest), guest_id
    else:
        record = local.merchant(guest)
        address, number = from_hex(record.address), record.id
    chain = open_chain(local)
    own = own_key(local, chain, merchant)
    own.hub(f"{checksum(address)} invited", calls.invite_merchant(campaign, address))
    if number is not None:
        with client_of(local, local.merchant(merchant)) as client:
            set_quota(client, campaign, number, daily_quota)
    answer = {"campaign": campaign, "merchant": checksum(address), "daily_quota": daily_quota}
    out.result(answer, lambda: facts("Invited", answer.items()))


def set_quota(client: Client, campaign: int, merchant_id: int, daily_quota: int) -> None:
    """The most that a merchant's actions may earn a day in this campaign."""
    client.write("PUT", f"/v1/campaigns/{campaign}/merchants/{merchant_id}", {"daily_quota": daily_quota})


def day(moment: int) -> str:
    """Unix seconds as a UTC date."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat() if moment else ""


def _loop(campaign: Json) -> str:
    return "closed" if campaign["closed"] else "open"


def describe(campaign: Document) -> Any:
    """A campaign for people."""
    money = {"budget", "pot", "daily_cap", "reserved", "step"}
    pairs = []
    for name, value in campaign.items():
        if name in money:
            value = points(value)
        elif name in {"starts_at", "end", "expiry"} and value:
            value = moment(value)
        elif isinstance(value, dict | list):
            value = json.dumps(value)
        pairs.append((name.replace("_", " "), value))
    return facts("Campaign", pairs)
