"""Dokploy's rows as services, deployments and instances.

Source: docs.dokploy.com/docs/api (deployment, application, compose), and what a running server was seen to answer.
"done" means that the build went well: whether it runs is told by the containers alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tui.model.action import Verb
from tui.model.entities import Deployment, Instance, Kind, Ref, Revision
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy.wire import ContainerRow, DeploymentRow, JobRow, ServiceRow

STATUS: Mapping[str, Status] = {
    "running": Status.BUILDING,
    "done": Status.SUPERSEDED,  # the newest of them serves: `deployments` says which
    "error": Status.FAILED,
    "cancelled": Status.CANCELLED,
}
SERVICE_STATUS: Mapping[str, Status] = {
    "idle": Status.STOPPED,
    "running": Status.DEPLOYING,
    "done": Status.LIVE,
    "error": Status.FAILED,
}
DATABASES = frozenset({"postgres", "mysql", "mariadb", "mongo", "redis", "libsql"})
STUCK_S = 3600.0

_COMMIT = re.compile(r"\b(?:Commit|Hash):\s*([0-9a-f]{7,40})\b")
_EXIT = re.compile(r"Exited \((\d+)\)")


def service_ref(account: str, row: ServiceRow) -> Ref:
    return Ref(account, Kind.SERVICE, f"{row.type}:{row.id}")


def split(ref: Ref) -> tuple[str, str]:
    """A service's type and its id on Dokploy."""
    type_, _, id_ = ref.id.partition(":")
    return type_, id_


def moment(text: str | None) -> datetime | None:
    """ISO 8601 in any of its forms; None for what is none."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)


def of_epoch_ms(number: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(number / 1000, UTC) if number > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


# -- containers -----------------------------------------------------------------------------------------------


def of_service(row: ServiceRow, containers: Sequence[ContainerRow], others: frozenset[str]) -> list[ContainerRow]:
    """The service's own among all. A name that only begins like this one's may be another's: `others` has them all."""
    name = row.app_name
    if not name:
        return []
    if row.type != "compose":
        return [each for each in containers if each.name.partition(".")[0] == name]
    longer = [other for other in others if other.startswith(f"{name}-")]
    return [
        each
        for each in containers
        if each.name.startswith((f"{name}-", f"{name}_"))
        and not any(each.name.startswith((f"{other}-", f"{other}.")) or each.name == other for other in longer)
    ]


def instances(account: str, containers: Sequence[ContainerRow]) -> tuple[Instance, ...]:
    """One a slot, the newest: a swarm keeps the containers of former tasks in its list."""
    slots: dict[str, ContainerRow] = {}
    for each in containers:
        slot = ".".join(each.name.split(".")[:2])
        known = slots.get(slot)
        if known is None or (each.state == "running" and known.state != "running"):
            slots[slot] = each
    return tuple(
        Instance(
            Ref(account, Kind.INSTANCE, each.container_id),
            _container_status(each),
            plain(each.status or each.state or ""),
            plain(slot),
        )
        for slot, each in slots.items()
    )


def _container_status(row: ContainerRow) -> Status:
    words = row.status or ""
    match row.state:
        case "running":
            return Status.CRASHED if "unhealthy" in words else Status.LIVE
        case "restarting" | "dead":
            return Status.CRASHED
        case "created" | "starting":
            return Status.DEPLOYING
        case "exited":
            code = _EXIT.search(words)
            return Status.STOPPED if code is not None and code[1] == "0" else Status.CRASHED
        case "paused" | "removing":
            return Status.STOPPED
    return Status.UNKNOWN


def crash(found: Sequence[Instance]) -> str | None:
    """What is wrong with what should be up, in Docker's words; None: nothing that is known."""
    bad = [each for each in found if each.status is Status.CRASHED]
    return bad[0].status_raw if bad else None


# -- deployments ----------------------------------------------------------------------------------------------


def deployments(
    service: ServiceRow,
    ref: Ref,
    rows: Sequence[DeploymentRow],
    jobs: Sequence[JobRow],
    found: Sequence[Instance],
    now: datetime,
) -> list[Deployment]:
    """Newest first: what waits in the queue, then the rows. Rows of previews and schedules are not the service's."""
    own = [row for row in rows if row.preview_deployment_id is None and row.schedule_id is None]
    own.sort(key=lambda row: row.created_at or "", reverse=True)
    serving = next((row.deployment_id for row in own if row.status == "done"), None)
    is_up = service.status != "idle"
    waiting = [job for job in jobs if job.state != "active"]
    waiting.sort(key=lambda job: job.timestamp, reverse=True)
    return [
        *(queued(job, ref) for job in waiting),
        *(_deployment(service, ref, row, found, now, serves=row.deployment_id == serving, up=is_up) for row in own),
    ]


