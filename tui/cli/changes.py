"""changes: what one deployment brought over what served before it."""

from __future__ import annotations

import asyncio

import click

from tui.cli import output
from tui.cli.exits import Exit, Fault
from tui.cli.options import Common, as_json, common
from tui.cli.session import TIMELINE, Session, run
from tui.model.entities import Changes, Deployment, Service
from tui.model.errors import ProviderError
from tui.model.target import served_before
from tui.targets import split

AT_ONCE = 8


@click.command()
@click.argument("deployment")
@as_json
@common
def changes(options: Common, *, deployment: str, json: bool) -> None:
    """What DEPLOYMENT brought: merge requests or commits, and a page that compares. DEPLOYMENT as in api@live."""

    async def work(session: Session) -> Exit:
        service, found = await _found(session, deployment)
        timeline = await session.timeline(service)
        provider = await session.provider(service)
        brought = await provider.changes(found, served_before(found, timeline))
        _tell(brought, service, found, json=json)
        return session.exit

    run(options, work)


async def _found(session: Session, text: str) -> tuple[Service, Deployment]:
    _, selector = split(text)
    if selector is not None:
        service, selector = (await session.find([text]))[0]
        assert selector is not None
        return service, await session.deployment(service, selector)
    return await _by_id(session, text)


async def _by_id(session: Session, text: str) -> tuple[Service, Deployment]:
    """A bare id may be of any service: what the picture holds is looked through first, then every timeline."""
    services = await session.services(None)
    held = [(each, one) for each in services for one in (each.latest, each.live) if one is not None]
    known = [(each, one) for each, one in held if text in (one.id, str(one.ref))]
    if known:
        return known[0]
    gate = asyncio.Semaphore(AT_ONCE)
    found: list[tuple[Service, Deployment]] = []

    async def look(service: Service) -> None:
        async with gate:
            try:
                timeline = await session.timeline(service)
            except ProviderError as error:
                session.fault(service.account, error)
                return
            found.extend((service, one) for one in timeline if one.id.startswith(text) or str(one.ref) == text)

    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(look(service))
    exact = [pair for pair in found if pair[1].id == text] or found
    if len(exact) == 1:
        return exact[0]
    if exact:
        names = [f"{service.path}: {one.id}" for service, one in exact]
        raise Fault(f"{text!r} names {len(exact)} deployments. Write more of the one you mean:", Exit.USAGE, names)
    sentence = f"No deployment is named {text!r}."
    how = [
        f"The newest {TIMELINE} deployments of each service were looked through.",
        "Name an older one with its service: deckwatch changes shop/production/api~60",
    ]
    raise Fault(sentence, Exit.USAGE, how) if session.is_complete else session.not_found(sentence, how)


def _tell(brought: Changes, service: Service, deployment: Deployment, *, json: bool) -> None:
    if json:
        for each in brought.items:
            output.emit(output.change_json(each, deployment))
        output.emit(output.changes_json(brought, deployment))
        return
    output.line(f"{service.path}  {deployment.id}  {output.status_word(deployment.status, deployment.status_raw)}")
    if brought.items:
        output.columns(
            ("WHAT", "TITLE", "AUTHOR", "ADDRESS"),
            [(each.id, output.one_line(each.title), each.author or "-", each.url or "") for each in brought.items],
        )
    if brought.compare_url:
        output.line(f"compare  {brought.compare_url}")
    if brought.note:
        output.line(brought.note)
