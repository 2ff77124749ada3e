"""A merchant's whole programme as one file: its schema, and what has to be done to make a campaign so.

Each section is a field of `CampaignFile` and an entry of `SECTIONS`: a function that compares what the gateway has with
what the file wants, and lists the changes. The same file again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.client import Client, Document, Json
from gateway.commands import offers_section, terms_section, wallets, yaml_files
from gateway.commands.chain import open_chain
from gateway.commands.console import CommandError
from gateway.commands.console import points as shown
from gateway.commands.differences import differences
from gateway.commands.file_changes import Change
from gateway.commands.merchant import KIND, operator_address, own_key
from gateway.commands.offers_section import OfferItem, Publisher
from gateway.commands.state import State
from gateway.commands.terms_section import Owner, TermsItem
from gateway.core.limits import MAX_ID, MAX_SUM
from gateway.loyalty.rules.badges import in_words
from gateway.loyalty.rules.document import RulesDocument

#: Differences between two versions of rules; --json tells all.
MAX_TOLD = 12

Number = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]


class Share(BaseModel):
    """A merchant of the campaign and the most that its actions may earn a UTC day, in hundredths of a point."""

    model_config = ConfigDict(extra="forbid")

    merchant: Number
    daily_quota: Annotated[int, Field(strict=True, ge=0, le=MAX_SUM)]


class CampaignFile(BaseModel):
    """A campaign as one file under version control. What a section leaves out is left as it is."""

    model_config = ConfigDict(extra="forbid", title="Loyalty campaign")

    campaign: Number | None = Field(None, description="Its number on the chain; or --campaign")
    terms: TermsItem | None = Field(None, description="What it is launched with; some of it may change later")
    earning: RulesDocument | None = Field(None, description="What earns how many points")
    shares: list[Share] | None = Field(
        None, max_length=200, description="Other merchants' daily quotas; who is not named earns nothing more"
    )
    offers: list[OfferItem] | None = Field(
        None,
        max_length=200,
        description="What points buy at the merchant; the campaign's other offers are closed "
        "(but those that are paid from wallets: they are no campaign's, and need `closed: true`)",
    )


#: (gateway, campaign as the gateway shows it, the section's content, dry run) → what has to be done.
Section = Callable[[Client, Document, Any, bool], Sequence[Change]]


def load(path: Path) -> CampaignFile:
    """Reads and checks a file; CommandError names every field that is wrong."""
    document = yaml_files.read(path)
    try:
        return CampaignFile.model_validate(document)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors(include_url=False)]
        raise CommandError(f"{path}: {'; '.join(wrong)}", "loyalty campaign schema", "invalid-file") from None


def publisher_of(local: State, merchant: str) -> Publisher:
    """A merchant of this machine, who signs its offers."""
    record = local.merchant(merchant)
    return Publisher(record.id, record.address, lambda: wallets.load_key(local, merchant, KIND))


def owner_of(local: State, merchant: str, operator: str | None) -> Owner:
    """A merchant of this machine, who changes terms on the chain."""
    chain = cache(partial(open_chain, local))  # kept: its connection goes with it
    return Owner(
        chain=chain,
        own=lambda: own_key(local, chain(), merchant),
        operator=lambda: operator_address(local, operator),
    )


def plan(
    client: Client, campaign: int, file: CampaignFile, dry: bool, publisher: Publisher, owner: Owner | None = None
) -> list[Change]:
    """What has to be done, section by section; `publisher` signs the offers, `owner` changes the terms."""
    now = client.campaign(campaign)
    changes: list[Change] = []
    if file.terms is not None and owner is not None:
        changes += terms_section.plan(client, owner, now, file.terms)
    sections = SECTIONS | {"offers": partial(offers_section.plan, publisher)}
    for name, section in sections.items():
        content = getattr(file, name)
        if content is not None:
            changes += section(client, now, content, dry)
    return changes


def carry_out(changes: Sequence[Change]) -> None:
    """Does one after the other."""
    for change in changes:
        if change.do is not None:
            change.do()


def _earning(client: Client, now: Document, wanted: RulesDocument, dry: bool) -> list[Change]:
    newest = now["rules"][-1]
    there = RulesDocument.model_validate(newest["rules"])
    if there.dump() == wanted.dump():
        return []
    body = wanted.model_dump(mode="json", exclude_none=True)
    path = f"/v1/campaigns/{now['id']}/rules"
    differ = differences(there.model_dump(mode="json", exclude_none=True), body)
    detail: Json = {"differences": differ}
    if dry:
        past = client.write("POST", f"{path}/preview", body)
        detail["past"] = past
        detail["in_words"] = (
            f"of {past['actions']} actions of the last 90 days {past['actions'] - past['unknown']} can be judged: "
            f"{shown(past['before'])} points by the rules of then, {shown(past['after'])} by these"
            + "".join(
                f"; {ladder}: {', '.join(f'{count} {rung}' for rung, count in rungs.items()) or 'nobody'}"
                for ladder, rungs in past["rungs"].items()
            )
            + "".join(f"; badge {b.number}: {in_words(b, wanted.goals, wanted.ladders)}" for b in wanted.badges)
        )
    told = [*differ[:MAX_TOLD], *([f"and {len(differ) - MAX_TOLD} more"] if len(differ) > MAX_TOLD else ())]
    what = "\n".join(["publish new rules:", *told])
    return [Change("earning", what, lambda: client.write("POST", path, body), detail)]


def _shares(client: Client, now: Document, wanted: Sequence[Share], dry: bool) -> list[Change]:
    def change(share: Share) -> Change:
        path = f"/v1/campaigns/{now['id']}/merchants/{share.merchant}"
        what = f"merchant {share.merchant}: at most {shown(share.daily_quota)} points a day"
        what += "" if share.daily_quota else " (it earns nothing more)"
        return Change("shares", what, lambda: client.write("PUT", path, {"daily_quota": share.daily_quota}))

    path = f"/v1/campaigns/{now['id']}/merchants"
    there = {row["merchant_id"]: row["daily_quota"] for row in client.items(path)}
    named = {share.merchant for share in wanted}
    gone = [Share(merchant=id, daily_quota=0) for id, quota in there.items() if quota and id not in named]
    return [change(share) for share in [*wanted, *gone] if there.get(share.merchant) != share.daily_quota]


SECTIONS: dict[str, Section] = {"earning": _earning, "shares": _shares}
