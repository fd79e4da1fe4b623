"""Dokploy's rows as deployments and services.

Source: docs.dokploy.com/docs/api (deployment, application, compose), and what a running server was seen to answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from tui.model.action import Verb
from tui.model.entities import Deployment, Instance, Kind, Ref, Revision
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy.containers import Slot, Trouble, instances, trouble
from tui.providers.dokploy.wire import DeploymentRow, JobRow, ServiceRow

STATUS: Mapping[str, Status] = {
    "running": Status.BUILDING,
    "done": Status.SUPERSEDED,  # but for the newest of them, which serves
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
STUCK_S = 600.0  # from then on Dokploy's own page asks, too

_COMMIT = re.compile(r"\b(?:Commit|Hash):\s*([0-9a-f]{7,40})\b")
_LATE_MS = 1500  # a row is made a moment after its job, by the same clock


class Scene(Struct, frozen=True):
    """One service as it was read: what its deployments are decoded with. `url` is its page."""

    row: ServiceRow
    ref: Ref
    slots: Sequence[Slot]
    now: datetime
    url: str

    @property
    def trouble(self) -> Trouble | None:
        return trouble(self.row, self.slots)

    @property
    def instances(self) -> tuple[Instance, ...]:
        return instances(self.ref.account, self.slots)


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


# -- deployments ----------------------------------------------------------------------------------------------


def deployments(scene: Scene, rows: Sequence[DeploymentRow], jobs: Sequence[JobRow]) -> list[Deployment]:
    """Newest first: what is in the queue and has no row yet, then the rows. Previews and schedules are not its own."""
    own = [row for row in rows if row.preview_deployment_id is None and row.schedule_id is None]
    own.sort(key=lambda row: row.created_at or "", reverse=True)
    serving = next((row.deployment_id for row in own if row.status == "done"), None)
    up = is_up(scene, own)
    without_row = [job for job in jobs if job.state != "active" or became(own, job.row_from, None) is None]
    without_row.sort(key=lambda job: job.timestamp, reverse=True)
    return [
        *(queued(job, scene.ref) for job in without_row),
        *(_deployment(scene, row, serves=row.deployment_id == serving, up=up) for row in own),
    ]


def is_up(scene: Scene, own: Sequence[DeploymentRow]) -> bool:
    """Dokploy says "idle" of what was stopped, but also of all that was being built when Dokploy itself restarted."""
    if scene.row.status != "idle":
        return True
    return bool(own) and own[0].status == "cancelled" and any(slot.status is Status.LIVE for slot in scene.slots)


def became(rows: Sequence[DeploymentRow], since_ms: int, title: str | None) -> DeploymentRow | None:
    """The row that a job became: the one with its title, else the first that came after it was queued."""
    after = []
    for row in rows:
        at = moment(row.created_at)
        if at is not None and at.timestamp() * 1000 >= since_ms - _LATE_MS:
            after.append(row)
    found = [row for row in after if title and row.title == title] or after
    return min(found, key=lambda row: row.created_at or "") if found else None


def queued(job: JobRow, ref: Ref) -> Deployment:
    title = plain(job.data.title_log or "")
    return Deployment(
        Ref(ref.account, Kind.DEPLOYMENT, job_id(job)),
        ref,
        Status.QUEUED,
        plain(job.state),
        created_at=of_epoch_ms(job.timestamp),
        trigger=plain(job.data.type or "") or None,
        note=f"In Dokploy's queue: {title}" if title else "In Dokploy's queue",
        not_now={
            Verb.ROLLBACK: "It waits in the queue and has not begun.",
            Verb.REMOVE: "It waits in the queue and has no record yet: cancel it instead.",
        },
    )


def job_id(job: JobRow) -> str:
    """Numbers begin again when Dokploy restarts, so that the time belongs to it."""
    return f"{job.id}@{job.timestamp}"


def _deployment(scene: Scene, row: DeploymentRow, *, serves: bool, up: bool) -> Deployment:
    raw = plain(row.status or "running")
    status = STATUS.get(raw, Status.UNKNOWN)
    note = plain((row.error_message or "").partition("\n")[0])
    started = moment(row.started_at) or moment(row.created_at)
    if serves:
        status = Status.LIVE if up else Status.STOPPED
        if up and (wrong := scene.trouble) is not None:
            note = wrong.note
            if wrong.whole:
                status, raw = Status.CRASHED, f"done ({wrong.word})"
    elif status is Status.BUILDING and started is not None and (scene.now - started).total_seconds() > STUCK_S:
        note = note or "stuck? A lost connection to the build's server leaves a record that runs for ever."
    return Deployment(
        Ref(scene.ref.account, Kind.DEPLOYMENT, row.deployment_id),
        scene.ref,
        status,
        raw,
        created_at=moment(row.created_at),
        started_at=started,
        finished_at=moment(row.finished_at),
        revision=_revision(row),
        trigger=_trigger(row),
        is_live=serves and up,
        url=f"{scene.url}?tab=deployments",
        note=note,
        instances=scene.instances if serves else (),
        not_now=_not_now(scene.row, row, serves=serves),
    )


def _revision(row: DeploymentRow) -> Revision | None:
    """Git sources put the commit's message into the title and its hash into the description, at the end."""
    commit = _COMMIT.search(row.description or "")
    return None if commit is None else Revision(commit[1], message=plain(row.title or "") or None)


