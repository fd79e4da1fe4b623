"""services and deployments: what there is now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from tui.cli import output
from tui.cli.exits import Exit, tell
from tui.cli.options import MOMENT, Common, as_json, common
from tui.cli.session import Session, run
from tui.model.entities import Deployment, Service
from tui.model.errors import ProviderError
from tui.model.moment import by_clock
from tui.model.status import Status

DEPLOYMENTS = 30  # shown when neither --limit nor --since says how many
PAGE = 50
PAGES = 20  # of one service, at most
AT_ONCE = 4  # services asked in parallel


@click.command()
@as_json
@common
def services(options: Common, *, json: bool) -> None:
    """Every service with its state: one picture of every account."""

    async def work(session: Session) -> Exit:
        found = await session.services(whole=True)
        if json:
            for service in found:
                output.emit(_service_json(session, service))
        elif found:
            output.columns(
                ("TARGET", "STATUS", "DEPLOYED", "REVISION", "AUTHOR", "WHAT"),
                [_service_row(service, session.engine.now(service.account)) for service in found],
                [service.status for service in found],
            )
        elif not session.failed:
            tell("deckwatch: the accounts have no services.")
        return session.exit

    run(options, work)


@click.command()
@click.argument("target", required=False)
@click.option("--since", type=MOMENT, help="Made since then: 24h, 02:40, 2026-08-22T02:40:00Z.")
@click.option("--until", type=MOMENT, help="Made before then.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([str(status) for status in Status]), help="Repeatable."
)
@click.option(
    "--limit", type=click.IntRange(1), help=f"At most so many; {DEPLOYMENTS} when --since is not given either."
)
@as_json
@common
def deployments(
    options: Common,
    *,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
    statuses: tuple[str, ...],
    limit: int | None,
    json: bool,
) -> None:
    """Deployments, newest first: of TARGET, or of all services."""
    wanted = _Wanted(since, until, frozenset(Status(status) for status in statuses), limit)

    async def work(session: Session) -> Exit:
        if target is None:
            chosen = list(await session.services(whole=True))
        else:
            service, selector = (await session.find([target]))[0]
            if selector is not None:
                _print_deployments(session, [(service, await session.deployment(service, selector))], json=json)
                return session.exit
            chosen = [service]
        found = await _deployments(session, chosen, wanted)
        found.sort(key=lambda pair: _made(pair[1]), reverse=True)
        _print_deployments(session, found[: wanted.at_most], json=json)
        return session.exit

    run(options, work)


@dataclass(frozen=True, slots=True)
class _Wanted:
    since: datetime | None
    until: datetime | None
    statuses: frozenset[Status]
    limit: int | None

    @property
    def at_most(self) -> int | None:
        return self.limit or (None if self.since else DEPLOYMENTS)

    def holds(self, deployment: Deployment) -> bool:
        at = deployment.created_at
        return (
            (not self.statuses or deployment.status in self.statuses)
            and (self.since is None or (at is not None and at >= self.since))
            and (self.until is None or (at is not None and at < self.until))
        )

    def by_clock(self, shift: timedelta) -> _Wanted:
        return replace(self, since=by_clock(self.since, shift), until=by_clock(self.until, shift))

    def is_past(self, deployment: Deployment) -> bool:
        """Neither it nor what is older can be wanted."""
        return self.since is not None and deployment.created_at is not None and deployment.created_at < self.since


async def _deployments(session: Session, services: list[Service], wanted: _Wanted) -> list[tuple[Service, Deployment]]:
    found: list[tuple[Service, Deployment]] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(service: Service) -> None:
        async with gate:
            if service.account in session.failed:
                return
            try:
                found.extend([(service, deployment) for deployment in await _of_service(session, service, wanted)])
            except ProviderError as error:
                session.fault(service.account, error)

    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(read(service))
    return found


async def _of_service(session: Session, service: Service, wanted: _Wanted) -> list[Deployment]:
    provider = await session.provider(service)
    wanted = wanted.by_clock(session.engine.skew(service.account).shift)
    found: list[Deployment] = []
    before: str | None = None
    for _ in range(PAGES):
        page = await provider.deployments(
            service, before, PAGE if wanted.at_most is None else min(PAGE, wanted.at_most)
        )
        found.extend(deployment for deployment in page.items if wanted.holds(deployment))
        enough = wanted.at_most is not None and len(found) >= wanted.at_most
        if enough or page.next is None or any(wanted.is_past(deployment) for deployment in page.items):
            return found
        before = page.next
    tell(f"deckwatch: {service.path} has more; only the newest {PAGES} pages were looked through.")
    return found


def _print_deployments(session: Session, found: list[tuple[Service, Deployment]], *, json: bool) -> None:
    now = session.engine.now
    if json:
        for service, deployment in found:
            reasons = session.engine.actions.verbs(service, deployment)
            output.emit(output.deployment_json(deployment, service, now(service.account), reasons))
    elif found:
        output.columns(
            ("ID", "TARGET", "STATUS", "MADE", "TOOK", "REVISION", "AUTHOR", "WHAT"),
            [_deployment_row(service, deployment, now(service.account)) for service, deployment in found],
            [deployment.status for _, deployment in found],
        )
    elif not session.failed:
        tell("deckwatch: no deployments match.")


def _made(deployment: Deployment) -> float:
    return deployment.created_at.timestamp() if deployment.created_at else 0.0


def _service_json(session: Session, service: Service) -> output.Json:
    state = session.engine.store.accounts[service.account]
    assert state.snapshot is not None  # the service comes from it
    verbs = session.engine.actions.verbs
    reasons: Mapping[str, output.Reasons] = {
        deployment.id: verbs(service, deployment) for deployment in (service.latest, service.live) if deployment
    }
    observed_at = service.observed_at or state.snapshot.observed_at
    stale_s = max(0.0, (session.now() - observed_at).total_seconds())
    now = session.engine.now(service.account)
    return output.service_json(service, state.provider, observed_at, stale_s, now, reasons)


def _service_row(service: Service, now: datetime) -> tuple[str, ...]:
    status = output.status_word(service.status, service.status_raw)
    newest, live = service.latest, service.live
    if newest and newest.status.in_flight and live and live.ref != newest.ref:
        status = f"{status}, next {output.status_word(newest.status, '')}"
    shown = newest or live
    made = output.age(shown.created_at, now) if shown else "-"
    return (service.path, status, made, *_revision(shown))


def _deployment_row(service: Service, deployment: Deployment, now: datetime) -> tuple[str, ...]:
    status = output.status_word(deployment.status, deployment.status_raw)
    return (
        deployment.id,
        service.path,
        f"{status}, serving" if deployment.is_live and not deployment.status.up else status,
        output.age(deployment.created_at, now),
        output.span(deployment.duration_s(now)),
        *_revision(deployment),
    )


def _revision(deployment: Deployment | None) -> tuple[str, str, str]:
    revision = deployment.revision if deployment else None
    if revision is None:
        return "-", (deployment.creator or "-") if deployment else "-", ""
    author = revision.author or (deployment.creator if deployment else None) or "-"
    return output.one_line(revision.short, 20), output.one_line(author, 20), output.one_line(revision.message)
