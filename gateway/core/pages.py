"""Pages: at most `limit` items after `cursor`, and in `next` the cursor of the page after it. Pure.

A cursor is what the last item is ordered by, never how many went before: what comes or goes meanwhile moves no other
item from one page to another.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.core.limits import MAX_ID

NEXT = "`next` of the page before"
Limit = Annotated[int, Field(ge=1, le=200)]
#: Of what has a number: numbers above it, or (the newest first) below it.
Cursor = Annotated[int, Field(ge=0, le=MAX_ID, description=NEXT)]
Below = Annotated[int | None, Field(ge=1, le=MAX_ID, description=NEXT)]
#: Of what has a name or a number in its campaign, by campaign: `12.gold`.
Named = Annotated[str | None, Field(pattern=r"^[1-9][0-9]{0,10}\.[a-z][a-z0-9_]{0,39}$", description=NEXT)]
Numbered = Annotated[str | None, Field(pattern=r"^[1-9][0-9]{0,10}\.[1-9][0-9]{0,3}$", description=NEXT)]


def after(cursor: str | None) -> tuple[int, str]:
    """The campaign and the name that a cursor is made of; before the first page what is below all of them."""
    campaign, _, name = (cursor or "0.").partition(".")
    return int(campaign), name
