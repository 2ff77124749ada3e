"""Documentation fails the build when it is stale."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

import gateway
from gateway.core.problems import REGISTRY
from gateway.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def rows(page: str) -> dict[str, list[str]]:
    """The first column of every table row of a page whose first cell is code, with its other cells."""
    found = {}
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.fullmatch(r"`([^`]+)`", cells[0])
        if line.startswith("|") and name:
            found[name.group(1)] = cells[1:]
    return found


def load_everything() -> None:
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if ".migrations." not in module.name:
            importlib.import_module(module.name)


def test_every_error_code_is_documented_with_its_status() -> None:
    load_everything()
    documented = rows("errors.md")
    assert list(documented) == sorted(REGISTRY), "docs/errors.md has one row for each code, in the alphabet's order"
    for code, refusal in REGISTRY.items():
        assert documented[code][0] == str(refusal.status), code


def test_every_setting_is_documented() -> None:
    assert set(rows("settings.md")) == {f"LOYALTY_{name.upper()}" for name in Settings.model_fields}


def command_names() -> set[str]:
    from gateway.cli import app

    def walk(command: Any, path: str) -> set[str]:
        if not hasattr(command, "list_commands"):
            return {path}
        names = command.list_commands(None)
        return set().union(*(walk(command.get_command(None, name), f"{path} {name}") for name in names))

    return walk(typer.main.get_command(app), "loyalty")


def test_every_command_is_documented() -> None:
    assert set(rows("cli.md")) == command_names()


#: Containers of rooms, and the insides of rooms.
NO_ROOMS = {"loyalty", "identity", "loyalty/rules/calculators", "chain/indexer", "chain/relayer"}


def test_architecture_names_every_room() -> None:
    rooms = {path.parent.relative_to(ROOT / "gateway").as_posix() for path in ROOT.glob("gateway/*/**/__init__.py")}
    floors = re.findall(r"^\| ([^|]+) \|", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    named = {name.rstrip("/") for cell in floors for name in re.findall(r"`([\w/]+)`", cell)}
    assert sorted(rooms - NO_ROOMS - named) == [], "a room has a row in docs/architecture.md"


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"], ids=lambda page: page.name)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for named in re.findall(r"`((?:gateway|tests|scripts|contracts|docs)/[\w./-]+\.\w+)`", text):
        assert (ROOT / named).exists(), f"{page.name} names {named}"


@pytest.mark.parametrize("decision", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_decisions_name_what_keeps_them(decision: Path) -> None:
    assert re.match(r"\d{4}-[a-z0-9-]+\.md", decision.name)
    assert "**Kept by.**" in decision.read_text()


@pytest.mark.parametrize("page", ["promises.md", "threat-model.md"])
def test_what_shows_a_promise_exists(page: str) -> None:
    for file, name in re.findall(r"`((?:tests|scripts|contracts)/[\w./-]+):(\w+)`", (DOCS / page).read_text()):
        source = (ROOT / file).read_text()
        defined = rf"\b(?:function|contract|modifier|constant|def|class) {name}\b|^{name} = "
        assert re.search(defined, source, re.MULTILINE), f"{file} has no {name}"
