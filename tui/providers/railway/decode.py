"""Railway's rows as our entities: statuses, what serves, revisions, and why a verb is not for now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tui.model.action import Verb
from tui.model.entities import Deployment, Environment, Instance, Kind, Project, Ref, Revision, Service, Step
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.railway.wire import DeploymentRow, EventRow, ReplicaRow, ServiceInstanceRow

STATUS: dict[str, Status] = {
    "INITIALIZING": Status.QUEUED,
    "QUEUED": Status.QUEUED,
    "WAITING": Status.WAITING,
    "NEEDS_APPROVAL": Status.NEEDS_APPROVAL,
    "BUILDING": Status.BUILDING,
    "DEPLOYING": Status.DEPLOYING,
    "SUCCESS": Status.LIVE,
    "SLEEPING": Status.SLEEPING,
    "FAILED": Status.FAILED,
    "CRASHED": Status.CRASHED,
    "SKIPPED": Status.SKIPPED,
    "REMOVING": Status.REMOVING,
    "REMOVED": Status.REMOVED,
}
"""All 13 of the schema. SUCCESS is refined: it stays after the processes stopped, and after a newer one took over."""

_REPLICA: dict[str, Status] = {
    "CREATED": Status.QUEUED,
    "INITIALIZING": Status.DEPLOYING,
    "RUNNING": Status.LIVE,
    "RESTARTING": Status.DEPLOYING,
    "CRASHED": Status.CRASHED,
    "EXITED": Status.STOPPED,
    "STOPPED": Status.STOPPED,
    "REMOVING": Status.REMOVING,
    "REMOVED": Status.REMOVED,
    "SKIPPED": Status.SKIPPED,
}
_NOTE: dict[str, str] = {
    "INITIALIZING": "Initializing",
    "WAITING": "Waiting for CI",
    "NEEDS_APPROVAL": "Waiting for approval",
}
_BEFORE_START = frozenset({Status.QUEUED, Status.WAITING, Status.NEEDS_APPROVAL, Status.BUILDING, Status.DEPLOYING})
_RUNS = frozenset({Status.LIVE, Status.SLEEPING, Status.CRASHED})
_GONE = frozenset({Status.REMOVING, Status.REMOVED})
NEVER = datetime.min.replace(tzinfo=UTC)
_ENDED_ITSELF = frozenset({"SUCCESS", "FAILED", "SKIPPED"})  # there `statusUpdatedAt` is when the rollout ended


@dataclass(frozen=True, slots=True)
class Live:
    """What is known to serve: the ids of active deployments, and when the newest of them was made."""

    ids: frozenset[str] = frozenset()
    since: datetime | None = None

    @classmethod
    def of(cls, service: Service) -> Live:
        live = service.live
        return cls(frozenset({live.id}), live.created_at) if live else cls()


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes addresses of Railway's web interface; None where the account is not on railway.com."""

    on_railway: bool

    def project(self, project: str) -> str | None:
        return f"https://railway.com/project/{project}" if self.on_railway else None

    def deployment(self, service: Ref, project: str, deployment: str) -> str | None:
        if not self.on_railway:
            return None
        environment, service_id = split(service)
        return f"https://railway.com/project/{project}/service/{service_id}?environmentId={environment}&id={deployment}"


def service_ref(account: str, environment: str, service: str) -> Ref:
    """Railway has services and environments; a row of the board is one in the other."""
    return Ref(account, Kind.SERVICE, f"{environment}:{service}")


def split(service: Ref) -> tuple[str, str]:
    """(environment id, service id) of a service's ref."""
    environment, _, service_id = service.id.partition(":")
    return environment, service_id


def moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


# -- deployments ------------------------------------------------------------------------------------


def deployment(row: DeploymentRow, service: Ref, project: str, live: Live, pages: Pages) -> Deployment:
    created = moment(row.created_at)
    status = _status(row, created, live)
    is_live = row.id in live.ids and status in _RUNS
    replicas = row.instances or []
    host = row.static_url or row.url
    return Deployment(
        ref=Ref(service.account, Kind.DEPLOYMENT, row.id),
        service=service,
        status=status,
        status_raw=plain(row.status),
        created_at=created,
        finished_at=moment(row.status_updated_at) if row.status in _ENDED_ITSELF else None,
        revision=_revision(row.meta),
        creator=_creator(row),
        trigger=_text(row.meta, "reason") or None,
        is_live=is_live,
        url=pages.deployment(service, project, row.id) or (f"https://{plain(host)}" if host else None),
        note=_note(row, status, replicas),
        instances=tuple(_replica(service.account, replica) for replica in replicas),
        not_now=_not_now(row, status, is_live),
    )


