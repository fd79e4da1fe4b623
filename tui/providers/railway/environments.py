"""Reading environments: several in one request, as many as fit; what spoils a group is read alone from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tui.model.clock import Clock
from tui.model.entities import Ref
from tui.model.errors import ProviderError, RateLimited, Unauthorized
from tui.providers.graphql import Endpoint, Fault
from tui.providers.railway import documents, wire
from tui.providers.railway.scope import FRESH_S, Place
from tui.providers.railway.together import Part, ask_together
from tui.providers.railway.wire import Rows, ServiceInstanceRow

_PAGE = 200
_AT_ONCE = 4  # queries; more only make each other slower
_TOGETHER = 20  # environments in a query
_SERVICES = 200  # in a query: two deployments of each are some 10 kB
_USUAL_SERVICES = 8  # of an environment that was not read yet


@dataclass(slots=True)
class Reading:
    """What was read of one environment. `error`: nothing of it; `alone`: and the environment itself is to blame."""

    place: Place
    rows: Rows[ServiceInstanceRow] = field(default_factory=Rows)
    faults: tuple[Fault, ...] = ()
    problems: list[str] = field(default_factory=list)
    error: ProviderError | None = None
    alone: bool = False

    @property
    def environment(self) -> Ref:
        return self.place.environment.ref

    @property
    def scope(self) -> dict[str, str]:
        return {"environmentId": self.environment.id, "projectId": self.place.project.ref.id}

    def hides(self, position: int, name: str) -> str:
        """Return the fault behind a null in the row there; "" where null is just none."""
        row = f"serviceInstances.edges.{position}."
        found = (each.message for each in self.faults if each.where.startswith(row) and name in each.where)
        return next(found, "")


class Environments:
    """Reads the services of environments. Every failure is in the readings; nothing is raised."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._groups = Groups(clock)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def read(self, places: Sequence[Place]) -> list[Reading]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._read(part)) for part in self._groups.of(places)]
        by_environment = {reading.environment: reading for task in tasks for reading in task.result()}
        readings = [by_environment[place.environment.ref] for place in places]
        self._groups.learn(readings)
        return readings

    async def _read(self, places: Sequence[Place], *, is_up: bool = False) -> list[Reading]:
        """Read a group. If it fails as a whole, one environment read alone shows whether the platform is to blame.

        `is_up`: the platform is known to answer.
        """
        try:
            async with self._at_once:
                return await self._read_group(places)
        except ProviderError as error:
            readings = [Reading(place, error=error, alone=len(places) == 1) for place in places]
            if len(places) == 1 or isinstance(error, RateLimited | Unauthorized):
                return readings
        first = await self._read(places[:1])
        if first[0].error is not None and not is_up:
            return first + readings[1:]
        middle = (len(places) + 1) // 2
        readings = first
        for half in (places[1:middle], places[middle:]):
            if half:
                readings += await self._read(half, is_up=True)
        if all(reading.error is None for reading in readings):  # none of them is to blame, but their number
            self._groups.shrink(len(places) // 2)
        return readings

    async def _read_group(self, places: Sequence[Place]) -> list[Reading]:
        readings = [Reading(place) for place in places]
        questions = [reading.scope for reading in readings]
        parts = await ask_together(self._endpoint, documents.inventory, questions, {"first": _PAGE})
        for reading, part in zip(readings, parts, strict=True):
            try:
                await self._take(reading, part)
            except ProviderError as error:
                reading.error, reading.alone = error, True
        return readings

    async def _take(self, reading: Reading, part: Part) -> None:
        peer = self._endpoint.peer
        if part.error is not None:
            raise part.error
        if part.data is None and part.faults:
            raise self._endpoint.classify(part.faults, False)
        reading.faults = part.faults
        connection = wire.at({"environment": part.data}, "environment.serviceInstances", peer)
        reading.rows = wire.page(connection, ServiceInstanceRow, peer, "serviceInstances")
        if (after := reading.rows.next) is not None:
            reading.rows.extend(await wire.all_pages(lambda cursor: self._more(reading, cursor), after))

    async def _more(self, reading: Reading, after: str | None) -> Rows[ServiceInstanceRow]:
        variables = {**reading.scope, "first": _PAGE, "after": after}
        data = await self._endpoint.execute(documents.MORE_SERVICES, variables)
        peer = self._endpoint.peer
        connection = wire.at(data, "environment.serviceInstances", peer)
        return wire.page(connection, ServiceInstanceRow, peer, "serviceInstances")


class Groups:
    """Decides which environments are read together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._most = _TOGETHER
        self._shrunk_at = 0.0
        self._sizes: dict[Ref, int] = {}
        self._alone: frozenset[Ref] = frozenset()

    def of(self, places: Sequence[Place]) -> list[list[Place]]:
        if self._most < _TOGETHER and self._clock.monotonic() - self._shrunk_at >= FRESH_S:
            self._most = _TOGETHER
        alone = [[place] for place in places if place.environment.ref in self._alone]
        groups: list[list[Place]] = []
        room = 0
        for place in places:
            if place.environment.ref in self._alone:
                continue
            size = self._sizes.get(place.environment.ref, _USUAL_SERVICES)
            if not groups or room < size or len(groups[-1]) >= self._most:
                groups.append([])
                room = _SERVICES
            groups[-1].append(place)
            room -= size
        return alone + groups

    def learn(self, readings: Iterable[Reading]) -> None:
        """Keep apart what failed by itself. Where everything failed, no environment is to blame."""
        readings = list(readings)
        failed = {reading.environment for reading in readings if reading.error is not None and reading.alone}
        self._alone = frozenset(failed) if any(reading.error is None for reading in readings) else frozenset()
        self._sizes |= {reading.environment: len(reading.rows.items) for reading in readings if reading.error is None}

    def shrink(self, most: int) -> None:
        """Make no larger groups than `most` for some time: Railway does not answer them."""
        self._most, self._shrunk_at = max(1, min(most, self._most)), self._clock.monotonic()
