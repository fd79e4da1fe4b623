"""Every document that is sent to Railway holds against its published schema."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from graphql.language import OperationDefinitionNode

from tests.shared import CONTRACTS
from tui.providers.railway.documents import DOCUMENTS, inventory, newest_deployments

_SCHEMA = CONTRACTS / "railway" / "schema.graphql"

pytestmark = pytest.mark.skipif(not _SCHEMA.is_file(), reason=f"the contracts are not at {CONTRACTS}")

WINDOW = {"filter": "x", "beforeLimit": 1, "beforeDate": "d", "anchorDate": "d", "afterDate": "d", "afterLimit": 0}
DATED = {"deploymentId": "d", "limit": 1, "filter": "x", "startDate": "2026-09-01T00:00:00Z", "endDate": None}
SCOPE = {"projectId": "p", "environmentId": "e", "serviceId": "s"}
ID = {"id": "d"}
PAGE = {"first": 10, "after": "c"}
VARIABLES: dict[str, dict[str, Any]] = {
    "API_TOKEN": {},
    "PROJECT_TOKEN": {},
    "ME": {},
    "PROJECTS": {"workspaceId": "w", **PAGE},
    "EXTERNAL_WORKSPACES": {},
    "ENVIRONMENTS": {"projectId": "p", **PAGE},
    "MORE_SERVICES": {"environmentId": "e", "projectId": "p", **PAGE},
    "DEPLOYMENTS": {"input": {**SCOPE, "status": {"in": ["SUCCESS", "SLEEPING"]}}, **PAGE, "last": 1, "before": "c"},
    "DEPLOYMENT": ID,
    "DEPLOYMENT_EVENTS": {**ID, **PAGE},
    "ON_DEPLOYMENT": ID,
    "ON_DEPLOYMENT_EVENTS": ID,
    "BUILD_LOGS": DATED,
    "DEPLOYMENT_LOGS": DATED,
    "ENVIRONMENT_LOGS": {"environmentId": "e", **WINDOW},
    "HTTP_LOGS": {"deploymentId": "d", **WINDOW},
    "ON_BUILD_LOGS": {"deploymentId": "d", "filter": "", "limit": 500},
    "ON_DEPLOYMENT_LOGS": {"deploymentId": "d", "filter": "", "limit": 500},
    "ON_ENVIRONMENT_LOGS": {"environmentId": "e", **WINDOW},
    "ON_HTTP_LOGS": {"deploymentId": "d", **WINDOW},
    "REDEPLOY": {**ID, "usePreviousImageTag": True},
    "RESTART": ID,
    "ROLLBACK": ID,
    "STOP": ID,
    "CANCEL": ID,
    "REMOVE": ID,
    "APPROVE": ID,
    "DEPLOY": {"environmentId": "e", "serviceId": "s", "commitSha": "a" * 40},
    "DEPLOY_LATEST_COMMIT": {"environmentId": "e", "serviceId": "s"},
    "DEPLOY_TRIGGERS": {"input": SCOPE},
}


@cache
def schema() -> GraphQLSchema:
    # Railway's schema is not strictly valid itself: an interface's field is not deprecated where an implementation is.
    return build_schema(_SCHEMA.read_text(), assume_valid=True)


def faults(document: str, variables: dict[str, Any]) -> list[str]:
    parsed = parse(document)
    found = [error.message for error in validate(schema(), parsed)]
    operation = next(node for node in parsed.definitions if isinstance(node, OperationDefinitionNode))
    values = get_variable_values(schema(), operation.variable_definitions or (), variables)
    if isinstance(values, list):
        found += [error.message for error in values]
    return found


def test_the_table_of_variables_names_every_document() -> None:
    assert VARIABLES.keys() == DOCUMENTS.keys()


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_and_its_variables_are_valid(name: str) -> None:
    assert faults(DOCUMENTS[name], VARIABLES[name]) == []


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_document_for_several_environments_or_lists_is_valid(count: int) -> None:
    ids = {f"{name}{n}": "x" for name in ("environmentId", "projectId") for n in range(count)}
    assert faults(inventory(count), {"first": 200, **ids}) == []
    assert faults(newest_deployments(count), {"first": 2, **{f"input{n}": SCOPE for n in range(count)}}) == []


def test_the_two_mistakes_of_the_documentation_would_be_seen() -> None:
    wrong = "mutation R($id: String!) { deploymentRollback(id: $id) { id status } }"
    assert faults(wrong, ID)
    assert faults(DOCUMENTS["DEPLOYMENTS"], {"input": {**SCOPE, "status": {"successfulOnly": True}}})
    assert not faults(DOCUMENTS["DEPLOYMENTS"], {"input": {**SCOPE, "status": {"in": ["SUCCESS"]}}})


def test_no_document_selects_what_fails_the_whole_query_when_it_is_null() -> None:
    for name, document in {**DOCUMENTS, "inventory": inventory(2), "newest": newest_deployments(2)}.items():
        fields = document.partition("fragment DeploymentFields")[2]
        assert "service {" not in fields, name
        assert "environment {" not in fields, name