def newest_first(deployments: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """Railway promises no order."""
    return tuple(sorted(deployments, key=lambda d: d.created_at or NEVER, reverse=True))


def live_of_page(rows: Sequence[DeploymentRow], known: Live) -> Live:
    """Who serves, from the newest page of a list: a success younger than what was known to serve has taken over."""
    up = [row for row in rows if row.status in ("SUCCESS", "SLEEPING") and not row.deployment_stopped]
    dated = [(made, row.id) for row in up if (made := moment(row.created_at)) is not None]
    if not dated:
        return known
    made, newest = max(dated)
    if newest in known.ids or (known.since is not None and made < known.since):
        return known
    return Live(frozenset({newest}), made)


def _status(row: DeploymentRow, created: datetime | None, live: Live) -> Status:
    status = STATUS.get(row.status, Status.UNKNOWN)
    if status is not Status.LIVE:
        return status
    if row.id not in live.ids and created is not None and live.since is not None and created < live.since:
        return Status.SUPERSEDED
    return Status.STOPPED if row.deployment_stopped else Status.LIVE


def _note(row: DeploymentRow, status: Status, replicas: Sequence[ReplicaRow]) -> str:
    queued = _text(row.meta, "queuedReason")
    if queued and status in _BEFORE_START:
        return queued
    if status is Status.STOPPED:
        return "Completed" if _manifest(row.meta).get("cronSchedule") else "Completed or stopped: nothing runs"
    crashed = sum(replica.status == "CRASHED" for replica in replicas)
    if crashed and any(replica.status == "RUNNING" for replica in replicas):
        return f"{crashed}/{len(replicas)} replicas crashed"
    return _NOTE.get(row.status, "")


def _not_now(row: DeploymentRow, status: Status, is_live: bool) -> dict[Verb, str]:
    """Reasons only: what is not named here may be tried."""
    state = "it has stopped" if status is Status.STOPPED else f"it is {status.replace('_', ' ')}"
    why: dict[Verb, str] = {}
    if row.can_redeploy is False:
        why[Verb.REDEPLOY] = f"Railway does not redeploy this one now: {state}."
    if is_live:
        why[Verb.ROLLBACK] = "This is the deployment that serves; choose an older one."
    elif row.can_rollback is False:
        why[Verb.ROLLBACK] = (
            "Railway has no image of it to go back to: it never ran, or was removed longer ago than the plan keeps it."
        )
    if status not in _RUNS and status is not Status.UNKNOWN:
        why[Verb.RESTART] = f"Only a running deployment can be restarted; {state}."
        instead = "; cancel it instead" if status in _BEFORE_START else ""
        why[Verb.STOP] = f"Only a running deployment can be stopped; {state}{instead}."
    if status not in _BEFORE_START and status is not Status.UNKNOWN:
        why[Verb.CANCEL] = f"Only a deployment under way can be cancelled; {state}."
    if status in _GONE:
        why[Verb.REMOVE] = f"There is nothing to remove: {state}."
    if status not in (Status.NEEDS_APPROVAL, Status.UNKNOWN):
        why[Verb.APPROVE] = f"It does not wait for an approval: {state}."
    return why


def _replica(account: str, row: ReplicaRow) -> Instance:
    status = _REPLICA.get(row.status, Status.UNKNOWN)
    return Instance(Ref(account, Kind.INSTANCE, row.id), status, plain(row.status), name=plain(row.id[:8]))


def _creator(row: DeploymentRow) -> str | None:
    if row.creator is None:
        return None
    return plain(row.creator.name or row.creator.email or "") or None


def _revision(meta: object) -> Revision | None:
    """A commit, an image, or what `railway up` was told: `meta` is opaque, so that any key may be missing."""
    author = _text(meta, "commitAuthor") or None
    if sha := _text(meta, "commitHash"):
        repo = _text(meta, "repo")
        message = _text(meta, "commitMessage", first_line=True) or None
        url = f"https://github.com/{repo}/commit/{sha}" if repo.count("/") == 1 else None
        return Revision(sha, _text(meta, "branch") or None, message, author, url)
    if image := _text(meta, "image"):
        tag = image.rpartition("/")[2].partition(":")[2] or _text(meta, "imageDigest")
        return Revision(tag or image, message=image)
    if message := _text(meta, "cliMessage", first_line=True):
        return Revision("upload", message=message, author=author)
    if _text(meta, "cliCaller"):
        return Revision("upload")
    return None


def _text(meta: object, key: str, *, first_line: bool = False) -> str:
    value = meta.get(key) if isinstance(meta, dict) else None
    if not isinstance(value, str):
        return ""
    return plain(value.strip().split("\n", 1)[0] if first_line else value)


def _manifest(meta: object) -> dict[str, Any]:
    for key in ("serviceManifest", "deploy"):
        meta = meta.get(key) if isinstance(meta, dict) else None
    return meta if isinstance(meta, dict) else {}


# -- services -----------------------------------------------------------------------------------------


def service(
    row: ServiceInstanceRow,
    ref: Ref,
    project: Project,
    environment: Environment,
    latest: Deployment | None,
    live: Deployment | None,
    meta: object,
) -> Service:
    """`meta` is that of the deployment that runs (or is newest): it alone knows the replicas of several regions."""
    shown = live or latest
    return Service(
        ref=ref,
        project=project.ref,
        environment=environment.ref,
        name=plain(row.service_name),
        project_name=project.name,
        environment_name=environment.name,
        status=shown.status if shown else Status.STOPPED,
        status_raw=shown.status_raw if shown else "no deployment",
        url=_service_url(row),
        replicas=_replicas(row, meta),
        latest=latest,
        live=live,
        instances=shown.instances if shown else (),
        not_now=_service_not_now(latest, live),
    )


def target(verb: Verb, latest: Deployment | None, live: Deployment | None) -> Deployment | None:
    """The deployment that a verb means when only the service is named."""
    match verb:
        case Verb.RESTART | Verb.STOP | Verb.REMOVE:
            return live or latest
        case Verb.REDEPLOY | Verb.CANCEL | Verb.APPROVE:
            return latest
    return None


def _service_not_now(latest: Deployment | None, live: Deployment | None) -> dict[Verb, str]:
    why: dict[Verb, str] = {}
    for verb in (Verb.RESTART, Verb.STOP, Verb.REMOVE, Verb.REDEPLOY, Verb.CANCEL, Verb.APPROVE):
        meant = target(verb, latest, live)
        if meant is None:
            why[verb] = "It has no deployment yet: deploy it first."
        elif verb in meant.not_now:
            why[verb] = meant.not_now[verb]
    if latest is None:
        why[Verb.ROLLBACK] = "It has no deployment to go back to."
    return why


def _replicas(row: ServiceInstanceRow, meta: object) -> int | None:
    """`numReplicas` is 1 for a service in several regions; the manifest has them one by one."""
    regions = _manifest(meta).get("multiRegionConfig")
    if isinstance(regions, dict):
        counts = [region.get("numReplicas") for region in regions.values() if isinstance(region, dict)]
        known = [count for count in counts if isinstance(count, int)]
        if known:
            return sum(known)
    return row.num_replicas


def _service_url(row: ServiceInstanceRow) -> str | None:
    if row.domains is None:
        return None
    domains = [*(row.domains.custom_domains or ()), *(row.domains.service_domains or ())]
    return f"https://{plain(domains[0].domain)}" if domains else None


# -- steps ------------------------------------------------------------------------------------------


def steps(rows: Sequence[EventRow], deployment: Deployment) -> tuple[Step, ...]:
    """In the order they began; an event told twice counts as it was told last."""
    latest = {row.id: row for row in rows}
    ordered = sorted(latest.values(), key=lambda row: moment(row.created_at) or NEVER)
    return tuple(_step(row, deployment) for row in ordered)


def _step(row: EventRow, deployment: Deployment) -> Step:
    payload = row.payload
    error = plain(payload.error or "") if payload else ""
    if payload and payload.skipped:
        status = Status.SKIPPED
    elif error:
        status = Status.FAILED
    elif row.completed_at:
        status = Status.LIVE
    elif deployment.status.bad:
        status = Status.FAILED
    elif deployment.status in (Status.REMOVED, Status.CANCELLED, Status.SKIPPED):
        status = Status.CANCELLED
    else:
        status = Status.BUILDING
    detail = ""
    if payload:
        parts = [plain(payload.detail or ""), plain(payload.reason or "")]
        if payload.attempt and payload.attempt > 1:
            parts.append(f"attempt {payload.attempt}" + (f" of {payload.max_attempts}" if payload.max_attempts else ""))
        detail = ", ".join(part for part in parts if part)
    return Step(
        name=plain(row.step).replace("_", " ").capitalize(),
        status=status,
        started_at=moment(row.created_at),
        finished_at=moment(row.completed_at),
        detail=detail,
        error=error,
    )
