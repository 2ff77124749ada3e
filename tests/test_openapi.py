"""The OpenAPI document, and the client that is written from it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.client import Request, calls
from scripts import build_client


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_client.document()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_client_is_written_from_the_document_that_there_is(document: dict[str, Any]) -> None:
    for path, text in build_client.build(document).items():
        assert path.read_text() == text, f"{path.name} is stale: make client"


def test_every_route_is_reachable_through_the_client_or_has_a_reason(document: dict[str, Any]) -> None:
    sent = set()
    for _, call in inspect.getmembers(calls, inspect.isfunction):
        if call.__module__ != calls.__name__:
            continue
        names = list(inspect.signature(call).parameters)
        filled = {name: b"x" if name == "body" else f"<{name}>" for name in names}
        request = call(**filled | ({"body": {}} if "body" in names and call.__name__ != CSV else {}))
        assert isinstance(request, Request)
        sent.add(f"{request.method} {request.path}")
    known = operations(document).keys() - build_client.LEFT_OUT.keys()
    assert {route.replace("{", "<").replace("}", ">") for route in known} == sent
    assert build_client.LEFT_OUT.keys() <= operations(document).keys()


#: Lists that come whole, and why.
WHOLE = {
    "GET /v1/campaigns/{id}/leaderboard/names items": "a draw of at most twenty, another each time",
    "GET /v1/campaigns/{id} rules": "those in force, and those that are announced; /rules has all page by page",
    "GET /v1/campaigns/{id} merchants": "whom its owner invited; /merchants of it has them page by page",
    "GET /v1/actions/{id} rules": "at most one for each rule of the campaign",
    "GET /v1/offers/{id} words": "a sentence for each price",
    "GET /v1/offers/{id} prices": "at most twenty in an offer",
    "GET /v1/offers/{id} limits": "at most five in an offer",
    "GET /v1/statistics/public wallets.redeemed": "the hundred who were paid most",
    "GET /v1/wallets/{address}/offers/{offer} prices": "at most twenty in an offer",
}
#: The list that a page has more of, where it is not `items`.
PAGED = {"GET /v1/wallets/{address}": "accounts"}
#: What has no document.
PLAIN = {"GET /metrics"}
CSV = "post_offers_by_id_codes"


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    without = []
    for name, operation in operations(document).items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = content["schema"]
            parts = [schema, *schema.get("anyOf", ())]
            named = [schemas[part["$ref"].rpartition("/")[2]] for part in parts if "$ref" in part]
            if "example" not in content and not any(part.get("examples") for part in named):
                without.append(name)
    assert not without


def models(model: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """All that the routes' modules have brought in."""
    for one in model.__subclasses__():
        yield one
        yield from models(one)


def test_examples_are_what_their_schemas_say(document: dict[str, Any]) -> None:
    """An answer's shows every field: one that was added is not forgotten there."""
    checked = 0
    for model in {*models()}:
        extra: Any = model.model_config.get("json_schema_extra") or {}
        for example in extra.get("examples", ()) if model.__module__.startswith("gateway.") else ():
            model.model_validate(example)
            if model.__name__.endswith("Out"):
                assert set(example) == set(model.model_fields), f"the example of {model.__name__} is stale"
            checked += 1
    assert checked > 40


def test_every_route_has_a_line_of_its_own(document: dict[str, Any]) -> None:
    lines = [operation["summary"] for methods in document["paths"].values() for operation in methods.values()]
    assert [line for line in lines if lines.count(line) > 1 or len(line) < 9] == []


def test_every_list_has_a_cursor(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    paged, whole = set(), set()
    for name, operation in operations(document).items():
        if not name.startswith("GET ") or name in PLAIN:
            continue
        (schema,) = (c["schema"] for c in operation["responses"]["200"]["content"].values())
        assert schema.get("type") != "array", name
        fields = _fields(schemas, schema)
        lists = set(_lists(schemas, fields))
        asked = {parameter["name"] for parameter in operation.get("parameters", ())}
        marks = [{"cursor", "limit"} <= asked, "next" in fields]
        assert len({*marks, bool({"cursor", "limit"} & asked)}) == 1, name
        if all(marks):
            paged.add(name)
            assert lists >= {PAGED.get(name, "items")}, name
            lists -= {PAGED.get(name, "items")}
        whole |= {f"{name} {field}" for field in lists}
    assert sorted(whole ^ WHOLE.keys()) == []
    assert len(paged) > 20
    assert PAGED.keys() <= paged


def _fields(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    found: dict[str, Any] = named.get("properties", {})
    return found


def _lists(schemas: dict[str, Any], fields: dict[str, Any]) -> Iterator[str]:
    """The names of lists, also of those inside of what is not listed itself."""
    for name, field in fields.items():
        for part in (field, *field.get("anyOf", ())):
            if part.get("type") == "array":
                yield name
            elif "$ref" in part:
                yield from (f"{name}.{inner}" for inner in _lists(schemas, _fields(schemas, part)))


def test_refusals_have_one_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert "422" not in operation["responses"], name
        if "/v1/" in name:
            media = operation["responses"]["default"]["content"]
            assert list(media) == ["application/problem+json"]
