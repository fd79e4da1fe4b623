"""What the platforms have in common: projects, environments, services, deployments, and one picture of them all.

Every entity is frozen. Identity is `ref`, never a position in a list and never a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Generic, Self, TypeVar

from msgspec import Struct, field

from tui.model.action import Verb
from tui.model.status import Status

T = TypeVar("T")


class Kind(StrEnum):
    PROJECT = "project"
    ENVIRONMENT = "environment"
    SERVICE = "service"
    INSTANCE = "instance"
    DEPLOYMENT = "deployment"


class Ref(Struct, frozen=True, order=True):
    """Names one thing on one account. `id` is the provider's own and opaque; it may hold any character."""

    account: str
    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.account}:{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of `str(ref)`. Raises ValueError for anything else."""
        account, kind, id_ = text.split(":", 2)
        return cls(account, Kind(kind), id_)


class Project(Struct, frozen=True):
    ref: Ref
    name: str
    url: str | None = None  # its page in the platform's web interface


class Environment(Struct, frozen=True):
    ref: Ref
    project: Ref
    name: str
    ephemeral: bool = False  # made for a pull request


class Revision(Struct, frozen=True):
    """What was deployed. `sha` is full where the platform gives it, an image digest or tag for image sources."""

    sha: str
    branch: str | None = None
    message: str | None = None
    author: str | None = None
    url: str | None = None

    @property
    def short(self) -> str:
        """Seven characters of a commit; the whole of anything else (an image tag, a version)."""
        is_commit = len(self.sha) >= 12 and all(c in "0123456789abcdef" for c in self.sha)
        return self.sha[:7] if is_commit else self.sha


def compare_url(before: Revision, now: Revision) -> str | None:
    """The page that compares two commits, where both are on the same GitHub, GitLab or their like."""
    old, _, old_sha = (before.url or "").rpartition("/commit/")
    new, _, new_sha = (now.url or "").rpartition("/commit/")
    if not old or old != new or not old_sha or not new_sha or old_sha == new_sha:
        return None
    return f"{new}/compare/{old_sha}...{new_sha}"


class Instance(Struct, frozen=True):
    """One running copy: a replica, a container, a process."""

    ref: Ref
    status: Status
    status_raw: str
    name: str = ""


class Step(Struct, frozen=True):
    """One step of a deployment under way or done, in the platform's order."""

    name: str
    status: Status  # BUILDING while it runs; LIVE when it went well; FAILED; SKIPPED; QUEUED
    started_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str = ""
    error: str = ""


class Approval(Struct, frozen=True):
    """What one person said to a deployment that waits for approval."""

    by: str
    approved: bool  # False: rejected
    at: datetime | None = None
    comment: str = ""


class ApprovalRule(Struct, frozen=True):
    """Who must approve, how many of them, and who has. `who` is a user, a group or a role, in the platform's words."""

    who: str
    required: int
    given: tuple[Approval, ...] = ()

    @property
    def missing(self) -> int:
        return max(0, self.required - sum(each.approved for each in self.given))


class Deployment(Struct, frozen=True):
    ref: Ref
    service: Ref
    status: Status
    status_raw: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    revision: Revision | None = None
    creator: str | None = None
    trigger: str | None = None  # "push", "redeploy", "rollback", "api", ...: the platform's word
    is_live: bool = False  # it is the one that serves
    url: str | None = None
    note: str = ""  # why it waits or failed, in the platform's words
    instances: tuple[Instance, ...] = ()
    approvals: tuple[ApprovalRule, ...] = ()
    starts_at_creation: bool = True  # the platform reports no start of its own, so that `created_at` stands in for it
    not_now: Mapping[Verb, str] = field(default_factory=dict)
    """Why a verb the provider has cannot be done on this one, as far as the platform's answer tells."""

    @property
    def id(self) -> str:
        return self.ref.id

    @property
    def awaits(self) -> str:
        """'waits for 2 more: release-managers'; '' when no approval is missing."""
        missing = [(rule.who, rule.missing) for rule in self.approvals if rule.missing]
        if not missing:
            return ""
        named = missing[0][0] if len(missing) == 1 else ", ".join(f"{who} {number}" for who, number in missing)
        return f"waits for {sum(number for _, number in missing)} more: {named}"

    @property
    def began_at(self) -> datetime | None:
        """When it started, None where that is not known or it never did.

        The creation stands in for the start while in flight, and where the platform reports no start: what was
        cancelled before it started took no time at all, however long it had waited.
        """
        return self.started_at or (self.created_at if self.status.in_flight or self.starts_at_creation else None)

    def duration_s(self, now: datetime) -> float | None:
        """Return the time from `began_at` to its end, or to `now` while in flight; None where it is not known."""
        begin = self.began_at
        end = self.finished_at or (now if self.status.in_flight else None)
        if begin is None or end is None:
            return None
        return max(0.0, (end - begin).total_seconds())


class Service(Struct, frozen=True):
    """One service in one environment: what a row of the board shows and most actions act upon."""

    ref: Ref
    project: Ref
    environment: Ref
    name: str
    project_name: str
    environment_name: str
    status: Status
    status_raw: str
    url: str | None = None
    replicas: int | None = None
    latest: Deployment | None = None  # the newest, whatever became of it
    live: Deployment | None = None  # the one that serves
    instances: tuple[Instance, ...] = ()
    not_now: Mapping[Verb, str] = field(default_factory=dict)
    observed_at: datetime | None = None  # None: with the snapshot; else when it was read, where that is earlier
    doubt: str = ""
    """Why `latest` or `live` may not be what they seem, as a sentence: a newer row could not be read. "": no reason."""

    @property
    def account(self) -> str:
        return self.ref.account

    @property
    def state(self) -> Status:
        """Return its own status; where another deployment serves, that of a newest one which is under way, failed or
        waits. What is up but in doubt is UNKNOWN: good news needs evidence.
        """
        latest = self.latest
        if self.doubt and self.status.up:
            return Status.UNKNOWN
        if latest is None or not self.status.up or (self.live is not None and latest.ref == self.live.ref):
            return self.status
        told = latest.status.in_flight or latest.status.bad or latest.status is Status.NEEDS_APPROVAL
        return latest.status if told else self.status

    @property
    def trouble(self) -> Status | None:
        """The reason to look at it, if there is one."""
        state = self.status if self.status.bad else self.state
        return state if state.bad or state is Status.NEEDS_APPROVAL else None

    @property
    def path(self) -> str:
        """`account/project/environment/service`: how people and the command line name it."""
        return f"{self.ref.account}/{self.project_name}/{self.environment_name}/{self.name}"


class ChangeKind(StrEnum):
    COMMIT = "commit"
    MERGE_REQUEST = "merge_request"


class Change(Struct, frozen=True):
    """One thing that a deployment brought. `id` as people write it: `!12`, `7f3a2c1`."""

    kind: ChangeKind
    id: str
    title: str
    author: str | None = None
    at: datetime | None = None  # merged, committed
    url: str | None = None


class Changes(Struct, frozen=True):
    """What a deployment brought, newest first. `note` says what could not be told, in words."""

    items: tuple[Change, ...] = ()
    compare_url: str | None = None
    note: str = ""


class Snapshot(Struct, frozen=True):
    """One account as it was at `observed_at`, the time of its oldest part.

    `problems` are sentences about what could not be read of it, a row of a list included. `unread` are environments
    that exist but did not answer this time: their services are not in it, and whoever has older ones keeps them as old.
    """

    account: str
    observed_at: datetime
    projects: tuple[Project, ...] = ()
    environments: tuple[Environment, ...] = ()
    services: tuple[Service, ...] = ()
    problems: tuple[str, ...] = ()
    unread: tuple[Ref, ...] = ()

    @property
    def is_complete(self) -> bool:
        """All of it was read: only then a claim of "none", "nothing" or "never" about the account is evidence."""
        return not self.problems and not self.unread


class Page(Struct, Generic[T], frozen=True):
    """Part of a longer list. `next` is given back as `before` for the following part; None: this was the last.

    `problems` are sentences about rows of this part that could not be read: the list is longer than `items` shows.
    """

    items: tuple[T, ...]
    next: str | None = None
    problems: tuple[str, ...] = ()
