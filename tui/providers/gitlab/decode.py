"""Turn GitLab's rows into our entities: statuses, what is live, revisions, approvals, steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from tui.model.entities import Approval, ApprovalRule, Deployment, Kind, Ref, Revision, Step
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.gitlab import reasons
from tui.providers.gitlab.wire import ApprovalRow, DeploymentRow, EnvironmentRow, JobRow, ProjectRow, UserRow
from tui.providers.values import link, moment

STATUS: dict[str, Status] = {
    "created": Status.QUEUED,
    "running": Status.DEPLOYING,
    "success": Status.LIVE,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
    "skipped": Status.SKIPPED,
    "blocked": Status.NEEDS_APPROVAL,
}
"""All seven. SUCCESS is refined: it stays when a newer one took over, and when the environment was stopped."""

_WAITS_FOR_A_MACHINE = frozenset({"waiting_for_resource", "preparing", "waiting_for_callback", "scheduled"})
_OF_JOB = {
    "success": "success",
    "failed": "failed",
    "canceled": "canceled",
    "skipped": "skipped",
    "running": "running",
    "canceling": "running",
    "manual": "blocked",
    **dict.fromkeys(("created", "pending", *_WAITS_FOR_A_MACHINE), "created"),
}
_WAITS_TO_RUN = frozenset({"pending", "waiting_for_resource", "preparing", "waiting_for_callback", "running"})
_STEP = {
    **dict.fromkeys(("created", "pending", "manual", *_WAITS_FOR_A_MACHINE), Status.QUEUED),
    "running": Status.BUILDING,
    "canceling": Status.BUILDING,
    "success": Status.LIVE,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
    "skipped": Status.SKIPPED,
}
_JOB_NOTE = {
    "waiting_for_resource": "Its job waits for a resource group that another deployment holds.",
    "scheduled": "Its job is delayed and starts by itself.",
    "pending": "Its job waits for a runner.",
    "preparing": "Its job is being prepared.",
    "waiting_for_callback": "Its job waits for a callback.",
    "canceling": "Its job is being canceled.",
}
_TIERS = ("production", "staging", "testing", "development")
UNDER_WAY = frozenset({"created", "running", "blocked"})
NEVER = datetime.min.replace(tzinfo=UTC)
_FINISHED = frozenset({"success", "failed", "canceled", "skipped"})


class Place(Struct, frozen=True):
    """Where a deployment row belongs, and what is known beside the row.

    `live` is the id of the deployment that serves; `state` the environment's; `rollback` whether the project's
    settings let older deployments run again, None where that is not known.
    """

    service: Ref
    web_url: str | None
    live: int | None = None
    state: str = "available"
    rollback: bool | None = None
    approvals: bool = True  # the server has them


# -- refs ---------------------------------------------------------------------------------------------


def place_ref(account: str, kind: Kind, project: int, environment: int) -> Ref:
    """A row of the board is one environment of one project: `7:42`."""
    return Ref(account, kind, f"{project}:{environment}")


def split(service: Ref) -> tuple[int, int]:
    """(project id, environment id) of a service's ref; zeros for what is none."""
    project, _, environment = service.id.partition(":")
    known = project.isdecimal() and environment.isdecimal()
    return (int(project), int(environment)) if known else (0, 0)


def names(row: ProjectRow) -> tuple[str, str]:
    """Return the namespace's path and the project's own, from whatever of the row could be read."""
    _, _, address = (link(row.web_url) or "").partition("://")
    path = plain(row.path_with_namespace) or address.partition("/")[2].strip("/")
    namespace, _, own = path.rpartition("/")
    if row.namespace is not None and row.namespace.full_path:
        namespace = plain(row.namespace.full_path)
    return namespace or "projects", plain(row.path or "") or own or f"project-{row.id}"


def environment_name(row: EnvironmentRow) -> str:
    return plain(row.name) or f"environment {row.id}"


def rollback_allowed(row: ProjectRow) -> bool | None:
    """None where the server does not tell: then it is tried."""
    if row.ci_forward_deployment_enabled is None or row.ci_forward_deployment_rollback_allowed is None:
        return None if row.ci_forward_deployment_enabled is not False else True
    return not row.ci_forward_deployment_enabled or row.ci_forward_deployment_rollback_allowed


