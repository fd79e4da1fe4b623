"""The OpenAPI document that a server gives of itself: requests only, every answer an object without properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOTHING_SAID = {
    "description": "Successful response",
    "content": {"application/json": {"schema": {"type": "object", "properties": {}, "additionalProperties": False}}},
}
_JSON_TYPES = {"number": "integer", "boolean": "boolean", "object": "object", "array": "array"}


def document(procedures: Mapping[str, tuple[bool, Mapping[str, str]]]) -> dict[str, Any]:
    """`procedures`: name -> whether it is an order, and its parameters."""
    paths = {
        f"/{name}": {"post" if is_mutation else "get": _operation(name, params, is_mutation=is_mutation)}
        for name, (is_mutation, params) in procedures.items()
    }
    key = {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "API key authentication"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dokploy API", "description": "Endpoints for dokploy", "version": "1.0.0"},
        "servers": [{"url": "/api"}],
        "paths": paths,
        "security": [{"apiKey": []}],
        "components": {"securitySchemes": {"apiKey": key}},
    }


def _operation(name: str, params: Mapping[str, str], *, is_mutation: bool) -> dict[str, Any]:
    required = [param for param, kind in params.items() if not kind.endswith("?")]
    properties = {param: {"type": _JSON_TYPES.get(kind.rstrip("?"), "string")} for param, kind in params.items()}
    operation: dict[str, Any] = {
        "operationId": name.replace(".", "-"),
        "tags": [name.partition(".")[0]],
        "security": [{"apiKey": []}],
        "responses": {"200": _NOTHING_SAID},
    }
    if is_mutation:
        schema = {"type": "object", "properties": properties, "required": required}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    else:
        operation["parameters"] = [
            {"name": param, "in": "query", "required": param in required, "schema": schema}
            for param, schema in properties.items()
        ]
    return operation
