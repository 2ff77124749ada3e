"""What commands print for people."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from gateway.commands.console import facts, table


@pytest.mark.parametrize("name", ["Spring [/]", "[red]Spring[/red]", "[link=https://x.example]Spring[/link]"])
def test_somebody_s_name_is_shown_as_it_is(name: str) -> None:
    for shown in (table("Campaigns", ("id", "name"), [(1, name)]), facts(None, [("name", name)])):
        assert name in printed(shown)


def printed(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(shown)
    return str(console.file.getvalue())  # type: ignore[attr-defined]
