"""Links that holders are sent to: https only, no more than a code may be long. Pure."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

MAX_LINK = 127
#: A host by name with a dot in it, an optional port; then what RFC 3986 allows, so no spaces, quotes or brackets.
_LINK = re.compile(
    r"https://(?=.{4,127}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9](:[0-9]{1,5})?"
    r"([/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?"
)


def is_link(text: str) -> bool:
    """Whether `text` means to be a link, good or bad."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def checked(text: str) -> str:
    """`text` when it is an https link of at most 127 characters to a named host, without user or password; else
    ValueError."""
    if len(text) > MAX_LINK or not _LINK.fullmatch(text) or urlsplit(text).port == 0:
        raise ValueError("no https link")
    return text


Link = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(checked)]
