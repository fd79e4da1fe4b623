"""What was read, as the board wants it: projects, environments, services, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from tui.model.clock import Clock
from tui.model.entities import Environment, Kind, Project, Ref, Service, Snapshot
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.gitlab import decode, reasons
from tui.providers.gitlab.decode import Place
from tui.providers.gitlab.watched import Watched
from tui.providers.gitlab.wire import EnvironmentRow
from tui.providers.values import link

_PROBLEMS = 20


def snapshot(
    account: str, watched: Sequence[Watched], problems: Iterable[str], clock: Clock, place: Callable[[Ref], Place]
) -> Snapshot:
    projects: dict[str, Project] = {}
    environments: list[Environment] = []
    services: list[Service] = []
    unread: list[Ref] = []
    told = list(problems)
    observed_at = clock.now()
    for one in watched:
        namespace, _ = decode.names(one.project)
        project = projects.setdefault(namespace, _project(account, namespace, one))
        found = sorted(one.environments.values(), key=decode.order)
        its = [_environment(account, one.project.id, row, project) for row in found]
        environments += its
        if one.error is not None or one.read_at is None:
            unread += [each.ref for each in its]
            told.append(f"{one.name} could not be read. {one.error or ''}".rstrip())
            continue
        told += one.problems()
        observed_at = min(observed_at, one.read_at)
        services += [
            replace(_service(account, one, row, project, environment, place), observed_at=one.read_at)
            for row, environment in zip(found, its, strict=True)
        ]
    return Snapshot(
        account=account,
        observed_at=observed_at,
        projects=tuple(projects.values()),
        environments=tuple(environments),
        services=tuple(
            replace(each, observed_at=None) if each.observed_at == observed_at else each for each in services
        ),
        problems=_bounded(told),
        unread=tuple(unread),
    )


def _bounded(problems: Sequence[str]) -> tuple[str, ...]:
    """Keep the first ones and count the rest."""
    if len(problems) <= _PROBLEMS:
        return tuple(problems)
    return (*problems[:_PROBLEMS], f"There are {len(problems) - _PROBLEMS} more problems like these.")


def _project(account: str, namespace: str, one: Watched) -> Project:
    """A namespace: a group, or a person."""
    url = link(one.project.web_url)
    return Project(Ref(account, Kind.PROJECT, namespace), namespace, url.rpartition("/")[0] if url else None)


def _environment(account: str, project: int, row: EnvironmentRow, namespace: Project) -> Environment:
    ref = decode.place_ref(account, Kind.ENVIRONMENT, project, row.id)
    return Environment(ref, namespace.ref, decode.environment_name(row), ephemeral=decode.is_ephemeral(row))


def _service(
    account: str,
    one: Watched,
    row: EnvironmentRow,
    project: Project,
    environment: Environment,
    place: Callable[[Ref], Place],
) -> Service:
    ref = decode.place_ref(account, Kind.SERVICE, one.project.id, row.id)
    here = place(ref)
    latest, live = (
        decode.deployment(found, here, whole=found.id in one.singly_at) if found is not None else None
        for found in (one.latest(row.id), one.live(row.id))
    )
    if live is not None and not live.is_live:  # the environment was stopped
        live = None
    state = decode.state(row)
    doubt = one.doubt(row.id)
    shown = live or latest
    match state:
        case "stopped":
            status, raw = Status.STOPPED, "stopped"
        case "stopping":
            status, raw = Status.REMOVING, "stopping"
        case _ if shown is None and doubt:
            status, raw = Status.UNKNOWN, "not read"
        case _ if shown is None:
            status, raw = Status.STOPPED, "no deployment"
        case _:
            status, raw = shown.status, shown.status_raw
    return Service(
        ref=ref,
        project=project.ref,
        environment=environment.ref,
        name=decode.names(one.project)[1],
        project_name=project.name,
        environment_name=environment.name,
        status=status,
        status_raw=plain(raw),
        url=link(row.external_url),
        latest=latest,
        live=live,
        not_now=reasons.of_service(latest, live, state, one.heads.doubt(row.id)),
        doubt=doubt,
    )
