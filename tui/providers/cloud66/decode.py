"""Cloud 66's rows as our entities: what a deployment's state is, what serves, what runs inside a stack."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from tui.model.entities import Deployment, Instance, Kind, Ref, Revision
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.cloud66 import reasons, wire, words
from tui.providers.cloud66.wire import ContainerRow, DeploymentRow, ProcessRow, ServiceRow, StackRow

_log = logging.getLogger(__name__)
_EMAIL = re.compile(r"\s*\([^()]*\)\s*$")
_NO_ACCOUNT = "Cloud 66"


class Place(Struct, frozen=True):
    """Where a deployment row belongs: its stack, the deployment that serves there, whether services are containers.

    `docker` is None where the stack's framework is not known.
    """

    service: Ref
    live: int | None = None
    docker: bool | None = None


def moment(text: str | None) -> datetime | None:
    """A time in either of the two forms: ISO 8601, or `2014-08-14 00:38:14 UTC`."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def link(text: str | None) -> str | None:
    """An address of the web, or None."""
    found = plain(text or "")
    return found if found.startswith(("https://", "http://")) else None


# -- stacks -------------------------------------------------------------------------------------------


def is_docker(row: StackRow) -> bool:
    """Its services are containers: only then Cloud 66 lists services, and only then a redeploy takes image tags."""
    return (row.framework or "").lower() == "docker" or (row.backend or "").lower() == "kubernetes"


def is_rails(row: StackRow) -> bool:
    return (row.framework or "").lower() in ("rails", "rack")


def is_busy(row: StackRow) -> bool:
    """`is_busy` is not on every server; the status is."""
    return bool(row.is_busy) or words.number(row.status) in (words.QUEUED, words.DEPLOYING)


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
    status, health = words.number(row.status), words.number(row.health)
    names = words.STACK_WORDS
    if (row.framework or "").lower() == "skycap":
        names = {**names, **words.SKYCAP_WORDS}
    said = names.get(status, str(status)) if status is not None else plain(str(row.status or "")) or "unknown"
    if row.maintenance_mode:
        said += ", maintenance mode"
    return f"{said}, {words.HEALTH_WORDS[health]}" if health in words.ILL else said


def stack_status(row: StackRow, *, serves: bool) -> Status:
    """What the stack is, beside its newest deployment. `serves`: one of its deployments is live.

    An impaired or failed stack is CRASHED, whatever became of its deployment: Cloud 66's own command line counts both
    as bad. A stack whose newest deployment failed goes on serving the one before.
    """
    status, health = words.number(row.status), words.number(row.health)
    if row.maintenance_mode:
        return Status.STOPPED
    if health in words.ILL and (serves or status == 1):
        return Status.CRASHED
    if serves:
        return Status.LIVE
    return words.STACK.get(status, Status.UNKNOWN) if status is not None else Status.UNKNOWN


# -- deployments --------------------------------------------------------------------------------------


def outcome(row: DeploymentRow) -> str:
    return words.word(row.outcome, words.OUTCOMES)


def under_way(row: DeploymentRow, live: int | None) -> bool:
    return _status(row, live).in_flight


def went_well(row: DeploymentRow) -> bool:
    return not row.is_deploying and not row.reverted and outcome(row) == "success"


def live_id(rows: Iterable[DeploymentRow]) -> int | None:
    """The one that serves. Old rows may still say so after a newer one took over: the newest that says it does."""
    rows = list(rows)
    told = [row.id for row in rows if row.is_live]
    if not told and all(row.is_live is None for row in rows):
        told = [row.id for row in rows if went_well(row)]
    return max(told, default=None)


def newest_first(rows: Iterable[DeploymentRow]) -> list[DeploymentRow]:
    """Cloud 66 promises no order."""
    return sorted(rows, key=lambda row: row.id, reverse=True)


