"""Dokploy's rows as deployments and services.

Source: docs.dokploy.com/docs/api (deployment, application, compose), and what a running server was seen to answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tui.model.action import Verb
from tui.model.entities import Deployment, Instance, Kind, Ref, Revision
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy.containers import NOTHING_RUNS, Trouble, instances, trouble
from tui.providers.dokploy.runs import newest_first
from tui.providers.dokploy.slots import Slot, Turn
from tui.providers.dokploy.wire import DeploymentRow, JobRow, ServiceRow
from tui.providers.values import moment

STATUS: Mapping[str, Status] = {
    "running": Status.BUILDING,
    "done": Status.SUPERSEDED,  # but for the one that serves
    "error": Status.FAILED,
    "cancelled": Status.CANCELLED,
}
SERVICE_STATUS: Mapping[str, Status] = {
    "idle": Status.STOPPED,
    "running": Status.DEPLOYING,
    "error": Status.FAILED,
}
DATABASES = frozenset({"postgres", "mysql", "mariadb", "mongo", "redis", "libsql"})
NEVER = "never deployed"
STUCK_S = 600.0  # from then on Dokploy's own page asks, too

_COMES_UP = timedelta(seconds=60)  # after "done", until its container runs in the place of the former
_COMMIT = re.compile(r"\b(?:Commit|Hash):\s*([0-9a-f]{7,40})\b")
_EARLY_MS = 1500  # a row's time may have lost its milliseconds


class Scene(Struct, frozen=True):
    """One service as it was read: what its deployments are decoded with. `url` is its page.

    `slots` None: its containers were not read, and `unread` says why. `kept` is the version of the kept image that
    runs after a rollback, `kept_id` the deployment it is of, as far as that is known. `now` is on Dokploy's clock.
    """

    row: ServiceRow
    ref: Ref
    slots: Sequence[Slot] | None
    now: datetime
    url: str
    unread: str = ""
    turns: Sequence[Turn | None] = ()
    kept: int | None = None
    kept_id: str | None = None

    @property
    def trouble(self) -> Trouble | None:
        return None if self.slots is None else trouble(self.row, self.slots)

    @property
    def instances(self) -> tuple[Instance, ...]:
        return instances(self.ref.account, self.slots or ())

    @property
    def is_up(self) -> bool:
        """Whether it should serve. Dokploy says "idle" also of what was built when Dokploy itself restarted."""
        return self.row.status != "idle" or any(slot.is_live for slot in self.slots or ())


class Standing(Struct, frozen=True):
    """Which deployment is the one that serves, or should; and what the newest that was done is instead, if it is not.

    `doubt`: why that may be wrong.
    """

    serving: str | None = None
    newest: str | None = None
    instead: Status = Status.UNKNOWN
    word: str = ""
    note: str = ""
    doubt: str = ""


def service_ref(account: str, row: ServiceRow) -> Ref:
    return Ref(account, Kind.SERVICE, f"{row.type}:{row.id}")


def split(ref: Ref) -> tuple[str, str]:
    """Return a service's type and its id on Dokploy."""
    type_, _, id_ = ref.id.partition(":")
    return type_, id_


def own_rows(rows: Sequence[DeploymentRow]) -> list[DeploymentRow]:
    """Return those of the service itself, newest first: previews and schedules have their own."""
    return newest_first([row for row in rows if row.preview_deployment_id is None and row.schedule_id is None])


# -- which one serves -----------------------------------------------------------------------------------------


def standing(scene: Scene, own: Sequence[DeploymentRow]) -> Standing:
    """The image that runs decides, and how the newest deployment's tasks fared; Dokploy's rows say neither."""
    done = [row for row in own if row.status == "done"]
    if not done:
        return Standing()
    newest = done[0].deployment_id
    before = done[1].deployment_id if len(done) > 1 else None
    if scene.kept is not None:
        before = scene.kept_id
    found = [each for each in scene.turns if each is not None]
    back = next((each for each in found if each.went_back), None)
    if back is not None and back.is_sure:
        note = f"Docker Swarm rolled it back: {back.reason}" if back.reason else "Docker Swarm rolled it back"
        return Standing(before, newest, Status.FAILED, "rolled back", note)
    failed = next((each for each in found if each.failed and not each.went_back), None)
    if failed is not None:
        return Standing(before, newest, Status.CRASHED, "crash loop", failed.reason)
    if found and _is_coming_up(scene, done[0]):
        return Standing(before, newest, Status.DEPLOYING, "starting")
    if scene.kept is not None and scene.kept_id != newest:
        return Standing(before, newest, Status.SUPERSEDED, "rolled back", rolled_back(scene.kept))
    doubt = f"Docker Swarm may have rolled back the newest deployment: {back.reason}" if back is not None else ""
    return Standing(newest, doubt=doubt)


