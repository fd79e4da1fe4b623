"""Cloud 66's rows as our entities: what a deployment's state is, what serves, what runs inside a stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from tui.model.entities import Deployment, Instance, Kind, Ref, Revision
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.cloud66 import reasons, words
from tui.providers.cloud66.wire import ContainerRow, DeploymentRow, ProcessRow, ServiceRow, StackRow
from tui.providers.values import convert, link, moment

_EMAIL = re.compile(r"\s*\([^()]*\)\s*$")
_NO_ACCOUNT = "Cloud 66"


class Place(Struct, frozen=True):
    """Where a deployment row belongs: its stack, the deployment that serves there, whether services are containers.

    `docker` is None where the stack's framework is not known.
    """

    service: Ref
    live: int | None = None
    docker: bool | None = None


# -- stacks -------------------------------------------------------------------------------------------


def is_docker(row: StackRow) -> bool:
    """Its services are containers: only then Cloud 66 lists services, and only then a redeploy takes image tags."""
    return (row.framework or "").lower() == "docker" or (row.backend or "").lower() == "kubernetes"


def is_rails(row: StackRow) -> bool:
    return (row.framework or "").lower() in ("rails", "rack")


def status_code(row: StackRow) -> int | None:
    return words.code(row.status, words.STACK_CODES)


def health_code(row: StackRow) -> int | None:
    return words.code(row.health, words.HEALTH_CODES)


def is_busy(row: StackRow) -> bool:
    """`is_busy` is not on every server; the status is."""
    return bool(words.flag(row.is_busy)) or status_code(row) in (words.QUEUED, words.DEPLOYING)


def is_cluster(row: StackRow) -> bool:
    return bool(words.flag(row.is_cluster))


def in_maintenance(row: StackRow) -> bool | None:
    return words.flag(row.maintenance_mode)


def name(row: StackRow) -> str:
    return words.text(row.name) or f"stack {row.uid[:4]}"


def environment_name(row: StackRow) -> str:
    return words.text(row.environment) or ("default" if row.environment in (None, "") else "unknown")


def stack_name(row: StackRow) -> str:
    """The pair that people know a stack by."""
    return f"{name(row)} ({environment_name(row)})"


def account_name(row: StackRow) -> str:
    """The account's friendly name: `account_name` without the e-mail address behind it."""
    name = plain(row.account_name or "")
    return _EMAIL.sub("", name) or name or _NO_ACCOUNT


def account_id(row: StackRow) -> str:
    return str(row.account_id) if row.account_id is not None else account_name(row)


def stack_url(row: StackRow) -> str | None:
    host = plain(row.fqdn or "")
    return link(row.application_address) or (f"http://{host}" if host and "/" not in host else None)


def stack_word(row: StackRow) -> str:
    """The stack's status in Cloud 66's words, with its health where that is not good."""
    status, health = status_code(row), health_code(row)
    names = words.STACK_WORDS
    if (row.framework or "").lower() == "skycap":
        names = {**names, **words.SKYCAP_WORDS}
    said = names.get(status, str(status)) if status is not None else words.text(row.status) or "unknown"
    if in_maintenance(row):
        said += ", maintenance mode"
    return f"{said}, {words.HEALTH_WORDS[health]}" if health in words.ILL else said


def stack_status(row: StackRow, *, serves: bool) -> Status:
    """What the stack is, beside its newest deployment. `serves`: one of its deployments is live.

    An impaired or failed stack is CRASHED, whatever became of its deployment: Cloud 66's own command line counts both
    as bad. A stack whose newest deployment failed goes on serving the one before.
    """
    status = status_code(row)
    if in_maintenance(row):
        return Status.STOPPED
    if health_code(row) in words.ILL and (serves or status == 1):
        return Status.CRASHED
    if serves:
        return Status.LIVE
    return words.STACK.get(status, Status.UNKNOWN) if status is not None else Status.UNKNOWN


def unclear_of_stack(row: StackRow) -> list[str]:
    """Name what the row says of the stack's state in a way that nobody here can read."""
    told = (
        ("environment", row.environment, words.text(row.environment) or None),
        ("status", row.status, _listed(status_code(row), words.STACK_WORDS)),
        ("health", row.health, _listed(health_code(row), words.HEALTH_WORDS)),
        ("maintenance mode", row.maintenance_mode, in_maintenance(row)),
    )
    return [name for name, value, read in told if value not in (None, "") and read is None]


