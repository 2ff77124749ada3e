"""Writes the client's types and calls from the OpenAPI document: `gateway/client/types.py`, `gateway/client/calls.py`.

`python -m scripts.build_client`; with `--check` it only says whether they are as they should be (exit code 1: not).
"""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TYPES, CALLS = ROOT / "gateway/client/types.py", ROOT / "gateway/client/calls.py"
#: Routes that the client has no call for, and why.
LEFT_OUT = {
    "GET /health": "for load balancers; `Client.ready` asks /ready",
    "GET /ready": "`Client.ready`, which takes a gateway that is down for an answer",
    "GET /metrics": "Prometheus' text, no JSON",
}
Json = dict[str, Any]


def main() -> int:
    """Writes both files, or checks them."""
    made = build(document())
    if "--check" in sys.argv:
        stale = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
        print(
            f"stale: {', '.join(stale)}; run `make client`" if stale else "the client is as the OpenAPI document says"
        )
        return int(bool(stale))
    for path, text in made.items():
        path.write_text(text)
    return 0


def document() -> Json:
    """Of the application over an empty database."""
    from gateway.core.db import Database
    from tests.support.inside import application

    found: Json = application(Database("sqlite://")).openapi()
    return found


def build(api: Json) -> dict[Path, str]:
    """The text of each file."""
    return {TYPES: formatted(types(api)), CALLS: formatted(calls(api))}


def formatted(text: str) -> str:
    """As `make format` would leave it."""
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["check", "--quiet", "--fix-only", "--select", "I"], ["format", "--quiet"]):
        command = [*ruff, *words, "--stdin-filename", "gateway/client/made.py", "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


# ------------------------------------------------------------------- types


def types(api: Json) -> str:
    """A TypedDict, or an alias, for each schema."""
    parts = ['"""What the API takes and answers, on the wire. Written by scripts/build_client.py."""', ""]
    parts += ["from __future__ import annotations", "", "from typing import Any, Literal, NotRequired, TypedDict", ""]
    for name, schema in sorted(api["components"]["schemas"].items()):
        parts += ["", *_declared(plain(name), schema)]
    return "\n".join(parts) + "\n"


def plain(name: str) -> str:
    """A schema's name as a class."""
    return re.sub(r"\W", "", name.replace("-", "_"))


def _declared(name: str, schema: Json) -> Iterator[str]:
    if "properties" not in schema:
        yield f"{name} = {typed(schema)}"
        return
    fields = {field: typed(part) for field, part in schema["properties"].items()}
    required = set(schema.get("required", ()))
    if any(not field.isidentifier() or keyword.iskeyword(field) for field in fields):
        raise ValueError(f"{name} has fields that are no names")
    yield f"class {name}(TypedDict):"
    for field, text in fields.items():
        yield f"    {field}: {text if field in required else f'NotRequired[{text}]'}"
    if not fields:
        yield "    pass"


def typed(schema: Json) -> str:
    """A schema as an annotation."""
    if "$ref" in schema:
        return plain(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return " | ".join(dict.fromkeys(typed(part) for part in schema[name]))
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return typed(schema["allOf"][0])
    match schema.get("type"):
        case "array":
            return f"list[{typed(schema.get('items', {}))}]"
        case "object":
            inner = schema.get("additionalProperties")
            return f"dict[str, {typed(inner) if isinstance(inner, dict) else 'Any'}]"
        case kind:
            return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}.get(
                str(kind), "Any"
            )


# ------------------------------------------------------------------- calls


def calls(api: Json) -> str:
    """A function for each route that makes its request."""
    used: set[str] = set()
    bodies = []
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            if f"{method.upper()} {path}" not in LEFT_OUT:
                bodies += ["", "", *_call(method.upper(), path, operation, used)]
    head = ['"""One function for each route: the request that it wants. Written by scripts/build_client.py.', ""]
    head += [
        "Send them with `Client.send` or `AsyncClient.send`. Amounts are hundredths, times Unix seconds.",
        '"""',
        "",
    ]
    head += ["from __future__ import annotations", "", "from typing import Literal", ""]
    head += ["from gateway.client.core import Request, made"]
    head += [f"from gateway.client.types import {', '.join(sorted(used))}"]
    return "\n".join(head + bodies) + "\n"


def _call(method: str, path: str, operation: Json, used: set[str]) -> Iterator[str]:
    parameters = [
        (p["name"], p["in"], typed(p["schema"]), bool(p.get("required"))) for p in operation.get("parameters", ())
    ]
    inside = {name: re.sub(r"\W", "_", name).lower() for name, *_ in parameters}
    arguments = [f"{inside[name]}: {kind}" for name, where, kind, _ in parameters if where == "path"]
    body = operation.get("requestBody", {})
    media = next(iter(body.get("content", ())), None)
    sent = None
    if media is not None:
        raw = media != "application/json"
        sent = "bytes" if raw else typed(body["content"][media]["schema"]).removesuffix(" | None")
        used |= set() if raw else _names(sent)
        arguments.append(f"body: {sent}" + ("" if body.get("required") else " | None = None"))
    others = [(name, where, kind) for name, where, kind, _ in parameters if where in ("query", "header")]
    asked = [name for name, where, _ in others if where == "header"]
    options = [f"{inside[name]}: {_optional(kind)} = None" for name, _, kind in others]
    if options:
        arguments += ["*", *options]
    answer = _answer(operation)
    used |= _names(answer)
    values = [f'"{method}"', _path(path, inside)]
    query = [name for name, where, _ in others if where == "query"]
    if query:
        values.append(f"query={{{', '.join(f'{name!r}: {inside[name]}' for name in query)}}}")
    if asked:
        values.append(f"headers={{{', '.join(f'{name!r}: {inside[name]}' for name in asked)}}}")
    if media == "application/json":
        values.append("body=body")
    elif media:
        values.append(f"content=(body, {media!r})")
    values.append(f"secured={'security' in operation}")
    yield f"def {_name(method, path, operation)}({', '.join(arguments)}) -> Request[{answer}]:"
    yield f'    """{_said(operation)}"""'
    yield f"    return made({', '.join(values)})"


def _names(text: str) -> set[str]:
    """The schemas that an annotation names."""
    return set(re.findall(r"\b[A-Z]\w+", text)) - {"None", "Any", "Literal"}


def _optional(kind: str) -> str:
    return kind if kind.endswith("| None") else f"{kind} | None"


def _path(path: str, inside: dict[str, str]) -> str:
    return f'f"{re.sub(r"{(.+?)}", lambda m: "{" + inside[m[1]] + "}", path)}"' if "{" in path else f'"{path}"'


def _answer(operation: Json) -> str:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content = response.get("content", {}).get("application/json")
            return typed(content["schema"]) if content else "None"
    raise ValueError("a route without an answer")


def _name(method: str, path: str, operation: Json) -> str:
    """`GET /v1/campaigns/{id}` → `get_campaigns_by_id`."""
    words = [word for word in re.sub(r"{(\w+)}", r"by_\1", path.removeprefix("/v1")).split("/") if word]
    return re.sub(r"\W", "_", "_".join([method.lower(), *words])).replace("-", "_")


def _said(operation: Json) -> str:
    text = " ".join(str(operation.get("description", operation["summary"])).split())
    return text.split(". ")[0].rstrip(".") + "."


if __name__ == "__main__":
    sys.exit(main())
