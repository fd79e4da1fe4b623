"""Parsed and validated documents are kept: clients send the same few again and again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from weakref import WeakSet

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    parse,
    validate,
)


@lru_cache(maxsize=512)
def parsed(text: str) -> DocumentNode:
    return parse(text)


def parse_query(_context: object, data: Mapping[str, Any]) -> DocumentNode:
    return parsed(data["query"])


class Validator:
    """Validates each document of `parsed` once."""

    def __init__(self) -> None:
        self._valid: WeakSet[DocumentNode] = WeakSet()

    def __call__(
        self,
        schema: GraphQLSchema,
        document_ast: DocumentNode,
        rules: Collection[type[ASTValidationRule]] | None = None,
        max_errors: int | None = None,
        type_info: TypeInfo | None = None,
    ) -> list[GraphQLError]:
        del type_info
        if document_ast in self._valid:
            return []
        errors = validate(schema, document_ast, rules, max_errors)
        if not errors:
            self._valid.add(document_ast)
        return errors


def names(document: DocumentNode, operation_name: str | None) -> set[str]:
    """What a fault may call this request: its operation's name and its root fields."""
    found: set[str] = set()
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        name = definition.name.value if definition.name else None
        if operation_name is not None and name != operation_name:
            continue
        found |= {name} if name else set()
        found |= {node.name.value for node in definition.selection_set.selections if isinstance(node, FieldNode)}
    return found