def _listed(code: int | None, names: Mapping[int, str]) -> str | None:
    return names.get(code) if code is not None else None


# -- deployments --------------------------------------------------------------------------------------


def outcome(row: DeploymentRow) -> str:
    return words.word(row.outcome, words.OUTCOMES)


def unclear(row: DeploymentRow) -> list[str]:
    """Name what the row says of the deployment's state in a way that nobody can read."""
    told = (
        ("outcome", row.outcome, outcome(row) or None),
        ("is_live", row.is_live, words.flag(row.is_live)),
        ("is_deploying", row.is_deploying, words.flag(row.is_deploying)),
        ("reverted", row.reverted, words.flag(row.reverted)),
    )
    return [name for name, value, read in told if value is not None and read is None]


def under_way(row: DeploymentRow, live: int | None) -> bool:
    return _status(row, live).in_flight


def went_well(row: DeploymentRow) -> bool:
    return not unclear(row) and not words.flag(row.is_deploying) and outcome(row) == "success" and not _reverted(row)


def live_id(rows: Iterable[DeploymentRow]) -> int | None:
    """The one that serves. Old rows may still say so after a newer one took over: the newest that says it does."""
    rows = list(rows)
    told = [row.id for row in rows if words.flag(row.is_live)]
    if not told and all(row.is_live is None for row in rows):
        told = [row.id for row in rows if went_well(row)]
    return max(told, default=None)


def newest_first(rows: Iterable[DeploymentRow]) -> list[DeploymentRow]:
    """Cloud 66 promises no order."""
    return sorted(rows, key=lambda row: row.id, reverse=True)


def deployment(row: DeploymentRow, place: Place, seen_at: datetime | None = None) -> Deployment:
    """`seen_at` stands for the time of creation, which Cloud 66 does not tell, while the deployment waits to start.

    One that ended without a start has its end there, for its place among the others, and so no duration.
    """
    status = _status(row, place.live)
    started_at = moment(row.started_at)
    ended_at = None if status.in_flight else moment(row.finished_at)
    return Deployment(
        ref=Ref(place.service.account, Kind.DEPLOYMENT, str(row.id)),
        service=place.service,
        status=status,
        status_raw=_raw(row),
        created_at=started_at or (seen_at if status.in_flight else ended_at),
        started_at=started_at,
        finished_at=ended_at if started_at else None,
        revision=_revision(row),
        creator=plain(row.triggered_by or "") or None,
        trigger=_trigger(row),
        is_live=row.id == place.live and not status.in_flight,
        note=_note(row),
        not_now=reasons.of_deployment(row, place, status),
    )


def _status(row: DeploymentRow, live: int | None) -> Status:
    if words.flag(row.is_deploying):
        return Status.DEPLOYING
    if unclear(row):
        return Status.UNKNOWN
    if _reverted(row):
        return Status.SUPERSEDED
    status = words.OUTCOME.get(outcome(row), Status.UNKNOWN)
    if status is Status.QUEUED and (row.finished_at or (live is not None and row.id < live)):
        return Status.UNKNOWN  # deployments run one after the other: what was passed by does not wait any more
    return Status.SUPERSEDED if status is Status.LIVE and row.id != live else status


def _reverted(row: DeploymentRow) -> bool:
    return bool(words.flag(row.reverted))


def _raw(row: DeploymentRow) -> str:
    if words.flag(row.is_deploying):
        return "deploying"
    if unclear(row):
        return "unknown"
    return "reverted" if _reverted(row) else outcome(row).replace("_", " ") or "unknown"


def _note(row: DeploymentRow) -> str:
    if odd := unclear(row):
        return f"Cloud 66 sent no readable {' and '.join(odd)}."
    return f"Reverted by {plain(row.reverted_by)}." if _reverted(row) and row.reverted_by else ""


def _revision(row: DeploymentRow) -> Revision | None:
    sha, ref = plain(row.git_hash or ""), plain(row.git_ref or "")
    if not sha and not ref:
        return None
    return Revision(sha or ref, branch=ref if ref and ref != sha else None, url=link(row.commit_url))


def _trigger(row: DeploymentRow) -> str | None:
    """How it came to be; what it was, where that says more."""
    made_as = words.word(row.deploy_type, words.TYPES)
    via = words.word(row.triggered_via, words.TRIGGERS)
    if made_as and made_as not in ("build", "redeploy"):
        return made_as.replace("_", " ")
    return (via or made_as).replace("_", " ") or None


