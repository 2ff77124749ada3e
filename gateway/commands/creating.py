"""A new campaign: on the chain with the merchant's own key, then at the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from gateway.chain import calls
from gateway.chain.hexes import keccak256
from gateway.client import Client, Json
from gateway.client.types import CampaignOut
from gateway.commands.chain import Chain, Own
from gateway.commands.console import CommandError, out, points
from gateway.commands.merchant import accept_campaign, operator_address, own_key, set_delegate
from gateway.commands.merchant_keys import client_of
from gateway.commands.state import State
from gateway.core.durations import DAY
from gateway.core.problems import reason

#: A closed campaign's points expire so long after its end, beyond twice the hold.
SPENDING_TIME = 90 * DAY
DEFAULT_RULES: Json = {"rules": [{"kind": "per_currency", "points": 100, "per": 100}]}


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
    """What is said beside the chain's terms. Seconds, wallets, hundredths of a point."""

    name: str
    starts_at: int
    settle_every: int
    min_wallets: int
    step: int
    rules: Json


def begin(
    local: State,
    chain: Chain,
    merchant: str,
    fixed: Terms,
    told: Registration,
    daily_cap: int,
    operator: str | None,
    on_chain: int | None,
) -> CampaignOut:
    """Creates a campaign, or goes on with number `on_chain`; the gateway's answer. `daily_cap`: of the gateway's key,
    hundredths of a point."""
    check(fixed.text, told)
    own = own_key(local, chain, merchant)
    key = operator_address(local, operator)
    if on_chain is None:
        _refuse_twin(local, chain, merchant, told.name)
        campaign = create_on_chain(chain, own, fixed, key, daily_cap)
        out.note(
            f"campaign {campaign} is on the chain; after a failure from here on: the same command with --id {campaign}"
        )
    else:
        campaign = on_chain
        if chain.reads.campaign(campaign).terms != fixed.hash:
            raise CommandError(f"campaign {campaign} has other terms", "--terms FILE with the very same text")
        prepare_on_chain(chain, own, campaign, key, daily_cap)
    with client_of(local, local.merchant(merchant)) as client:
        return register(client, campaign, fixed.text, told)


def _refuse_twin(local: State, chain: Chain, merchant: str, name: str) -> None:
    """CommandError where the merchant has a campaign of this name that goes on: customers see names alone."""
    record, now = local.merchant(merchant), chain.reads.head().time
    with client_of(local, record) as client:
        for other in client.items("/v1/campaigns"):
            if (other["merchant_id"], other["name"]) == (record.id, name) and other["end"] > now:
                raise CommandError(
                    f"{merchant} has a campaign named {name!r} already: number {other['id']}",
                    f"loyalty campaign show {other['id']}   (or another name)",
                    "same-name",
                )


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
    return client.register_campaign(_document(campaign, text, told), idempotency_key=f"campaign-{campaign}")


def check(text: str, told: Registration) -> None:
    """CommandError for what the gateway would refuse, before anything is on the chain that cannot be taken back."""
    from gateway.loyalty.campaigns.schemas import CampaignIn  # loads the database, which no other command needs

    try:
        CampaignIn.model_validate(_document(1, text, told))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise CommandError(f"{field}: {reason(first)}", code="invalid-request") from None


def _document(campaign: int, text: str, told: Registration) -> Json:
    return {"id": campaign, "terms": text, **vars(told)}
