"""The OpenAPI document, and the client that is written from it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

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


#: Lists that cannot grow long, and why.
SHORT = {
    "GET /v1/wallets/{address}/tiers": "one item for each ladder that the wallet stands on",
    "GET /v1/wallets/{address}/goals": "one item for each challenge and streak of its campaigns",
    "GET /v1/wallets/{address}/badges/earned": "one item for each badge of its campaigns",
    "GET /v1/campaigns/{id}/badges": "at most fifty in a campaign's rules",
    "GET /v1/campaigns/{id}/leaderboard": "the first places of a board",
    "GET /v1/campaigns/{id}/leaderboard/names": "a handful to choose from",
}
#: Lists inside of an answer about one thing, and why they cannot either.
INSIDE = {
    "GET /v1/campaigns/{id} rules": "those in force, and those that are announced",
    "GET /v1/campaigns/{id} merchants": "whom its owner invited; /merchants of it has them page by page",
    "GET /v1/actions/{id} rules": "at most one for each rule of the campaign",
    "GET /v1/offers/{id} words": "a sentence for each price",
    "GET /v1/offers/{id} prices": "at most twenty in an offer",
    "GET /v1/offers/{id} limits": "at most five in an offer",
    "GET /v1/wallets/{address} accounts": "one for each campaign in which the wallet has points",
    "GET /v1/wallets/{address}/offers/{offer} prices": "at most twenty in an offer",
}
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


def test_every_route_has_a_line_of_its_own(document: dict[str, Any]) -> None:
    lines = [operation["summary"] for methods in document["paths"].values() for operation in methods.values()]
    assert [line for line in lines if lines.count(line) > 1 or len(line) < 9] == []


def test_every_list_has_a_cursor(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    paged, without, inside = 0, [], set()
    for name, operation in operations(document).items():
        for response in operation["responses"].values() if name.startswith("GET ") else ():
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            assert schema.get("type") != "array", name
            fields = schemas.get(schema.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
            lists = {field for field, of in fields.items() if _is_list(of)}
            inside |= {f"{name} {field}" for field in lists - {"items"}}
            if "items" in lists and name not in SHORT:
                paged += 1
                asked = {parameter["name"] for parameter in operation["parameters"]}
                if not {"cursor", "limit"} <= asked or "next" not in fields:
                    without.append(name)
    assert not without
    assert inside == INSIDE.keys()
    assert paged > 10


def _is_list(field: dict[str, Any]) -> bool:
    return any(part.get("type") == "array" for part in (field, *field.get("anyOf", ())))


def test_refusals_have_one_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert "422" not in operation["responses"], name
        if "/v1/" in name:
            media = operation["responses"]["default"]["content"]
            assert list(media) == ["application/problem+json"]