# -- what runs inside a stack ---------------------------------------------------------------------------


class Child(Struct, frozen=True):
    """One container, or the processes of one name on one server. `server` is the server's uid, or its name."""

    group: str  # the service or process
    name: str
    uid: str
    server: str
    instance: Instance


def of_services(rows: Sequence[ServiceRow], account: str) -> list[Child]:
    found: list[Child] = []
    for row in rows:
        service = plain(row.name)
        if not isinstance(row.containers, list):
            said = "containers not told" if row.containers is None else "containers unreadable"
            found.append(_child(account, service, "", f"service:{service}", "", Status.UNKNOWN, said))
        elif not row.containers:
            found.append(_child(account, service, "", f"service:{service}", "", Status.STOPPED, "no containers"))
        else:
            found += [_container(account, service, *each) for each in enumerate(row.containers)]
    return found


def _container(account: str, service: str, place: int, sent: object) -> Child:
    """One container. What cannot be read runs too, for all that is known."""
    row = convert(sent, ContainerRow)
    if row is None:
        return _child(account, service, "", f"{service}:{place}", "", Status.UNKNOWN, "unreadable")
    name = plain(row.name or "")
    uid = words.text(row.uid or row.id) or f"{service}:{name or place}"
    status, raw = _container_state(row)
    server = plain(row.server_uid or row.server_name or "")
    return _child(account, service, name if name != service else "", uid, server, status, raw)


def of_processes(rows: Sequence[ProcessRow], account: str) -> list[Child]:
    found: list[Child] = []
    for row in rows:
        process = plain(row.name)
        if not isinstance(row.servers, dict):
            said = "servers not told" if row.servers is None else "servers unreadable"
            found.append(_child(account, process, "", process, "", Status.UNKNOWN, said))
        elif not row.servers:
            found.append(_child(account, process, "", process, "", Status.STOPPED, "none run"))
        for server, count in (row.servers if isinstance(row.servers, dict) else {}).items():
            where = plain(server)
            status, raw = _process_state(words.number(count), _paused(row, server))
            shown = where if len(row.servers) > 1 else ""
            found.append(_child(account, process, shown, f"{process}@{where}", where, status, raw))
    return found


def _paused(row: ProcessRow, server: str) -> int | None:
    """How many are paused on that server; None: that cannot be read."""
    if row.servers_pauses is None:
        return 0
    return words.number(row.servers_pauses.get(server, 0)) if isinstance(row.servers_pauses, dict) else None


def _process_state(count: int | None, paused: int | None) -> tuple[Status, str]:
    if count is None or count < 0:
        return Status.UNKNOWN, "number unreadable"
    if count == 0:
        return Status.STOPPED, "none run"
    if paused is None or paused < 0:
        return Status.UNKNOWN, f"{count} running or paused"
    if paused >= count:
        return Status.STOPPED, "paused"
    return Status.LIVE, f"{count - paused} running" + (f", {paused} paused" if paused else "")


def _child(account: str, group: str, name: str, uid: str, server: str, status: Status, raw: str) -> Child:
    shown = f"{group} · {name}" if name else group
    return Child(group, name, uid, server, Instance(Ref(account, Kind.INSTANCE, uid), status, raw, shown))


def _container_state(row: ContainerRow) -> tuple[Status, str]:
    """Its own word first; health tells only what that does not. The oldest servers have neither."""
    said = words.word(row.status, {}).replace("_", " ")
    code = words.code(row.health_state, words.CONTAINER_HEALTH_CODES)
    health = _listed(code, words.CONTAINER_HEALTH)
    if said or row.status not in (None, ""):
        status = words.CONTAINER.get(said, Status.UNKNOWN)
    else:
        status = Status.LIVE if health or moment(row.started_at) else Status.UNKNOWN
    if code == words.DOWN and status in (Status.LIVE, Status.UNKNOWN):
        status = Status.CRASHED
    if status is Status.LIVE and health is None and row.health_state is not None:
        status = Status.UNKNOWN
    raw = ", ".join(filter(None, (said, health if health not in (None, "unverified", "not applicable") else None)))
    return status, raw or ("started" if status is Status.LIVE else "unknown")
