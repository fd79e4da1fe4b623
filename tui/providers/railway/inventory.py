"""One picture of an account: one query an environment, and what one of them refuses does not cost the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service, Snapshot
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Unauthorized
from tui.model.status import Status
from tui.providers.graphql import Endpoint
from tui.providers.railway import decode, documents, wire
from tui.providers.railway.decode import Live, Pages
from tui.providers.railway.scope import Place, Scopes
from tui.providers.railway.wire import DeploymentRow, ServiceInstanceRow

_PAGE = 200
_AT_ONCE = 4  # queries; more only make each other slower
_ASIDE = 100  # deployments of an environment that one query reads for the services whose newest is not told
_REREAD_S = 600.0
_REREAD_MOVING_S = 15.0


@dataclass(slots=True)
class _Reading:
    """What came of one environment."""

    place: Place
    services: list[Service] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True)
class _Aside:
    """The newest deployment of a service that Railway tells of no longer, and when it was asked for."""

    row: DeploymentRow | None
    read_at: float


class Inventory:
    """Reads snapshots. Remembers which deployment of a service serves, for what follows it."""

    def __init__(self, endpoint: Endpoint, scopes: Scopes, clock: Clock, account: str, pages: Pages) -> None:
        self.live: dict[Ref, str] = {}
        self.read_at: float | None = None
        self._endpoint = endpoint
        self._scopes = scopes
        self._clock = clock
        self._account = account
        self._pages = pages
        self._asides: dict[Ref, _Aside] = {}

    async def snapshot(self) -> Snapshot:
        scope = await self._scopes.scope()
        at_once = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._read(place, at_once)) for place in scope.places]
        readings = [task.result() for task in tasks]
        await self._weigh(readings)
        services = [service for reading in readings for service in reading.services]
        self.live = {service.ref: service.live.id for service in services if service.live}
        self.read_at = self._clock.monotonic()
        problems = [*scope.problems, *(problem for reading in readings for problem in reading.problems)]
        if not scope.places and not problems:
            problems.append("The token is good, but sees no environment. `deckwatch check` says what it sees.")
        return Snapshot(
            account=self._account,
            observed_at=self._clock.now(),
            projects=scope.projects,
            environments=tuple(place.environment for place in scope.places),
            services=tuple(services),
            problems=tuple(problems),
            unread=tuple(reading.place.environment.ref for reading in readings if reading.error is not None),
        )

    async def _weigh(self, readings: list[_Reading]) -> None:
        """Raises what concerns the whole account; makes the rest problems."""
        failed = [(reading, reading.error) for reading in readings if reading.error is not None]
        for _, error in failed:
            if isinstance(error, (RateLimited, Unauthorized)):
                raise error
        if any(isinstance(error, (Forbidden, NotFound)) for _, error in failed):
            self._scopes.doubt()
        if failed and len(failed) == len(readings):
            first = failed[0][1]
            if isinstance(first, Forbidden):
                await self._scopes.scope(fresh=True)  # raises Unauthorized when it is the token itself
            raise first
        for reading, error in failed:
            reading.problems.append(f"{reading.place.name} could not be read. {error}")

    async def _read(self, place: Place, at_once: asyncio.Semaphore) -> _Reading:
        reading = _Reading(place)
        try:
            async with at_once:
                rows = await self._instances(place, reading)
                await self._read_asides(place, rows, reading)
        except ProviderError as error:
            reading.error = error
            return reading
        reading.services = [self._service(row, place, reading) for row in rows]
        return reading

    async def _instances(self, place: Place, reading: _Reading) -> list[ServiceInstanceRow]:
        endpoint, peer = self._endpoint, self._endpoint.peer
        found: list[ServiceInstanceRow] = []
        after: str | None = None
        while True:
            variables = {
                "environmentId": place.environment.ref.id,
                "projectId": place.project.ref.id,
                "first": _PAGE,
                "after": after,
            }
            answer = await endpoint.ask(documents.INVENTORY, variables)
            found_it = answer.data is not None and answer.data.get("environment")
            if answer.faults and not found_it:
                raise endpoint.classify(answer.faults, False)
            for fault in answer.faults:  # some field of some service: the rest is good
                reading.problems.append(f"{place.name}: {peer.quote(fault.message)} at {peer.quote(fault.where)}.")
            connection = wire.at(answer.data or {}, "environment.serviceInstances", peer)
            page = wire.rows(connection, ServiceInstanceRow, peer, "serviceInstances")
            found += page.items
            reading.problems += (f"{place.name}: one service could not be read ({odd})." for odd in page.odd)
            if page.next is None or page.next == after:
                return found
            after = page.next

    def _service(self, row: ServiceInstanceRow, place: Place, reading: _Reading) -> Service:
        ref = self._ref(place, row)
        latest_row = self._deployment_row(row.latest_deployment, row, reading)
        if latest_row is None and (aside := self._asides.get(ref)):
            latest_row = aside.row
        active = [r for found in row.active_deployments or () if (r := self._deployment_row(found, row, reading))]
        if not active and latest_row and latest_row.status in ("SUCCESS", "SLEEPING"):
            active = [latest_row]
        dates = [made for r in active if (made := decode.moment(r.created_at))]
        live_known = Live(frozenset(r.id for r in active), max(dates, default=None))

        def entity(found: DeploymentRow) -> Deployment:
            return decode.deployment(found, ref, place.project.ref.id, live_known, self._pages)

        serving = decode.newest_first([d for d in map(entity, active) if d.is_live])
        live = serving[0] if serving else None
        latest = entity(latest_row) if latest_row else live
        shown = next((r for r in active if live and r.id == live.id), latest_row)
        return decode.service(row, ref, place.project, place.environment, latest, live, shown.meta if shown else None)

    def _deployment_row(self, found: object, row: ServiceInstanceRow, reading: _Reading) -> DeploymentRow | None:
        if found is None:
            return None
        rows = wire.rows([found], DeploymentRow, self._endpoint.peer, "deployment")
        name = f"{reading.place.name}/{self._endpoint.peer.quote(row.service_name)}"
        reading.problems += (f"{name}: a deployment could not be read ({odd})." for odd in rows.odd)
        return rows.items[0] if rows.items else None

    # `latestDeployment` is null after a removal, though the deployment stays in the list (measured by others).

    async def _read_asides(self, place: Place, rows: list[ServiceInstanceRow], reading: _Reading) -> None:
        due: list[ServiceInstanceRow] = []
        for row in rows:
            ref = self._ref(place, row)
            if row.latest_deployment is not None or row.active_deployments:
                self._asides.pop(ref, None)
            elif self._due(ref):
                due.append(row)
        if not due:
            return
        now = self._clock.monotonic()
        try:
            found = await self._newest(place, due)
        except RateLimited:
            raise
        except ProviderError as error:  # the services themselves were read, and stay
            reading.problems.append(f"{place.name}: earlier deployments could not be read. {error}")
            found = []
        for row in due:
            its = [r for r in found if len(due) == 1 or r.service_id == row.service_id]
            dated = [(made, i) for i, r in enumerate(its) if (made := decode.moment(r.created_at))]
            self._asides[self._ref(place, row)] = _Aside(its[max(dated)[1]] if dated else None, now)

    async def _newest(self, place: Place, due: list[ServiceInstanceRow]) -> list[DeploymentRow]:
        """The newest of one service, or enough of the environment's to hold that of each."""
        scope: dict[str, Any] = {"projectId": place.project.ref.id, "environmentId": place.environment.ref.id}
        if len(due) == 1:
            scope["serviceId"] = due[0].service_id
        variables = {"input": scope, "first": 1 if len(due) == 1 else _ASIDE}
        data = await self._endpoint.execute(documents.DEPLOYMENTS, variables)
        peer = self._endpoint.peer
        return wire.rows(wire.at(data, "deployments", peer), DeploymentRow, peer, "deployments").items

    def _due(self, ref: Ref) -> bool:
        aside = self._asides.get(ref)
        if aside is None:
            return True
        status = decode.STATUS.get(aside.row.status, Status.UNKNOWN) if aside.row else Status.REMOVED
        patience = _REREAD_S if status.settled else _REREAD_MOVING_S
        return self._clock.monotonic() - aside.read_at >= patience

    def _ref(self, place: Place, row: ServiceInstanceRow) -> Ref:
        return decode.service_ref(self._account, place.environment.ref.id, row.service_id)
