"""The terms of a campaign's file: what is said once, at its launch, and what its owner may change afterwards.

End and bonus change on the chain, one at a time, 7 days after the owner has announced it; window, crowd and step of the
settlements at the gateway, as long after they were announced there as the gateway says (`notice`: 7 days, on a local
chain nothing); the gateway's cap and the name at once. Everything else was promised for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.chain import calls
from gateway.chain.reads import Change as Announced
from gateway.client import Client, Document
from gateway.commands.chain import Chain, Own
from gateway.commands.console import CommandError, moment, parse_duration
from gateway.commands.console import points as shown
from gateway.commands.creating import SPENDING_TIME
from gateway.commands.file_changes import Change
from gateway.commands.offers_section import midnight
from gateway.core.durations import DAY
from gateway.core.limits import MAX_SUM
from gateway.core.words import Name, Text
from gateway.loyalty.rules.calendar import Zone

Duration = Literal[0] | Annotated[str, StringConstraints(strict=True, pattern=r"^[1-9][0-9]{0,5}[mhd]$")]
#: Kinds of changes that the chain announces.
END, BONUS = 1, 2
KINDS = {END: "end", BONUS: "bonus", 3: "merchant put off"}


def default_text(name: str) -> str:
    """Terms where none are given."""
    return f"{name}: points are earned as the published rules say and are worth their par at any time.\n"


class TermsItem(BaseModel):
    """What a campaign is launched with. `first` and `last` day (both included) in the `zone`; durations as 14d or 12h.
    Of a campaign that runs, `name`, `last`, `bonus`, `settle_every`, `min_wallets`, `step` and `daily_cap` may differ:
    then they are changed, most of them 7 days later; nothing else can be."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    text: Text | None = Field(None, description="The published terms, whose hash is on the chain")
    first: date
    last: date
    zone: Zone = "UTC"
    loop: Literal["open", "closed"] = Field("open", description="closed: points leave to accepted merchants only")
    hold: Duration = Field(0, description="Points mature after this")
    bonus: Annotated[int, Field(strict=True, ge=0, le=10_000)] = Field(
        0, description="On entry, closed only; hundredths of a percent"
    )
    settle_every: Duration = Field("1d", description="The settlement window; 0: at once")
    min_wallets: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        20, description="A smaller settlement waits, at most a week"
    )
    step: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        1, description="Settled amounts are multiples of so many hundredths of a point"
    )
    daily_cap: Annotated[int, Field(strict=True, ge=0, le=MAX_SUM)] = Field(
        100_000_00, description="The most that the gateway's key may award a UTC day, in hundredths of a point"
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.last < self.first:
            raise ValueError("last is before first")
        if self.bonus and self.loop == "open":
            raise ValueError("only a closed loop has a bonus")
        if parse_duration(self.hold) > 90 * DAY:
            raise ValueError("hold: 90d at most")
        if parse_duration(self.settle_every) > 7 * DAY:
            raise ValueError("settle_every: 7d at most")
        return self

    @property
    def starts_at(self) -> int:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> int:
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def expiry(self) -> int:
        return self.end + 2 * parse_duration(self.hold) + SPENDING_TIME if self.loop == "closed" else 0

    def fixed(self) -> dict[str, tuple[str, Any]]:
        """What can never be changed, as far as the file says it: by the file's name the gateway's, and the value."""
        values: dict[str, tuple[str, Any]] = {
            "text": ("terms", self.text),
            "first": ("starts_at", self.starts_at),
            "loop": ("closed", self.loop == "closed"),
            "hold": ("hold", parse_duration(self.hold)),
        }
        return {name: value for name, value in values.items() if name in self.model_fields_set and value[1] is not None}

    def settlement(self) -> dict[str, int]:
        """How it settles, as far as the file says it; by the gateway's names."""
        window = parse_duration(self.settle_every)
        values = {"settle_every": window, "min_wallets": self.min_wallets, "step": self.step}
        return {name: value for name, value in values.items() if name in self.model_fields_set}


@dataclass(frozen=True)
class Owner:
    """The campaign's owner on the chain, the gateway's key that it authorises. `own` asks for the password, each only
    when something needs it."""

    chain: Callable[[], Chain]
    own: Callable[[], Own]
    operator: Callable[[], bytes]


def plan(client: Client, owner: Owner, now: Document, wanted: TermsItem) -> Sequence[Change]:
    """What has to be done; CommandError `fixed-terms` for what can never be."""
    for name, (theirs, value) in wanted.fixed().items():
        if now[theirs] != value:
            raise CommandError(
                f"terms.{name}: campaign {now['id']} was launched with {_said(now[theirs])}, for good",
                "loyalty campaign launch FILE   (another campaign)",
                "fixed-terms",
            )
    changes = [*_name(client, now, wanted), *_settlement(client, now, wanted)]
    return [*changes, *_announced(owner, now, wanted), *_cap(owner, now, wanted)]


def _said(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _name(client: Client, now: Document, wanted: TermsItem) -> Iterator[Change]:
    if wanted.name != now["name"]:
        rename = partial(client.write, "PUT", f"/v1/campaigns/{now['id']}/name", {"name": wanted.name})
        yield Change("terms", f"the name is {wanted.name}", rename)


def _settlement(client: Client, now: Document, wanted: TermsItem) -> Iterator[Change]:
    said, coming = wanted.settlement(), now["coming"]
    there = {name: now[name] for name in ("settle_every", "min_wallets", "step")}
    base = {name: (coming or now)[name] for name in there}
    body = base | said
    window, crowd, step = body["settle_every"], body["min_wallets"], shown(body["step"])
    what = f"settles {_every(window)}, from {crowd} wallets on, in steps of {step}"
    if body != base:
        announce = partial(client.write, "PUT", f"/v1/campaigns/{now['id']}/settlement", body)
        announced = (
            f"announce it, in force {now['notice'] // DAY} days later"
            if now["notice"]
            else "change it, in force at once"
        )
        how = "as now: withdraw what was announced" if body == there else announced
        yield Change("terms", f"{what}: {how}", announce)
    elif any(there[name] != value for name, value in said.items()):
        yield Change("terms", f"{what}: announced, in force from {moment(coming['since'])}")


def _every(seconds: int) -> str:
    if not seconds:
        return "at once"
    return f"every {seconds // 3_600} hours" if seconds % 3_600 == 0 else f"every {seconds // 60} minutes"


def _announced(owner: Owner, now: Document, wanted: TermsItem) -> Iterator[Change]:
    campaign = int(now["id"])
    given = wanted.model_fields_set
    differ: list[tuple[int, int, str, bytes]] = []
    if wanted.end != now["end"]:
        differ.append((END, wanted.end, f"the last day is {wanted.last}", calls.schedule_end(campaign, wanted.end)))
    if "bonus" in given and wanted.bonus != now["bonus"]:
        what = f"the entry bonus is {shown(wanted.bonus)} %"
        differ.append((BONUS, wanted.bonus, what, calls.schedule_bonus(campaign, wanted.bonus)))
    if not differ:
        return
    under_way = owner.chain().reads.pending_change(campaign)
    for kind, value, what, data in differ:
        if (under_way.kind, under_way.value) == (kind, value):
            yield Change("terms", f"{what}: announced, in force from {moment(under_way.effective_at)}")
        elif under_way.kind:
            waits = f"after the {KINDS[under_way.kind]} that is in force from {moment(under_way.effective_at)}"
            yield Change("terms", f"{what}: can be announced {waits}; apply the file again then")
        else:
            yield Change("terms", f"{what}: announce it, in force 7 days later", _send(owner, what, data))
            under_way = Announced(kind, _soon(), value)


def _soon() -> int:
    return int(datetime.now(UTC).timestamp()) + 7 * DAY


def _send(owner: Owner, what: str, data: bytes) -> Callable[[], Document]:
    return lambda: owner.own().hub(what, data)


def _cap(owner: Owner, now: Document, wanted: TermsItem) -> Iterator[Change]:
    if "daily_cap" not in wanted.model_fields_set or wanted.daily_cap == now["daily_cap"]:
        return
    campaign, operator = int(now["id"]), owner.operator()
    if owner.chain().reads.operator(campaign, operator).daily_cap != wanted.daily_cap:
        what = f"the gateway's key awards at most {shown(wanted.daily_cap)} points a day"
        yield Change("terms", what, _send(owner, what, calls.set_operator(campaign, operator, wanted.daily_cap)))
