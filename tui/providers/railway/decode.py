"""Railway's rows as our entities: statuses, what serves, revisions, and why a verb is not for now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tui.model.action import Verb
from tui.model.entities import Deployment, Environment, Instance, Kind, Project, Ref, Revision, Service, Step
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.railway import states
from tui.providers.railway.states import BEFORE_START, RUNS
from tui.providers.railway.wire import DeploymentRow, EventPayload, EventRow, ReplicaRow, Rows, ServiceInstanceRow
from tui.providers.values import link, moment

_WITH_TARGET = (Verb.RESTART, Verb.STOP, Verb.REMOVE, Verb.REDEPLOY, Verb.CANCEL, Verb.APPROVE)
_MOST_REPLICAS = 10_000
_GONE = frozenset({Status.REMOVING, Status.REMOVED})
NEVER = datetime.min.replace(tzinfo=UTC)
LONGEST_ROLLOUT = timedelta(hours=6)
"""A success that is dated later than this was woken, restarted or approved then: it does not say how long it took."""


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


# -- deployments ------------------------------------------------------------------------------------


def deployment(row: DeploymentRow, service: Ref, project: str, live: Live, pages: Pages) -> Deployment:
    created = moment(row.created_at)
    replicas = row.replicas()
    status = _status(row, replicas, created, live)
    is_live = row.id in live.ids and status in RUNS
    host = row.static_url or row.url
    return Deployment(
        ref=Ref(service.account, Kind.DEPLOYMENT, row.id),
        service=service,
        status=status,
        status_raw=plain(row.status),
        created_at=created,
        finished_at=_ended(row, status, created),
        revision=revision(row.meta),
        creator=_creator(row),
        trigger=reason(row.meta) or None,
        is_live=is_live,
        url=pages.deployment(service, project, row.id) or (link(f"https://{host}") if host else None),
        note=states.note(row, status, replicas, queued=_text(row.meta, "queuedReason"), is_cron=is_cron(row.meta)),
        instances=tuple(_replica(service.account, replica) for replica in replicas),
        not_now=_not_now(row, status, is_live),
    )


def newest_first(deployments: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """Railway promises no order."""
    return tuple(sorted(deployments, key=lambda d: d.created_at or NEVER, reverse=True))


def live_of_page(rows: Sequence[DeploymentRow], known: Live) -> Live:
    """Who serves, from the newest page of a list: a success younger than what was known to serve has taken over."""
    dated = [(made, row.id) for row in rows if states.is_up(row) and (made := moment(row.created_at)) is not None]
    if not dated:
        return known
    made, newest = max(dated)
    if newest in known.ids or (known.since is not None and made < known.since):
        return known
    return Live(frozenset({newest}), made)


def _status(row: DeploymentRow, replicas: Sequence[ReplicaRow], created: datetime | None, live: Live) -> Status:
    is_older = created is not None and live.since is not None and created < live.since
    if states.STATUS.get(row.status) is Status.LIVE and row.id not in live.ids and is_older:
        return Status.SUPERSEDED
    return states.state(row, replicas)


def _ended(row: DeploymentRow, status: Status, created: datetime | None) -> datetime | None:
    """Return when the rollout ended; None where it never began, or where `statusUpdatedAt` dates something else."""
    changed = moment(row.status_updated_at)
    if changed is None:
        return None
    if row.status == "FAILED":
        return changed if row.instances or _text(row.meta, "imageDigest") or _manifest(row.meta) else None
    if row.status != "SUCCESS" or status is Status.STOPPED:
        return None
    return changed if created is None or changed - created <= LONGEST_ROLLOUT else None


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
    if status not in RUNS and status is not Status.UNKNOWN:
        why[Verb.RESTART] = f"Only a running deployment can be restarted; {state}."
        instead = "; cancel it instead" if status in BEFORE_START else ""
        why[Verb.STOP] = f"Only a running deployment can be stopped; {state}{instead}."
    if status not in BEFORE_START and status is not Status.UNKNOWN:
        why[Verb.CANCEL] = f"Only a deployment under way can be cancelled; {state}."
    if status in _GONE:
        why[Verb.REMOVE] = f"There is nothing to remove: {state}."
    if status not in (Status.NEEDS_APPROVAL, Status.UNKNOWN):
        why[Verb.APPROVE] = f"It does not wait for an approval: {state}."
    return why


def _replica(account: str, row: ReplicaRow) -> Instance:
    status = states.REPLICA.get(row.status, Status.UNKNOWN)
    id_ = plain(row.id)
    return Instance(Ref(account, Kind.INSTANCE, id_), status, plain(row.status), name=id_[:8])


def _creator(row: DeploymentRow) -> str | None:
    if row.creator is None:
        return None
    return plain(row.creator.name or row.creator.email or "") or None


def revision(meta: object) -> Revision | None:
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


def reason(meta: object) -> str:
    """Return Railway's word for what made the deployment."""
    return _text(meta, "reason")


