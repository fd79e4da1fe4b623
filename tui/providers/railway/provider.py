"""Railway as a provider: the parts of this package, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from tui.model.action import Intent, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service, Snapshot, Step
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.provider import Connection, Credential, Meter, Polling, Provider
from tui.model.text import plain
from tui.providers.graphql import Endpoint, Subscription
from tui.providers.http import Peer
from tui.providers.railway import decode, documents, edge, wire
from tui.providers.railway.decode import Live, Pages
from tui.providers.railway.errors import CREDENTIAL, classifier
from tui.providers.railway.evidence import Evidence
from tui.providers.railway.inventory import Inventory
from tui.providers.railway.logs import Logs, Patience
from tui.providers.railway.scope import Place, Scopes, TokenKind
from tui.providers.railway.timeline import read_page
from tui.providers.railway.verbs import LACKS, Verbs

if TYPE_CHECKING:
    from tui.model.log_filter import LogFilter

_STEPS = 100


class RailwayProvider(Provider):
    """One Railway account: queries and mutations over HTTP, logs and changes over WebSockets."""

    name: ClassVar[str] = "railway"
    title: ClassVar[str] = "Railway"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset(LogKind)
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = LACKS
    polling: ClassVar[Polling] = Polling(burst=4)  # and five a second: less than the ten that Railway's edge bears
    redeploys_as_it_was: ClassVar[bool] = True

    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock, patience: Patience | None = None) -> None:
        url = edge.address(connection.url or edge.URL)
        peer = Peer(connection.account, self.title, url, CREDENTIAL, connection.token, connection.read_only)
        host = peer.host
        pages = Pages(on_railway=host == "railway.com" or host.endswith(".railway.com"))
        self._account = connection.account
        self._pages = pages
        self._peer = peer
        self._endpoint = Endpoint(
            peer,
            meter=meter,
            clock=clock,
            classify=classifier(peer, clock),
            edge=edge.edge_error,
            ca_file=connection.ca_file,
        )
        self._scopes = Scopes(self._endpoint, connection, clock, pages)
        self._inventory = Inventory(self._endpoint, self._scopes, clock, connection.account, pages)
        self._logs = Logs(self._endpoint, self._inventory, clock, patience or Patience())
        self._evidence = Evidence(self._endpoint, clock)
        self.handlers = Verbs(self._endpoint, self._scopes, clock).handlers()

    async def check(self) -> Credential:
        scope = await self._scopes.scope(fresh=True)
        kind: str = scope.kind
        problems = list(scope.problems)
        if scope.kind is TokenKind.BEARER:
            kind = await self._bearer_kind()
        if not scope.places and not problems:
            problems.append("It reaches no environment.")
        refused = await self._refused_list(scope.places[0]) if scope.places else None
        verbs: dict[Verb, str | None] | None = None
        if refused is not None:
            problems.append(f"It may not list deployments: there is no timeline and no rollback. {refused}")
            verbs = dict.fromkeys(self.handlers)
            verbs[Verb.ROLLBACK] = "This token may not list deployments, so that there is none to go back to."
        return Credential(kind=kind, sees=scope.sees, problems=tuple(problems), verbs=verbs)

    async def snapshot(self) -> Snapshot:
        return await self._inventory.snapshot()

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        await self._scopes.ready()
        page = await read_page(self._endpoint, service, before, limit)
        live = Live.of(service)
        if before is None:
            live = decode.live_of_page(page.items, live)
        found = [decode.deployment(row, service.ref, service.project.id, live, self._pages) for row in page.items]
        problems = tuple(f"{service.path}: {problem}." for problem in page.problems("deployment"))
        return Page(decode.newest_first(found), page.next, problems)

    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        await self._scopes.ready()
        data = await self._endpoint.execute(documents.DEPLOYMENT, {"id": ref.id})
        row = wire.one(wire.at(data, "deployment", self._peer), wire.DeploymentRow, self._peer, "deployment")
        live = decode.live_of_page([row], Live.of(service))
        return decode.deployment(row, service.ref, service.project.id, live, self._pages)

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        await self._scopes.ready()

        async def page(after: str | None) -> wire.Rows[wire.EventRow]:
            variables = {"id": deployment.id, "first": _STEPS, "after": after}
            data = await self._endpoint.execute(documents.DEPLOYMENT_EVENTS, variables)
            found = wire.at(data, "deploymentEvents", self._peer)
            return wire.page(found, wire.EventRow, self._peer, "deploymentEvents")

        return decode.steps(await wire.all_pages(page), deployment)

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        await self._scopes.ready()
        return await self._evidence.trace(intent, since)

    async def progress(self, receipt: Receipt) -> Progress:
        await self._scopes.ready()
        return await self._evidence.progress(receipt)

    async def watch(self, deployment: Deployment) -> AsyncGenerator[None, None]:
        """Both subscriptions push only changes: once they are open, what is there now has to be read."""
        await self._scopes.ready()
        wake = asyncio.Event()
        async with AsyncExitStack() as stack:
            try:
                status = await stack.enter_async_context(self._subscribe(documents.ON_DEPLOYMENT, deployment, wake))
                steps: Subscription | None = await stack.enter_async_context(
                    self._subscribe(documents.ON_DEPLOYMENT_EVENTS, deployment, wake)
                )
                yield
                while not status.ended:
                    await wake.wait()
                    wake.clear()
                    changed = bool(status.taken())
                    if steps is not None:
                        try:
                            changed |= bool(steps.taken())
                        except (Forbidden, NotFound, Refused):
                            steps = None  # the status alone will do
                        else:
                            steps = None if steps.ended else steps
                    if changed:
                        yield
            except (Forbidden, Refused):
                return  # some tokens may not subscribe; then it is polled

    def search_of(self, wanted: LogFilter, kind: LogKind) -> str:
        from tui.providers.railway import log_filters  # the first picture needs it not

        return log_filters.search_of(wanted, kind)

    def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        return self._read_logs(source, cursor)

    async def aclose(self) -> None:
        await self._endpoint.aclose()

    async def _read_logs(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        await self._scopes.ready()
        stream = self._logs.read(source, cursor)
        try:
            async for entry in stream:
                yield entry
        finally:
            await stream.aclose()

    def _subscribe(self, document: str, deployment: Deployment, wake: asyncio.Event) -> Subscription:
        return self._endpoint.subscribe(document, {"id": deployment.id}, wake=wake)

    async def _bearer_kind(self) -> str:
        """Tell the two kinds apart: `me` is refused to a workspace token. If it cannot be read, it may be either."""
        try:
            data = await self._endpoint.execute(documents.ME, {})
            me = wire.one(wire.at(data, "me", self._peer), wire.UserRow, self._peer, "me")
        except RateLimited:
            raise
        except (Forbidden, Refused):
            return "workspace token"
        except ProviderError:
            return TokenKind.BEARER
        owner = plain(me.email or me.name or "")
        return f"account token of {owner}" if owner else "account token"

    async def _refused_list(self, place: Place) -> ProviderError | None:
        """Project tokens are said to be allowed this, and said not to be: it is tried."""
        try:
            scope = {"projectId": place.project.ref.id, "environmentId": place.environment.ref.id}
            await self._endpoint.execute(documents.DEPLOYMENTS, {"input": scope, "first": 1})
        except NotFound:
            return None
        except (Forbidden, Refused) as error:
            return error
        return None