def _trigger(row: DeploymentRow) -> str | None:
    """A push says "Hash:" while it is built; without a commit the title is all there is."""
    description = row.description or ""
    if _COMMIT.search(description):
        return "push" if "Hash:" in description else None
    return plain(row.title or "") or None


def _not_now(service: ServiceRow, row: DeploymentRow, *, serves: bool) -> dict[Verb, str]:
    reasons: dict[Verb, str] = {}
    if service.type != "application":
        reasons[Verb.ROLLBACK] = "Dokploy rolls back applications only: deploy an older commit instead."
    elif row.status != "done":
        reasons[Verb.ROLLBACK] = "Only a deployment that went well can be gone back to."
    elif row.rollback_id is None:
        reasons[Verb.ROLLBACK] = (
            "No image of it was kept: turn on rollbacks with a registry in the application's settings; it counts from "
            "the next deployment on."
        )
    elif serves and service.status == "done":
        reasons[Verb.ROLLBACK] = "It is the newest that went well; choose an older one."
    if row.status in ("running", None):
        reasons[Verb.REMOVE] = "It is under way: a record is removed when it has ended."
    else:
        reasons[Verb.CANCEL] = "It is not under way."
    return reasons


# -- services -------------------------------------------------------------------------------------------------


def service_status(scene: Scene, latest: Deployment | None, live: Deployment | None) -> tuple[Status, str]:
    """Of what serves; else of what is newest; of a database, which has no deployments, in Dokploy's word."""
    raw = plain(scene.row.status or "")
    if live is not None:
        return live.status, live.status_raw
    if latest is not None and (latest.status.in_flight or raw != "idle"):
        return latest.status, latest.status_raw
    if raw == "done" and (wrong := scene.trouble) is not None and wrong.whole:
        return Status.CRASHED, f"done ({wrong.word})"
    if raw == "idle" and latest is None and scene.row.type not in DATABASES:
        return Status.STOPPED, "never deployed"
    return SERVICE_STATUS.get(raw, Status.UNKNOWN), raw


def service_not_now(row: ServiceRow, latest: Deployment | None) -> dict[Verb, str]:
    if row.type in DATABASES:
        return {
            Verb.REDEPLOY: "A database is not rebuilt from here: Dokploy's rebuild deletes its volumes.",
            Verb.ROLLBACK: "Dokploy rolls back applications only: restore a backup instead.",
            Verb.CANCEL: "Databases are deployed at once: there is nothing to cancel.",
            Verb.REMOVE: "Databases have no deployment records.",
        }
    reasons: dict[Verb, str] = {}
    if row.type == "compose":
        reasons[Verb.ROLLBACK] = "Dokploy rolls back applications only: deploy an older commit instead."
    if latest is None:
        reasons[Verb.START] = reasons[Verb.RESTART] = "It was never deployed: deploy it instead."
    if latest is None or not latest.status.in_flight:
        reasons[Verb.CANCEL] = "Nothing of it waits or is built."
    return reasons
