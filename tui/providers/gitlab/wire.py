"""GitLab's JSON as it arrives, taken to pieces row by row: it goes no further than `decode`.

Everything but an id may be missing: old servers have less, and no two endpoints embed the same.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class UserRow(Struct):
    name: str | None = None
    username: str | None = None


class CommitRow(Struct):
    title: str | None = None
    message: str | None = None
    author_name: str | None = None


class PipelineRow(Struct):
    id: int
    status: str | None = None
    source: str | None = None
    ref: str | None = None
    web_url: str | None = None
    created_at: str | None = None


class JobRow(Struct):
    """A job; a trigger job ("bridge") too, which has no log."""

    id: int
    status: str = ""
    name: str | None = None
    stage: str | None = None
    allow_failure: bool | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    erased_at: str | None = None
    failure_reason: str | None = None
    web_url: str | None = None
    commit: CommitRow | None = None
    pipeline: PipelineRow | None = None
    downstream_pipeline: Any = None


class PlaceRow(Struct):
    """The environment inside a deployment."""

    id: int
    name: str


class ApprovalRow(Struct):
    status: str = ""
    user: UserRow | None = None
    created_at: str | None = None
    comment: str | None = None


class RuleRow(Struct):
    access_level_description: str | None = None
    required_approvals: int | None = None
    deployment_approvals: list[ApprovalRow] | None = None


class SummaryRow(Struct):
    rules: list[RuleRow] | None = None


class DeploymentRow(Struct):
    """The last three come only with a single deployment, and only from GitLab's paid tiers."""

    id: int
    iid: int | None = None
    ref: str | None = None
    sha: str | None = None
    status: str | None = None  # old servers have none
    created_at: str | None = None
    updated_at: str | None = None
    user: UserRow | None = None
    environment: PlaceRow | None = None
    deployable: JobRow | None = None  # null: made through the API, not by GitLab CI
    pending_approval_count: int | None = None
    approvals: list[ApprovalRow] | None = None
    approval_summary: SummaryRow | None = None


class EnvironmentRow(Struct):
    id: int
    name: str
    state: str | None = None
    tier: str | None = None
    external_url: str | None = None
    auto_stop_at: str | None = None
    last_deployment: Any = None  # read on its own: an odd one must not cost the environment


class NamespaceRow(Struct):
    full_path: str | None = None


class ProjectRow(Struct):
    id: int
    path_with_namespace: str
    path: str | None = None
    web_url: str | None = None
    archived: bool | None = None
    namespace: NamespaceRow | None = None
    ci_forward_deployment_enabled: bool | None = None
    ci_forward_deployment_rollback_allowed: bool | None = None


class MergeRequestRow(Struct):
    iid: int
    title: str | None = None
    web_url: str | None = None
    author: UserRow | None = None
    merged_at: str | None = None


class TokenRow(Struct):
    name: str | None = None
    scopes: list[str] | None = None
    expires_at: str | None = None


class VersionRow(Struct):
    version: str = ""


def read(rows: list[msgspec.Raw], kind: type[T]) -> tuple[list[T], list[str]]:
    """The rows that can be read, in their order, and what is odd about the others."""
    found: list[T] = []
    odd: list[str] = []
    for row in rows:
        try:
            found.append(msgspec.json.decode(row, type=kind))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            odd.append(str(error))
    return found, odd


def convert(found: Any, kind: type[T]) -> T | None:  # noqa: ANN401 - decoded JSON
    """A part that was left undecoded. None for null and for what cannot be read."""
    if found is None:
        return None
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError:
        return None
