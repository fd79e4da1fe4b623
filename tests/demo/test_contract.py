"""The demo's schema against the published one: nothing in it is invented, and what we need is in it."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    parse,
    validate,
    validate_schema,
)

from tests.shared import CONTRACTS, needs_contracts
from tui.demo.railway.app import SDL, schema

PUBLISHED = CONTRACTS / "railway" / "schema.graphql"
OPERATIONS = CONTRACTS / "railway" / "operations.graphql"


@pytest.fixture(scope="module")
def published() -> GraphQLSchema:
    # Not strictly valid: an implementation of Node.id is deprecated though the interface's is not.
    return build_schema(PUBLISHED.read_text("utf-8"), assume_valid=True)


def shape(made: GraphQLSchema) -> dict[str, str]:
    """Every type's fields, arguments and values, with their types."""
    found: dict[str, str] = {}
    for name, type_ in made.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType):
            for field_name, field in type_.fields.items():
                found[f"{name}.{field_name}"] = str(field.type)
                found |= {f"{name}.{field_name}({arg})": str(each.type) for arg, each in field.args.items()}
        elif isinstance(type_, GraphQLInputObjectType):
            found |= {f"{name}.{field_name}": str(each.type) for field_name, each in type_.fields.items()}
        elif isinstance(type_, GraphQLEnumType):
            found |= {f"{name}.{value}": "value" for value in type_.values}
        else:
            found[name] = "scalar"
    return found


def test_the_demos_schema_is_strictly_valid() -> None:
    assert validate_schema(schema()) == []
    assert SDL.exists()


@needs_contracts
def test_the_demos_schema_says_nothing_that_the_published_one_does_not(published: GraphQLSchema) -> None:
    theirs = shape(published)
    invented = {place: type_ for place, type_ in shape(schema()).items() if theirs.get(place) != type_}
    assert invented == {}


@needs_contracts
def test_no_argument_that_must_be_given_is_left_out(published: GraphQLSchema) -> None:
    ours, theirs = shape(schema()), shape(published)
    fields = {place for place in ours if "(" not in place}
    left_out = {
        place
        for place, type_ in theirs.items()
        if "(" in place and place.partition("(")[0] in fields and type_.endswith("!") and place not in ours
    }
    assert left_out == set()


@needs_contracts
def test_every_status_and_step_is_there(published: GraphQLSchema) -> None:
    for name in ("DeploymentStatus", "DeploymentInstanceStatus", "DeploymentEventStep", "MetricMeasurement"):
        ours, theirs = schema().type_map[name], published.type_map[name]
        assert isinstance(ours, GraphQLEnumType)
        assert isinstance(theirs, GraphQLEnumType)
        assert set(ours.values) == set(theirs.values)


@needs_contracts
def test_every_operation_of_the_contract_is_served() -> None:
    errors = validate(schema(), parse(OPERATIONS.read_text("utf-8")))
    assert [error.message for error in errors] == []
