"""YAML as people expect it: 16:00 and 2026-12-01 are what they look like, `no` is a word, a key stands once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from gateway.commands.console import CommandError


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.2's core types without floats: of all plain words only integers, true, false and null are special."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as in the base class)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"{key} stands twice", problem_mark=node.start_mark)
        return dict(super().construct_mapping(node, deep))


for tag, pattern, first in (
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", "n~"),
):
    Loader.add_implicit_resolver(tag, re.compile(pattern), [*first, ""] if "null" in tag else list(first))


def read(path: Path) -> Any:
    """The document in a YAML (or JSON) file; CommandError names line and column of what cannot be read."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 (a SafeLoader)
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CommandError(f"{path}: {where}{error.problem}") from None
    except yaml.YAMLError as error:
        raise CommandError(f"{path}: {error}") from None
