"""services and deployments: what there is now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from tui.cli import output
from tui.cli.exits import Exit, tell
from tui.cli.options import MOMENT, Common, as_json, common
from tui.cli.session import Session, run
from tui.engine.history import EVER, PAGES
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import ProviderError, RateLimited, Unauthorized, Unreachable
from tui.model.moment import by_clock
from tui.model.status import Status

DEPLOYMENTS = 30  # shown when neither --limit nor --since says how many
PAGE = 50
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
        elif session.is_complete:
            tell("deckwatch: the accounts have no services.")
        return session.exit

    run(options, work)


@click.command()
@click.argument("target", required=False)
@click.option("--since", type=MOMENT, help="Began or ended since then: -1h, 24h, 02:40, 2026-08-22T02:40:00Z.")
@click.option("--until", type=MOMENT, help="Began before then.")
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
        found.sort(key=lambda pair: _made(pair[1]) or EVER, reverse=True)
        found = found[: wanted.at_most]
        if undated := sum(_made(deployment) is None for _, deployment in found):
            tell(f"deckwatch: the platform gives no time of the last {undated}.")
        _print_deployments(session, found, json=json)
        return session.exit

    run(options, work)


async def between(
    session: Session, services: list[Service], since: datetime, until: datetime
) -> list[tuple[Service, Deployment]]:
    """All deployments of these services that were made in that span, in any order. What cannot be read is told."""
    return await _deployments(session, services, _Wanted(since, until, frozenset(), None))


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
        """One without a time may be wanted: nobody can tell."""
        if self.statuses and deployment.status not in self.statuses:
            return False
        begun, ended = _made(deployment), deployment.finished_at or _made(deployment)
        if begun is None or ended is None:
            return True
        return (self.since is None or max(begun, ended) >= self.since) and (self.until is None or begun < self.until)

    def worth_reading(self, services: Sequence[Service]) -> list[Service]:
        """Without those whose newest deployment, as the picture has it, is too old for any to be shown."""
        newest = {service.ref: _made(service.latest) if service.latest else None for service in services}
        unknown = [service for service in services if newest[service.ref] is None]
        known = sorted(
            (service for service in services if newest[service.ref] is not None),
            key=lambda service: newest[service.ref] or EVER,
            reverse=True,
        )
        if self.since is not None:
            known = [service for service in known if service.latest is not None and self._reaches(service.latest)]
        elif not self.statuses and self.until is None:
            known = known[: self.at_most]  # each of these has one that is newer than all of the rest
        return known + unknown

    def _reaches(self, latest: Deployment) -> bool:
        """It, or one that it replaced, may have begun or ended since then."""
        ended = latest.finished_at or _made(latest)
        return self.since is None or latest.status.in_flight or ended is None or ended >= self.since

    def by_clock(self, shift: timedelta) -> _Wanted:
        return replace(self, since=by_clock(self.since, shift), until=by_clock(self.until, shift))

    def is_past(self, deployment: Deployment) -> bool:
        """Neither it nor what is older can be wanted."""
        return self.since is not None and deployment.created_at is not None and deployment.created_at < self.since


async def _deployments(session: Session, services: list[Service], wanted: _Wanted) -> list[tuple[Service, Deployment]]:
    """What fails of one service, or one account, is told; the rest, and what was read before it failed, is there."""
    found: list[tuple[Service, Deployment]] = []
    gates = {service.account: asyncio.Semaphore(AT_ONCE) for service in services}

    async def read(service: Service) -> None:
        async with gates[service.account]:
            if service.account in session.failed:
                return
            try:
                async for deployment in _of_service(session, service, wanted):
                    found.append((service, deployment))  # noqa: PERF401 - what came before an error is kept
            except (Unreachable, RateLimited, Unauthorized) as error:
                session.fault(service.account, error)
            except ProviderError as error:
                session.service_fault(service, error)

    async with asyncio.TaskGroup() as group:
        for service in wanted.worth_reading(services):
            group.create_task(read(service))
    return found


async def _of_service(session: Session, service: Service, wanted: _Wanted) -> AsyncIterator[Deployment]:
    """Page by page, as far back as is wanted."""
    provider = await session.provider(service)
    wanted = wanted.by_clock(session.engine.skew(service.account).shift)
    seen: set[Ref] = set()  # pages drift while something new comes
    matching = 0
    before: str | None = None
    for _ in range(PAGES):
        page = await provider.deployments(
            service, before, PAGE if wanted.at_most is None else min(PAGE, wanted.at_most)
        )
        session.lost_rows(service, page.problems)
        for deployment in page.items:
            if deployment.ref not in seen and wanted.holds(deployment):
                matching += _made(deployment) is not None
                yield deployment
            seen.add(deployment.ref)
        enough = wanted.at_most is not None and matching >= wanted.at_most
        if enough or page.next is None or any(wanted.is_past(deployment) for deployment in page.items):
            return
        before = page.next
    session.warn(f"{service.path} has more; only the newest {PAGES} pages were looked through.")


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
    elif session.is_complete:
        tell("deckwatch: no deployments match.")
    else:
        session.partial = True
        tell("deckwatch: no deployments match in what could be read.")


def _made(deployment: Deployment) -> datetime | None:
    return deployment.created_at or deployment.started_at or deployment.finished_at


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
    """What serves, and beside it the newest deployment where that is another one."""
    newest, live = service.latest, service.live
    status = output.status_word(output.status(service), service.status_raw)
    shown = live or newest
    revision, author, what = _revision(shown)
    if newest and live and newest.ref != live.ref:
        status = f"{status}, newest {output.status_word(newest.status, '')}"
        if (other := _revision(newest)[0]) not in (revision, "-"):
            revision = f"{revision}, newest {other}"
    made = output.age(_made(shown), now) if shown else "-"
    return (service.path, status, made, revision, author, what)


def _deployment_row(service: Service, deployment: Deployment, now: datetime) -> tuple[str, ...]:
    status = output.status_word(deployment.status, deployment.status_raw)
    return (
        deployment.id,
        service.path,
        f"{status}, serving" if deployment.is_live and not deployment.status.up else status,
        output.age(_made(deployment), now),
        output.span(deployment.duration_s(now)),
        *_revision(deployment),
    )


def _revision(deployment: Deployment | None) -> tuple[str, str, str]:
    revision = deployment.revision if deployment else None
    if revision is None:
        return "-", (deployment.creator or "-") if deployment else "-", ""
    author = revision.author or (deployment.creator if deployment else None) or "-"
    return output.one_line(revision.short, 20), output.one_line(author, 20), output.one_line(revision.message)
