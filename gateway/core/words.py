"""Texts that merchants write for people, as they may come in. Pure: the command line checks files by them."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

#: Words a merchant shows to people: no control characters, nothing at the edges.
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s\p{C}]([^\p{C}]*[^\s\p{C}])?$")]
#: PostgreSQL's text holds anything but NUL.
Text = Annotated[str, StringConstraints(min_length=1, max_length=50_000, pattern=r"^[^\x00]*$")]