def rolled_back(version: int) -> str:
    return f"rolled back: image v{version} runs"


def _is_coming_up(scene: Scene, row: DeploymentRow) -> bool:
    ended = moment(row.finished_at)
    return ended is not None and scene.now - ended < _COMES_UP


# -- deployments ----------------------------------------------------------------------------------------------


def deployments(scene: Scene, own: Sequence[DeploymentRow], jobs: Sequence[JobRow]) -> list[Deployment]:
    """Return what is in the queue and has no row yet, then the rows, which are a service's own; newest first."""
    stands = standing(scene, own)
    without_row = [job for job in jobs if row_of(job, own) is None]
    without_row.sort(key=lambda job: job.timestamp, reverse=True)
    return [
        *(queued(job, scene.ref) for job in without_row),
        *(_deployment(scene, row, stands) for row in own),
    ]


def row_of(job: JobRow, rows: Sequence[DeploymentRow]) -> DeploymentRow | None:
    """Return the row that an active job became. A service's jobs run one after another: it is the first since then."""
    return None if job.state != "active" else began_as(rows, job.processed_on or job.timestamp, job.data.title_log)


def began_as(rows: Sequence[DeploymentRow], began_ms: int, title: str | None) -> DeploymentRow | None:
    """Return the row that was made when a job of this title began.

    It has the job's title while it runs; a commit's message may take that place at its end.
    """
    near: list[tuple[bool, float, DeploymentRow]] = []
    for row in rows:
        made = moment(row.created_at)
        if made is None or (row.status == "running" and title is not None and (row.title or "") != title):
            continue
        after_ms = made.timestamp() * 1000 - began_ms
        if after_ms >= -_EARLY_MS:
            near.append((after_ms < 0, abs(after_ms), row))
    return min(near, key=lambda each: each[:2])[2] if near else None


def queued(job: JobRow, ref: Ref) -> Deployment:
    title = plain(job.data.title_log or "")
    return Deployment(
        Ref(ref.account, Kind.DEPLOYMENT, job_id(job)),
        ref,
        Status.QUEUED,
        plain(job.state),
        created_at=moment(job.timestamp),
        trigger=plain(job.data.type or "") or None,
        note=f"In Dokploy's queue: {title}" if title else "In Dokploy's queue",
        not_now={
            Verb.ROLLBACK: "It waits in the queue and has not begun.",
            Verb.REMOVE: "It waits in the queue and has no record yet: cancel it instead.",
        },
    )


def dropped(ref: Ref, service: Ref) -> Deployment:
    """A job that left the queue without having begun."""
    over = "It was dropped from the queue and never began."
    not_now = {Verb.ROLLBACK: over, Verb.REMOVE: over, Verb.CANCEL: over}
    return Deployment(ref, service, Status.CANCELLED, "dropped from the queue", not_now=not_now)


def job_id(job: JobRow) -> str:
    """Numbers begin again when Dokploy restarts, so that the time belongs to it."""
    return f"{job.id}@{job.timestamp}"


def _deployment(scene: Scene, row: DeploymentRow, stands: Standing) -> Deployment:
    id_ = row.deployment_id
    serves = id_ == stands.serving
    status, raw, note = _state(scene, row)
    if serves:
        status, raw, note = _serving(scene, row, raw)
    elif id_ == stands.newest and scene.is_up:
        status, raw, note = stands.instead, f"{raw} ({stands.word})", stands.note
    return Deployment(
        Ref(scene.ref.account, Kind.DEPLOYMENT, id_),
        scene.ref,
        status,
        raw,
        created_at=moment(row.created_at),
        started_at=moment(row.started_at),
        finished_at=moment(row.finished_at),
        revision=_revision(row),
        trigger=_trigger(row),
        is_live=serves and status in (Status.LIVE, Status.CRASHED),
        url=f"{scene.url}?tab=deployments",
        note=note,
        instances=scene.instances if serves else (),
        not_now=_not_now(scene, row, stands),
    )