def deployment(row: DeploymentRow, place: Place, seen_at: datetime | None = None) -> Deployment:
    """`seen_at` stands for the time of creation, which Cloud 66 does not tell, until the deployment has started."""
    status = _status(row, place.live)
    started_at = moment(row.started_at)
    return Deployment(
        ref=Ref(place.service.account, Kind.DEPLOYMENT, str(row.id)),
        service=place.service,
        status=status,
        status_raw=_raw(row),
        created_at=started_at or seen_at,
        started_at=started_at,
        finished_at=None if status.in_flight else moment(row.finished_at),
        revision=_revision(row),
        creator=plain(row.triggered_by or "") or None,
        trigger=_trigger(row),
        is_live=row.id == place.live and not status.in_flight,
        note=f"Reverted by {plain(row.reverted_by)}." if row.reverted and row.reverted_by else "",
        not_now=reasons.of_deployment(row, place, status),
    )


def _status(row: DeploymentRow, live: int | None) -> Status:
    if row.is_deploying:
        return Status.DEPLOYING
    if row.reverted:
        return Status.SUPERSEDED
    status = words.OUTCOME.get(outcome(row), Status.UNKNOWN)
    if status is Status.QUEUED and (row.finished_at or (live is not None and row.id < live)):
        return Status.UNKNOWN  # deployments run one after the other: what was passed by does not wait any more
    return Status.SUPERSEDED if status is Status.LIVE and row.id != live else status


def _raw(row: DeploymentRow) -> str:
    if row.is_deploying:
        return "deploying"
    return "reverted" if row.reverted else outcome(row).replace("_", " ") or "unknown"


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
        containers, odd = wire.read(row.containers or [], ContainerRow)
        for what in odd:
            _log.warning("Account %s: a container of %s is left out: %s", account, service, what)
        if not containers:
            found.append(_child(account, service, "", f"service:{service}", "", Status.STOPPED, "no containers"))
        for each in containers:
            name = plain(each.name or "")
            uid = plain(str(each.uid or each.id or "")) or f"{service}:{name}"
            status, raw = _container_state(each)
            server = plain(each.server_uid or each.server_name or "")
            found.append(_child(account, service, name if name != service else "", uid, server, status, raw))
    return found


def of_processes(rows: Sequence[ProcessRow], account: str) -> list[Child]:
    found: list[Child] = []
    for row in rows:
        process = plain(row.name)
        servers = row.servers or {}
        for server, count in servers.items():
            paused = (row.servers_pauses or {}).get(server, 0)
            where = plain(server) if len(servers) > 1 else ""
            if paused >= count:
                status, raw = Status.STOPPED, "paused" if paused else "none run"
            else:
                status, raw = Status.LIVE, f"{count - paused} running" + (f", {paused} paused" if paused else "")
            found.append(_child(account, process, where, f"{process}@{plain(server)}", plain(server), status, raw))
        if not servers:
            found.append(_child(account, process, "", process, "", Status.STOPPED, "none run"))
    return found


def _child(account: str, group: str, name: str, uid: str, server: str, status: Status, raw: str) -> Child:
    shown = f"{group} · {name}" if name else group
    return Child(group, name, uid, server, Instance(Ref(account, Kind.INSTANCE, uid), status, raw, shown))


def _container_state(row: ContainerRow) -> tuple[Status, str]:
    """Its own word first; health tells only what that does not. The oldest servers have neither."""
    said = plain(row.status or "").lower()
    health = words.CONTAINER_HEALTH.get(row.health_state) if row.health_state is not None else None
    if said:
        status = words.CONTAINER.get(said, Status.UNKNOWN)
    else:
        status = Status.LIVE if health or row.started_at else Status.UNKNOWN
    if row.health_state == words.DOWN and status in (Status.LIVE, Status.UNKNOWN):
        status = Status.CRASHED
    raw = ", ".join(filter(None, (said, health if health not in (None, "unverified", "not applicable") else None)))
    return status, raw or ("started" if row.started_at else "unknown")
