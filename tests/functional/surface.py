"""Every route that the gateway publishes, as its OpenAPI document describes it, and requests to all of them."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.client import Json
from tests.functional.house import House

Place = tuple[str | int, ...]
#: Routes of the operator alone.
OPERATORS = ("/v1/merchants",)


@dataclass(frozen=True)
class Route:
    """One method on one path. `example` is the published example of its body, None where it has none."""

    method: str
    path: str
    secured: bool
    parameters: tuple[tuple[str, str], ...]
    media: str | None
    example: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def names(self, where: str) -> list[str]:
        """Parameters in `path`, `query` or `header`."""
        return [name for place, name in self.parameters if place == where]

    def url(self, values: Mapping[str, str], **instead: str) -> str:
        """The path with these values for its parameters, some of them others; the `id` of an offer's route is the
        offer's."""
        own = {"id": values["offer"]} if self.path.startswith("/v1/offers/") else {}
        values = {**values, **own, **instead}
        filled = self.path
        for name in self.names("path"):
            filled = filled.replace(f"{{{name}}}", values[name])
        return filled

    def headers(self, house: House, key: str) -> dict[str, str]:
        """The credentials and the idempotency key that the route asks for; `key` is a merchant's."""
        made = {}
        if self.secured:
            made["Authorization"] = f"Bearer {house.token if self.path in OPERATORS else key}"
        if "Idempotency-Key" in self.names("header"):
            made["Idempotency-Key"] = secrets.token_hex(8)
        return made


def routes(house: House) -> list[Route]:
    """All of them."""
    document = house.http.get("/openapi.json").json()
    schemas = document.get("components", {}).get("schemas", {})
    return [
        _route(method.upper(), path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _route(method: str, path: str, operation: Json, schemas: Json) -> Route:
    content = operation.get("requestBody", {}).get("content", {})
    media = next(iter(content), None)
    return Route(
        method=method,
        path=path,
        secured="security" in operation,
        parameters=tuple((p["in"], p["name"]) for p in operation.get("parameters", [])),
        media=media,
        example=_example(content[media], schemas) if media else None,
    )


def _example(body: Json, schemas: Json) -> Any:
    if "example" in body:
        return body["example"]
    return _made(body["schema"], schemas)


def _made(schema: Json, schemas: Json) -> Any:
    """The schema's published example, or something of its shape."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if schema.get("examples"):
        return schema["examples"][0]
    if "anyOf" in schema:
        return _made(schema["anyOf"][0], schemas)
    if schema.get("type") == "object":
        return {name: _made(part, schemas) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_made(schema["items"], schemas)]
    return {"integer": 1, "boolean": True}.get(schema.get("type", ""), "text")


def places(document: Any, prefix: Place = ()) -> Iterator[Place]:
    """Where every value of a JSON document stands, the insides of lists and objects included."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in inner:
        yield (*prefix, name)
        yield from places(value, (*prefix, name))


def put(document: Any, place: Place, value: Any) -> Any:
    """A copy of the document with another value there."""
    changed = copy.deepcopy(document)
    inside = changed
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    return changed
