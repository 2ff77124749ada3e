"""`--help` of every command has an example, and the example can be typed."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gateway.cli import app
from gateway.commands.console import parse_duration, parse_points

FILE = re.compile(r"[\w./-]+\.(csv|ya?ml|jsonl?|txt)")


def commands(command: Any, path: tuple[str, ...] = ("loyalty",)) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    for name in command.list_commands(None):
        yield from commands(command.get_command(None, name), (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", ALL)
def test_the_example_can_be_typed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = re.search(r"Example: (.+?)(?:\n\n|$)", inspect.getdoc(ALL[name].callback) or "", re.DOTALL)
    assert found, "no example"
    words = shlex.split(found[1])
    assert words[: len(name.split())] == name.split()
    arguments = words[len(name.split()) :]
    for argument in arguments:
        if FILE.fullmatch(argument):
            Path(argument).touch()
    ALL[name].make_context(name, arguments)


@pytest.mark.parametrize("name", ALL)
def test_a_default_is_shown_as_it_is_typed(name: str) -> None:
    """Points are hundredths inside and durations are seconds; a help that shows those is a hundred times wrong."""
    for parameter in ALL[name].params:
        parser = parameter.type_descriptor.parameter_info.parser
        if parser in (parse_points, parse_duration):
            assert parameter.metavar, parameter.name
            if parameter.default:
                assert parser(parameter.show_default) == parameter.default, parameter.name