def queued(job: JobRow, ref: Ref) -> Deployment:
    return Deployment(
        Ref(ref.account, Kind.DEPLOYMENT, job_id(job)),
        ref,
        Status.QUEUED,
        plain(job.state),
        created_at=of_epoch_ms(job.timestamp),
        revision=None,
        trigger=plain(job.data.type or "") or None,
        note=plain(job.data.title_log or ""),
        not_now=dict.fromkeys((Verb.ROLLBACK, Verb.REMOVE), "It waits in the queue and has not begun."),
    )


def job_id(job: JobRow) -> str:
    """Numbers begin again when Dokploy restarts, so that the time belongs to it."""
    return f"{job.id}@{job.timestamp}"


def _deployment(
    service: ServiceRow,
    ref: Ref,
    row: DeploymentRow,
    found: Sequence[Instance],
    now: datetime,
    *,
    serves: bool,
    up: bool,
) -> Deployment:
    status = STATUS.get(row.status or "running", Status.UNKNOWN)
    raw = plain(row.status or "running")
    note = plain(row.error_message or "")
    started = moment(row.started_at) or moment(row.created_at)
    if serves:
        status = Status.LIVE if up else Status.STOPPED
        if up and (words := crash(found)) is not None:
            status, raw = Status.CRASHED, f"done ({words})"
    elif status is Status.BUILDING and started is not None and (now - started).total_seconds() > STUCK_S:
        note = note or "It runs for more than an hour: it may be stuck, as when a connection to a server was lost."
    return Deployment(
        Ref(ref.account, Kind.DEPLOYMENT, row.deployment_id),
        ref,
        status,
        raw,
        created_at=moment(row.created_at),
        started_at=started,
        finished_at=moment(row.finished_at),
        revision=_revision(row),
        trigger=_trigger(row),
        is_live=serves and up,
        note=note,
        instances=tuple(found) if serves else (),
        not_now=_not_now(service, row, serves=serves),
    )


def _revision(row: DeploymentRow) -> Revision | None:
    """Git sources put the commit's message into the title and its hash into the description, at the end."""
    commit = _COMMIT.search(row.description or "")
    title = plain(row.title or "") or None
    return None if commit is None else Revision(commit[1], message=title)


def _trigger(row: DeploymentRow) -> str | None:
    """The title, where it is not a commit's message."""
    return None if _COMMIT.search(row.description or "") else plain(row.title or "") or None


def _not_now(service: ServiceRow, row: DeploymentRow, *, serves: bool) -> dict[Verb, str]:
    reasons: dict[Verb, str] = {}
    if service.type != "application":
        reasons[Verb.ROLLBACK] = "Dokploy rolls back applications only."
    elif row.status != "done":
        reasons[Verb.ROLLBACK] = "Only a deployment that went well can be rolled back to."
    elif row.rollback_id is None:
        reasons[Verb.ROLLBACK] = (
            "No image of it was kept: turn on rollbacks and choose a registry in the application's settings; it holds "
            "from the next deployment on."
        )
    elif serves:
        reasons[Verb.ROLLBACK] = "It is the newest that went well."
    if row.status in ("running", None):
        reasons[Verb.REMOVE] = "It is under way: a record is removed when it has ended."
    else:
        reasons[Verb.CANCEL] = "It is not under way."
    return reasons


def service_status(row: ServiceRow, newest: Deployment | None, found: Sequence[Instance]) -> tuple[Status, str]:
    """What a row of the board says of the service as a whole."""
    raw = plain(row.status or "")
    if newest is not None and newest.status in (Status.QUEUED, Status.BUILDING):
        return newest.status, newest.status_raw
    if row.status == "idle":
        return (
            (Status.STOPPED, raw) if newest is not None or row.type in DATABASES else (Status.STOPPED, "never deployed")
        )
    if row.status == "done" and (words := crash(found)) is not None:
        return Status.CRASHED, f"done ({words})"
    if row.status == "running" and newest is not None and not newest.status.in_flight:
        return newest.status, newest.status_raw  # it has just ended, and the overview is from before that
    return SERVICE_STATUS.get(row.status or "", Status.UNKNOWN), raw