def is_cron(meta: object) -> bool:
    return bool(_manifest(meta).get("cronSchedule"))


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
    place: tuple[Project, Environment],
    latest: Deployment | None,
    live: Deployment | None,
    meta: object,
    doubt: str = "",
) -> Service:
    """`meta` is that of the deployment that runs (or is newest): it alone knows the replicas of several regions.

    `doubt` says what of its deployments could not be read. A service without any is then not one that has none.
    """
    project, environment = place
    shown = live or latest
    return Service(
        ref=ref,
        project=project.ref,
        environment=environment.ref,
        name=plain(row.name),
        project_name=project.name,
        environment_name=environment.name,
        status=shown.status if shown else Status.UNKNOWN if doubt else Status.STOPPED,
        status_raw=shown.status_raw if shown else "not read" if doubt else "no deployment",
        url=_service_url(row),
        replicas=_replicas(row, meta),
        latest=latest,
        live=live,
        instances=shown.instances if shown else (),
        not_now=_service_not_now(latest, live, doubt),
        doubt=doubt,
    )


def target(verb: Verb, latest: Deployment | None, live: Deployment | None) -> Deployment | None:
    """The deployment that a verb means when only the service is named."""
    match verb:
        case Verb.RESTART | Verb.STOP | Verb.REMOVE:
            return live or latest
        case Verb.REDEPLOY | Verb.CANCEL | Verb.APPROVE:
            return latest
    return None


def _service_not_now(latest: Deployment | None, live: Deployment | None, doubt: str) -> dict[Verb, str]:
    """In doubt, no verb is meant for a deployment that only seems to be the newest or the live one."""
    if doubt:
        return dict.fromkeys(_WITH_TARGET, f"{doubt} Name the deployment.")
    why: dict[Verb, str] = {}
    for verb in _WITH_TARGET:
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
        counts = [_count(region.get("numReplicas")) for region in regions.values() if isinstance(region, dict)]
        known = [count for count in counts if count is not None]
        if known:
            return sum(known)
    return _count(row.num_replicas)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_REPLICAS else None


def _service_url(row: ServiceInstanceRow) -> str | None:
    if row.domains is None:
        return None
    domains = [*(row.domains.custom_domains or ()), *(row.domains.service_domains or ())]
    return link(f"https://{domains[0].domain}") if domains else None


# -- steps ------------------------------------------------------------------------------------------


def steps(rows: Rows[EventRow], deployment: Deployment) -> tuple[Step, ...]:
    """Return the steps in the order they began; an event sent twice counts as it was sent last.

    What could not be read stands at the end, as steps of unknown status.
    """
    latest = {row.id: row for row in rows.items}
    ordered = sorted(latest.values(), key=lambda row: moment(row.created_at) or NEVER)
    unread = [Step("Not read", Status.UNKNOWN, detail=problem) for problem in rows.problems("step")]
    return (*(_step(row, deployment) for row in ordered), *unread)


def _step(row: EventRow, deployment: Deployment) -> Step:
    payload = row.payload or EventPayload()
    error = plain(payload.error or "")
    finished = moment(row.completed_at)
    if payload.skipped:
        status = Status.SKIPPED
    elif error:
        status = Status.FAILED
    elif finished is not None:
        status = Status.LIVE
    elif deployment.status.bad:
        status = Status.FAILED
    elif deployment.status in (Status.REMOVED, Status.CANCELLED, Status.SKIPPED):
        status = Status.CANCELLED
    else:
        status = Status.BUILDING
    parts = [plain(payload.detail or ""), plain(payload.reason or "")]
    if payload.attempt and payload.attempt > 1:
        parts.append(f"attempt {payload.attempt}" + (f" of {payload.max_attempts}" if payload.max_attempts else ""))
    return Step(
        name=plain(row.step).replace("_", " ").capitalize() or "Unnamed step",
        status=status,
        started_at=moment(row.created_at),
        finished_at=finished,
        detail=", ".join(part for part in parts if part),
        error=error,
    )
