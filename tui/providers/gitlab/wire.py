"""Structs of GitLab's JSON, which goes no further than `decode`.

Only an id is required: old servers send less, no two endpoints embed the same, and a value of the wrong type becomes
the default (`providers.values`), so that it never costs its row.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class UserRow(Struct):
    id: int | None = None
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
    user: UserRow | None = None  # only of a single pipeline


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
    user: UserRow | None = None  # who ran it: of a manual job whoever played it, not who made the deployment
    pipeline: PipelineRow | None = None
    downstream_pipeline: Any = None


class PlaceRow(Struct):
    """The environment inside a deployment. Either field identifies it."""

    id: int | None = None
    name: str = ""


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
    """One deployment. The last three fields come only with a single one, and only from GitLab's paid tiers.

    `deployable` is null for a deployment made through the API. Unset: the job is there and cannot be read, or the
    server did not send the field; nothing is concluded from that.
    """

    id: int
    iid: int | None = None
    ref: str | None = None
    sha: str | None = None
    status: str | None = None  # old servers have none
    created_at: str | None = None
    updated_at: str | None = None
    user: UserRow | None = None
    environment: PlaceRow | None = None
    deployable: JobRow | UnsetType | None = UNSET
    pending_approval_count: int | None = None
    approvals: list[ApprovalRow] | None = None
    approval_summary: SummaryRow | None = None

    @property
    def job(self) -> JobRow | None:
        """Return its job as far as it could be read."""
        return self.deployable if isinstance(self.deployable, JobRow) else None

    @property
    def is_external(self) -> bool:
        """It was made through the API, not by GitLab CI."""
        return self.deployable is None


class EnvironmentRow(Struct):
    id: int
    name: str = ""
    state: str | None = None
    tier: str | None = None
    external_url: str | None = None
    auto_stop_at: str | None = None
    last_deployment: Any = None  # decoded on its own: an odd one must not cost the environment


class NamespaceRow(Struct):
    full_path: str | None = None


class ProjectRow(Struct):
    id: int
    path_with_namespace: str = ""
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