# -- deployments --------------------------------------------------------------------------------------


def word(row: DeploymentRow) -> str:
    """Return the status in GitLab's words, on old servers that of the job; "" where neither could be read."""
    if row.status:
        return row.status
    job = row.job.status if row.job is not None else ""
    return _OF_JOB.get(job, job)


def short(text: str, limit: int = 40) -> str:
    """Return a platform's word as harmless text of bounded length."""
    text = plain(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def detailed(row: DeploymentRow) -> bool:
    """It was read on its own, from a server that has approvals."""
    return row.pending_approval_count is not None or row.approval_summary is not None


def approvals(row: DeploymentRow) -> tuple[ApprovalRule, ...]:
    """The rules; where the server has none but counts, one rule that says what the count says."""
    rules = row.approval_summary.rules if row.approval_summary is not None else None
    if rules:
        return tuple(
            ApprovalRule(
                plain(rule.access_level_description or "") or "approvers",
                max(0, rule.required_approvals or 0),
                tuple(_approval(each) for each in rule.deployment_approvals or ()),
            )
            for rule in rules
        )
    given = tuple(_approval(each) for each in row.approvals or ())
    pending = max(0, row.pending_approval_count or 0)
    if not given and not pending:
        return ()
    return (ApprovalRule("approvers", pending + sum(each.approved for each in given), given),)


def is_since(text: str | None, since: datetime) -> bool:
    """Nothing is since then where GitLab tells no time."""
    at = moment(text)
    return at is not None and at >= since


def is_same(user: UserRow | None, other: UserRow | None) -> bool:
    """Tell whether two rows are the same person, by id where both have one; not without evidence."""
    if user is None or other is None:
        return False
    if user.id is not None and other.id is not None:
        return user.id == other.id
    return bool(user.username) and user.username == other.username


def was_started_since(job: JobRow, since: datetime) -> bool:
    """Tell whether a job began since then, or waits to begin."""
    started_at = moment(job.started_at)
    return job.status in _WAITS_TO_RUN if started_at is None else started_at >= since


def missing(row: DeploymentRow) -> int:
    """How many approvals are still wanted, as far as the row tells."""
    by_rules = sum(rule.missing for rule in approvals(row))
    return by_rules if row.pending_approval_count is None else max(0, row.pending_approval_count)


def is_manual(row: DeploymentRow, *, whole: bool) -> bool:
    """It waits for somebody to run its job, not for an approval. `whole`: the row was read on its own."""
    return word(row) == "blocked" and (whole or detailed(row)) and missing(row) == 0


def deployment(row: DeploymentRow, place: Place, *, whole: bool) -> Deployment:
    status = _status(row, place)
    manual = is_manual(row, whole=whole)
    job = row.job
    told = word(row)
    job_status = job.status if job is not None else ""
    raw = "manual" if manual else job_status or told if told == "created" else told or "unknown"
    finished = job.finished_at if job is not None else row.updated_at if row.is_external else None
    rules = approvals(row)
    user = row.user
    return Deployment(
        ref=Ref(place.service.account, Kind.DEPLOYMENT, str(row.id)),
        service=place.service,
        status=status,
        status_raw=plain(raw),
        created_at=moment(row.created_at),
        started_at=moment(job.started_at) if job is not None else None,
        finished_at=moment(finished) if told in _FINISHED else None,
        starts_at_creation=row.is_external,
        revision=_revision(row, place),
        creator=plain(user.name or user.username or "") or None if user is not None else None,
        trigger=_trigger(row),
        is_live=row.id == place.live and status is Status.LIVE,
        url=_url(row, place),
        note=_note(row, manual),
        approvals=rules,
        not_now=reasons.of_deployment(row, place, status, manual=manual),
    )


def best(rows: Iterable[DeploymentRow]) -> DeploymentRow | None:
    """The one that serves: the success that ended last."""
    went_well = [row for row in rows if word(row) == "success"]
    return max(went_well, key=_ended, default=None)


def _ended(row: DeploymentRow) -> tuple[datetime, int]:
    finished_at = moment(row.job.finished_at) if row.job is not None else None
    return (finished_at or moment(row.updated_at) or moment(row.created_at) or NEVER, row.id)


def _status(row: DeploymentRow, place: Place) -> Status:
    told = word(row)
    status = STATUS.get(told, Status.UNKNOWN)
    job = row.job.status if row.job is not None else ""
    match status:
        case Status.QUEUED if job in _WAITS_FOR_A_MACHINE:
            return Status.WAITING
        case Status.LIVE if row.id != place.live:
            return Status.SUPERSEDED
        case Status.LIVE if place.state == "stopped":
            return Status.STOPPED
    return status


def _note(row: DeploymentRow, manual: bool) -> str:
    job = row.job
    told = word(row)
    if manual:
        given = any(each.approved for rule in approvals(row) for each in rule.given)
        return ("Approved; " if given else "Manual: ") + "deploy it to run its job."
    if told == "blocked":
        lacking = missing(row)
        return f"{lacking} approval{'s' * (lacking != 1)} missing." if lacking else ""
    if row.is_external:
        return "Made through the API, not by GitLab CI."
    if job is None:
        return "Its job could not be read."
    if told == "failed" and job.failure_reason:
        return plain(job.failure_reason).replace("_", " ").capitalize()
    return _JOB_NOTE.get(job.status, "") if told in UNDER_WAY else ""


def _trigger(row: DeploymentRow) -> str | None:
    if row.is_external:
        return "api"
    pipeline = row.job.pipeline if row.job is not None else None
    return plain(pipeline.source or "") or None if pipeline is not None else None


def _revision(row: DeploymentRow, place: Place) -> Revision | None:
    if not row.sha:
        return None
    commit = row.job.commit if row.job is not None else None
    sha = plain(row.sha)
    return Revision(
        sha,
        plain(row.ref or "") or None,
        plain((commit.message or commit.title or "").strip().partition("\n")[0]) or None if commit else None,
        plain(commit.author_name or "") or None if commit else None,
        f"{place.web_url}/-/commit/{sha}" if place.web_url else None,
    )


def _url(row: DeploymentRow, place: Place) -> str | None:
    """The job's page, where there is one; else the environment's."""
    job = link(row.job.web_url) if row.job is not None else None
    if job or not place.web_url:
        return job
    if row.job is not None:
        return f"{place.web_url}/-/jobs/{row.job.id}"
    return f"{place.web_url}/-/environments/{split(place.service)[1]}"


def _approval(row: ApprovalRow) -> Approval:
    user = row.user
    by = plain(user.name or user.username or "") if user is not None else ""
    return Approval(by or "somebody", row.status == "approved", moment(row.created_at), plain(row.comment or ""))


# -- environments and steps -----------------------------------------------------------------------------


def state(row: EnvironmentRow) -> str:
    """Old servers do not tell: then it is available."""
    return row.state or "available"


def order(row: EnvironmentRow) -> tuple[int, str]:
    """Sort production first, then what leads to it, then the rest by name."""
    tier = row.tier or row.name
    return (_TIERS.index(tier) if tier in _TIERS else len(_TIERS), row.name)


def is_ephemeral(row: EnvironmentRow) -> bool:
    return row.name.startswith("review/")


def steps(jobs: Sequence[JobRow]) -> tuple[Step, ...]:
    """Return the jobs of a pipeline in the order they were made, which is that of the stages."""
    return tuple(_step(job) for job in sorted(jobs, key=lambda job: job.id))


def _step(job: JobRow) -> Step:
    name, stage = plain(job.name or "") or f"job {job.id}", plain(job.stage or "")
    status = _STEP.get(job.status, Status.UNKNOWN)
    failed = status is Status.FAILED
    told = status in (Status.QUEUED, Status.UNKNOWN)
    details = [plain(job.status).replace("_", " ") or "its status could not be read"] if told else []
    if failed and job.allow_failure:
        details.append("allowed to fail")
    return Step(
        name=f"{stage}: {name}" if stage and stage != name else name,
        status=status,
        started_at=moment(job.started_at),
        finished_at=moment(job.finished_at),
        detail=", ".join(filter(None, details)),
        error=(plain(job.failure_reason or "").replace("_", " ") or "failed") if failed else "",
    )
