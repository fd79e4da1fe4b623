"""One picture of an account: what one environment refuses, or one row hides, does not cost the others, and is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import UNSET

from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service, Snapshot
from tui.model.errors import Forbidden, NotFound, RateLimited, Unauthorized
from tui.providers.graphql import Endpoint
from tui.providers.railway import decode, states, wire
from tui.providers.railway.asides import Asides
from tui.providers.railway.decode import Live, Pages
from tui.providers.railway.environments import Environments, Reading
from tui.providers.railway.scope import Scopes
from tui.providers.railway.wire import DeploymentRow, ServiceInstanceRow
from tui.providers.values import moment

_PROBLEMS = 20  # sentences of a snapshot
_PROBLEMS_OF_ONE = 3  # of an environment


@dataclass(slots=True)
class _Named:
    """The deployments that a service's row names. `unread` are sentences about those that could not be read."""

    latest: DeploymentRow | None = None
    active: list[DeploymentRow] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def miss(self, which: str, why: str) -> None:
        self.unread.append(f"Its {which} deployment could not be read ({why}).")


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
        self._environments = Environments(endpoint, clock)
        self._asides = Asides(endpoint, clock)

    async def snapshot(self) -> Snapshot:
        scope = await self._scopes.scope()
        readings = await self._environments.read(scope.places)
        await self._weigh(readings)
        good = [reading for reading in readings if reading.error is None]
        await self._refresh_asides(good)
        services = [service for reading in good for service in self._services(reading)]
        self.live = {service.ref: service.live.id for service in services if service.live}
        self.read_at = self._clock.monotonic()
        problems = list(scope.problems)
        for reading in readings:
            problems += wire.bounded(reading.problems, _PROBLEMS_OF_ONE, f"{reading.place.name}: ")
        if not scope.places and not problems:
            problems.append("The token is good, but sees no environment. `deckwatch check` says what it sees.")
        return Snapshot(
            account=self._account,
            observed_at=self._clock.now(),
            projects=scope.projects,
            environments=tuple(place.environment for place in scope.places),
            services=tuple(services),
            problems=tuple(wire.bounded(problems, _PROBLEMS)),
            unread=tuple(reading.environment for reading in readings if reading.error is not None),
        )

    async def _weigh(self, readings: list[Reading]) -> None:
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

    def _services(self, reading: Reading) -> list[Service]:
        name, quote = reading.place.name, self._endpoint.peer.quote
        reading.problems += (f"{name}: {problem}." for problem in reading.rows.problems("service"))
        for words in sorted({quote(fault.message) for fault in reading.faults}):
            reading.problems.append(f"{name}: part of it could not be read (“{words}”).")
        rows = reading.rows
        services = [self._service(row, at, reading) for row, at in zip(rows.items, rows.positions, strict=True)]
        return list({service.ref: service for service in services}.values())

    def _service(self, row: ServiceInstanceRow, position: int, reading: Reading) -> Service:
        place = reading.place
        ref = self._ref(reading, row)
        named = self._named(row, position, reading)
        active = named.active
        if not active and named.latest and states.is_up(named.latest):
            active = [named.latest]
        dates = [made for each in active if (made := moment(each.created_at))]
        known = Live(frozenset(each.id for each in active), max(dates, default=None))

        def entity(one: DeploymentRow) -> Deployment:
            return decode.deployment(one, ref, place.project.ref.id, known, self._pages)

        serving = decode.newest_first([each for each in map(entity, active) if each.is_live])
        live = serving[0] if serving else None
        latest = entity(named.latest) if named.latest else live
        shown = next((each for each in active if live and each.id == live.id), named.latest)
        doubt = " ".join(named.unread)
        if doubt:
            reading.problems.append(f"{place.name}/{self._endpoint.peer.quote(row.name)}: {doubt}")
        meta = shown.meta if shown else None
        return decode.service(row, ref, (place.project, place.environment), latest, live, meta, doubt)

    def _named(self, row: ServiceInstanceRow, position: int, reading: Reading) -> _Named:
        """Decode the deployments that a row names. Null beside a fault is not the same as none."""
        peer, named = self._endpoint.peer, _Named()
        aside = self._asides.of(self._ref(reading, row))
        if row.latest_deployment is UNSET:
            named.miss("newest", "it is missing from the answer")
        elif row.latest_deployment is not None:
            rows = wire.listed([row.latest_deployment], DeploymentRow, peer, "latestDeployment")
            named.latest = rows.items[0] if rows.items else None
            if rows.odd:
                named.miss("newest", rows.odd[0])
        elif why := reading.hides(position, "latestDeployment"):
            named.miss("newest", f"“{peer.quote(why)}”")
        elif aside is not None and not row.active_deployments:
            named.latest = aside.row
            if aside.unread:
                named.miss("newest", aside.unread)

        if isinstance(row.active_deployments, list):
            rows = wire.listed(row.active_deployments, DeploymentRow, peer, "activeDeployments")
            named.active = rows.items
            if rows.odd:
                named.miss("live", rows.odd[0])
        else:
            why = reading.hides(position, "activeDeployments")
            named.miss("live", f"“{peer.quote(why)}”" if why else "there is no list of those that are active")
        return named

    async def _refresh_asides(self, readings: Iterable[Reading]) -> None:
        """Ask for the newest deployment of services whose rows name none."""
        scopes = {
            self._ref(reading, row): {**reading.scope, "serviceId": row.service_id}
            for reading in readings
            for row, position in zip(reading.rows.items, reading.rows.positions, strict=True)
            if row.latest_deployment is None
            and not row.active_deployments
            and not reading.hides(position, "latestDeployment")
        }
        await self._asides.refresh(scopes)
        self._asides.keep(scopes)

    def _ref(self, reading: Reading, row: ServiceInstanceRow) -> Ref:
        return decode.service_ref(self._account, reading.environment.id, row.service_id)