def _state(scene: Scene, row: DeploymentRow) -> tuple[Status, str, str]:
    """Return what the row by itself says."""
    raw = plain(row.status or "")
    status = STATUS.get(raw, Status.UNKNOWN)
    note = plain((row.error_message or "").partition("\n")[0])
    began = moment(row.started_at) or moment(row.created_at)
    if status is Status.BUILDING and began is not None and (scene.now - began).total_seconds() > STUCK_S:
        note = note or "stuck? A lost connection to the build's server leaves a record that runs for ever."
    return status, raw, note


def _serving(scene: Scene, row: DeploymentRow, raw: str) -> tuple[Status, str, str]:
    """Return what is known of the one that serves, or should."""
    note = rolled_back(scene.kept) if scene.kept is not None else ""
    if not scene.is_up:
        return Status.STOPPED, raw, note
    wrong = scene.trouble
    if wrong is None:  # or nothing is known: the service is in doubt then, and the note says why
        return Status.LIVE, raw, scene.unread or note
    if wrong.word == NOTHING_RUNS and _is_coming_up(scene, row):
        return Status.DEPLOYING, f"{raw} (starting)", note
    note = f"{note}; {wrong.note}" if note and wrong.note else note or wrong.note
    return (wrong.status, f"{raw} ({wrong.word})", note) if wrong.whole else (Status.LIVE, raw, note)


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


def _not_now(scene: Scene, row: DeploymentRow, stands: Standing) -> dict[Verb, str]:
    reasons: dict[Verb, str] = {}
    failed = row.deployment_id == stands.newest and stands.instead is Status.FAILED
    serves = row.deployment_id == stands.serving
    if scene.row.type != "application":
        reasons[Verb.ROLLBACK] = "Dokploy rolls back applications only: deploy an older commit instead."
    elif row.status != "done" or failed:
        reasons[Verb.ROLLBACK] = "Only a deployment that went well can be gone back to."
    elif row.rollback_id is None:
        reasons[Verb.ROLLBACK] = (
            "No image of it was kept: turn on rollbacks with a registry in the application's settings; it counts from "
            "the next deployment on."
        )
    elif serves and scene.kept is not None:
        reasons[Verb.ROLLBACK] = "Its image runs already: choose another one."
    elif serves and scene.row.status == "done":
        reasons[Verb.ROLLBACK] = "It is the newest that went well; choose an older one."
    if row.status in ("running", None):
        reasons[Verb.REMOVE] = "It is under way: a record is removed when it has ended."
    else:
        reasons[Verb.CANCEL] = "It is not under way."
    return reasons


# -- services -------------------------------------------------------------------------------------------------


def service_status(scene: Scene, latest: Deployment | None, serving: Deployment | None) -> tuple[Status, str]:
    """Return the status of what serves, or should; else of what is newest; of a database, what its containers say."""
    raw = plain(scene.row.status or "")
    if serving is not None and scene.is_up:
        return serving.status, serving.status_raw
    if scene.kept is not None and scene.is_up:
        return _by_containers(scene, f"{raw} (image v{scene.kept} runs)")
    if latest is not None and (latest.status.in_flight or raw != "idle"):
        return latest.status, latest.status_raw
    if raw == "done" or any(slot.is_live for slot in scene.slots or ()):
        return _by_containers(scene, raw)
    if raw == "idle" and latest is None and scene.row.type not in DATABASES:
        return Status.STOPPED, NEVER
    return SERVICE_STATUS.get(raw, Status.UNKNOWN), raw


def _by_containers(scene: Scene, raw: str) -> tuple[Status, str]:
    wrong = scene.trouble
    if wrong is None or not wrong.whole:
        return Status.LIVE, raw
    return wrong.status, f"{plain(scene.row.status or '')} ({wrong.word})"


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
