"""Entities for tests, made in one line: what a test does not name has an ordinary value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tui.model.action import Verb
from tui.model.entities import Deployment, Environment, Kind, Project, Ref, Revision, Service, Snapshot
from tui.model.status import Status

NOW = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
ACCOUNT = "prod"


def ref(kind: Kind, id_: str, account: str = ACCOUNT) -> Ref:
    return Ref(account, kind, id_)


def deployment(
    id_: str = "d1",
    status: Status = Status.LIVE,
    *,
    service: str = "api",
    ago_s: float = 3600,
    took_s: float | None = 75,
    is_live: bool | None = None,
    note: str = "",
    not_now: Mapping[Verb, str] | None = None,
    message: str = "fix: the cart's total",
    account: str = ACCOUNT,
) -> Deployment:
    created = NOW - timedelta(seconds=ago_s)
    return Deployment(
        ref=ref(Kind.DEPLOYMENT, id_, account),
        service=ref(Kind.SERVICE, service, account),
        status=status,
        status_raw=status.upper(),
        created_at=created,
        finished_at=None if took_s is None or status.in_flight else created + timedelta(seconds=took_s),
        revision=Revision((id_.encode().hex() * 40)[:40], "main", message, "ada"),
        creator="ada",
        trigger="push",
        is_live=status is Status.LIVE if is_live is None else is_live,
        url=f"https://platform.example/{id_}",
        note=note,
        not_now=not_now or {},
    )


def service(
    name: str = "api",
    status: Status = Status.LIVE,
    *,
    latest: Deployment | None = None,
    live: Deployment | None = None,
    environment: str = "production",
    project: str = "shop",
    account: str = ACCOUNT,
    not_now: Mapping[Verb, str] | None = None,
) -> Service:
    if latest is None and live is None:
        latest = live = deployment(f"{name}-1", status, service=name, account=account)
    return Service(
        ref=ref(Kind.SERVICE, name, account),
        project=ref(Kind.PROJECT, project, account),
        environment=ref(Kind.ENVIRONMENT, environment, account),
        name=name,
        project_name=project,
        environment_name=environment,
        status=status,
        status_raw=status.upper(),
        url=f"https://{name}.example",
        replicas=1,
        latest=latest,
        live=live,
        not_now=not_now or {},
    )


def snapshot(
    *services: Service, account: str = ACCOUNT, at: datetime = NOW, problems: tuple[str, ...] = ()
) -> Snapshot:
    projects = {s.project: Project(s.project, s.project_name) for s in services}
    environments = {s.environment: Environment(s.environment, s.project, s.environment_name) for s in services}
    return Snapshot(account, at, tuple(projects.values()), tuple(environments.values()), services, problems)
