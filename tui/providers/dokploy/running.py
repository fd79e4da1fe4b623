"""Reads what runs: the containers of each server in one request, and Swarm's tasks where those leave doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from tui.model.clock import Clock
from tui.model.entities import Ref
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Unauthorized
from tui.providers.dokploy import containers
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.attempts import Memory
from tui.providers.dokploy.containers import Reading
from tui.providers.dokploy.slots import Since
from tui.providers.dokploy.wire import ContainerRow, ServiceRow, TaskRow
from tui.providers.rest import together

CONTAINERS_S = 20.0
TURNING_S = 5.0  # while a service comes up, or may be about to fail again
NAMED_S = 60.0  # one service's, where the key may read containers by name alone and nothing seems wrong
JUST_CHANGED_S = 90.0  # a task that cannot even be created, or that fails, does so by then
_ASKED_AT_ONCE = 6  # services in doubt whose tasks one reading asks for
_NAMED_AT_ONCE = 8  # services that one reading reads by name
_STALE_S = 60.0  # a reading that cannot be renewed is believed for so long
_HIDDEN = "dokploy"  # getContainers leaves out what has this in its name

Services = Mapping[Ref, ServiceRow]


class Running:
    """The readings of all services, and why there is none.

    `deployed_at` says when a service's newest deployment went well. `unreached` are the servers whose containers could
    not be read, None for the main one, and why.
    """

    def __init__(self, api: Api, clock: Clock, deployed_at: Callable[[Ref], datetime | None]) -> None:
        self.unreached: dict[str | None, str] = {}
        self._api = api
        self._clock = clock
        self._deployed_at = deployed_at
        self._by_name = False  # this key may read containers only by the name of their service
        self._without_tasks = False
        self._rows: dict[Ref, tuple[Sequence[ContainerRow], datetime]] = {}
        self._readings: dict[Ref, Reading] = {}
        self._read_at: dict[Ref, float] = {}
        self._named_at: dict[Ref, float] = {}
        self._asked_at: dict[Ref, float] = {}
        self._memory: dict[Ref, Memory] = {}
        self._former: dict[Ref, frozenset[str]] = {}
        self._why: dict[Ref, str] = {}

    # -- what is known ----------------------------------------------------------------------------------------

    def reading(self, ref: Ref) -> Reading | None:
        """None where the containers were not read, or too long ago; `why_not` says why."""
        return self._readings.get(ref)

    def read_at(self, ref: Ref) -> float:
        """When its containers were read, on the monotonic clock."""
        return self._read_at.get(ref, float("-inf"))

    def why_not(self, ref: Ref) -> str:
        return self._why.get(ref) or "Its containers have not been read yet: whether it runs is not known."

    def since(self, ref: Ref) -> Since:
        """Which ends of containers say anything about what runs now."""
        return Since(self._former.get(ref, frozenset()), self._deployed_at(ref))

    def ids(self, ref: Ref) -> frozenset[str]:
        """The containers that were there, those that have ended included."""
        reading = self._readings.get(ref)
        return frozenset() if reading is None else reading.ids

    def begin_anew(self, ref: Ref, former: frozenset[str]) -> None:
        """An action replaced these containers: how they ended, or will end, says nothing about the next ones."""
        self._former[ref] = former

    # -- reading ----------------------------------------------------------------------------------------------

    async def read_all(self, services: Services, focus: Ref | None) -> None:
        """Raises RateLimited or Unauthorized; what else goes wrong is in `unreached` and `why_not`."""
        for ref in self._readings.keys() - services.keys():
            self._forget(ref)
        if not self._by_name:
            servers = dict.fromkeys(row.server_id for row in services.values())
            await together(self._read_server(server, services) for server in servers)
        hidden = [ref for ref, row in services.items() if self._is_hidden(row)]
        turn = self._in_turn(services, focus) if self._by_name else hidden
        await together(self._read_named(ref, services) for ref in turn)

    async def read_one(self, ref: Ref, services: Services) -> None:
        """One service's, as they are now."""
        if (row := services.get(ref)) is None:
            return
        if self._by_name or self._is_hidden(row):
            await self._read_named(ref, services)
        else:
            await self._read_server(row.server_id, services)
            if self._by_name:  # as was just learned
                await self._read_named(ref, services)

    def is_turning(self, services: Services) -> bool:
        """Whether some service may soon be another than it seems: just deployed, or failed once and up again."""
        return any(self._turns(ref, row) for ref, row in services.items())

    def _turns(self, ref: Ref, row: ServiceRow) -> bool:
        reading = self._readings.get(ref)
        if reading is None or row.status == "idle":
            return False
        found = containers.slots(row, reading, self.since(ref))
        return self._is_just_changed(ref, reading) or any(not slot.is_sure and not slot.status.bad for slot in found)

    async def ask_tasks(self, services: Services, focus: Ref | None) -> None:
        """Ask Swarm about the services whose containers leave doubt: the focused one first, then in turn."""
        doubtful = [ref for ref, row in services.items() if self.is_doubtful(ref, row)]
        doubtful.sort(key=lambda ref: (ref != focus, self._asked_at.get(ref, float("-inf"))))
        await together(self.ask(ref, services) for ref in doubtful[:_ASKED_AT_ONCE])

    def is_doubtful(self, ref: Ref, row: ServiceRow) -> bool:
        """Whether the tasks would tell more: nothing is seen of it, it is not surely well, or it was just deployed."""
        reading = self._readings.get(ref)
        if reading is None or row.status == "idle" or not self.has_tasks(ref, row):
            return False
        if self._may_be_unwell(ref, row):
            return True
        turns = containers.turns(row, reading, self._deployed_at(ref))
        return any(each is not None and each.failed and not each.is_told for each in turns)

    def has_tasks(self, ref: Ref, row: ServiceRow) -> bool:
        """Whether Swarm may be asked about it: docker compose has no tasks, as far as its containers are seen."""
        reading = self._readings.get(ref)
        if self._without_tasks or self._by_name or reading is None:
            return False
        return row.type != "compose" or not reading.slots or any("." in name for name in reading.slots)

    async def ask(self, ref: Ref, services: Services) -> None:
        """Read one service again, its tasks beside its containers."""
        row = services.get(ref)
        if row is None or not row.app_name or self._without_tasks or ref not in self._rows:
            return
        stack = row.type == "compose"
        procedure = "docker.getStackContainersByAppName" if stack else "docker.getServiceContainersByAppName"
        self._asked_at[ref] = self._clock.monotonic()
        try:
            tasks = await self._api.rows(procedure, TaskRow, appName=row.app_name, **_on(row.server_id))
            own = [each for each in tasks.items if _is_of(each, row)]
            rows = None
            if stack and not own and not self._has_slots(ref):  # its containers may have names of their own
                rows = await self._named(row)
        except (RateLimited, Unauthorized):
            raise
        except (Forbidden, NotFound):
            self._without_tasks = True
            return
        except ProviderError:
            return  # the containers by themselves tell less
        if rows is not None:
            self._put(ref, rows)
        self._judge(ref, own)

    # -- the requests -----------------------------------------------------------------------------------------

    async def _read_server(self, server: str | None, services: Services) -> None:
        here = {ref: row for ref, row in services.items() if row.server_id == server and not self._is_hidden(row)}
        try:
            found = await self._api.rows("docker.getContainers", ContainerRow, **_on(server))
        except (RateLimited, Unauthorized):
            raise
        except Forbidden:
            self._by_name = True
            return
        except ProviderError as error:
            of = "one server" if server else "the main server"
            self.unreached[server] = f"The containers of {of} could not be read. {error.message}"
            for ref in here:
                self._fail(ref, error)
            return
        self.unreached.pop(server, None)
        names = frozenset(row.app_name for row in services.values() if row.app_name)
        for ref, row in here.items():
            self._put(ref, containers.of_service(row, found.items, names))

    async def _read_named(self, ref: Ref, services: Services) -> None:
        row = services.get(ref)
        if row is None or not row.app_name:
            return
        self._named_at[ref] = self._clock.monotonic()
        try:
            found = await self._named(row)
        except (RateLimited, Unauthorized):
            raise
        except ProviderError as error:
            self._fail(ref, error)
            return
        names = frozenset(each.app_name for each in services.values() if each.app_name)
        self._put(ref, found if row.type == "compose" else containers.of_service(row, found, names))

    async def _named(self, row: ServiceRow) -> list[ContainerRow]:
        given = {"appName": row.app_name or "", **_on(row.server_id)}
        if row.type == "compose":
            given["appType"] = "docker-compose"
        return (await self._api.rows("docker.getContainersByAppNameMatch", ContainerRow, **given)).items

    def _in_turn(self, services: Services, focus: Ref | None) -> Sequence[Ref]:
        """The focused service, those that may not be well, and those that were not read for the longest time."""
        now = self._clock.monotonic()
        soon = {ref for ref, row in services.items() if ref == focus or self._may_be_unwell(ref, row)}
        due = [
            ref
            for ref, row in services.items()
            if row.app_name and (ref in soon or now - self._named_at.get(ref, float("-inf")) >= NAMED_S)
        ]
        due.sort(key=lambda ref: (ref != focus, self._named_at.get(ref, float("-inf")), ref not in soon))
        return due[:_NAMED_AT_ONCE]

    def _may_be_unwell(self, ref: Ref, row: ServiceRow) -> bool:
        """Whether its containers say something else soon."""
        reading = self._readings.get(ref)
        if reading is None or row.status == "idle":
            return False
        found = containers.slots(row, reading, self.since(ref))
        return not found or any(not slot.is_sure for slot in found) or self._is_just_changed(ref, reading)

    # -- what was read ----------------------------------------------------------------------------------------

    def _put(self, ref: Ref, rows: Sequence[ContainerRow]) -> None:
        self._rows[ref] = rows, self._api.rest.platform_now
        self._read_at[ref] = self._clock.monotonic()
        self._why.pop(ref, None)
        self._judge(ref, ())

    def _judge(self, ref: Ref, tasks: Sequence[TaskRow]) -> None:
        rows, at = self._rows[ref]
        self._readings[ref] = containers.read(rows, tasks, self._memory.setdefault(ref, Memory()), at)

    def _fail(self, ref: Ref, error: ProviderError) -> None:
        self._why[ref] = f"Its containers could not be read: whether it runs is not known. {error.message}"
        if self._clock.monotonic() - self.read_at(ref) >= _STALE_S:
            self._readings.pop(ref, None)

    def _forget(self, ref: Ref) -> None:
        for known in (self._readings, self._rows, self._read_at, self._named_at, self._asked_at, self._memory):
            known.pop(ref, None)
        self._former.pop(ref, None)
        self._why.pop(ref, None)

    def _is_just_changed(self, ref: Ref, reading: Reading | None) -> bool:
        at = self._deployed_at(ref)
        now = self._api.rest.platform_now if reading is None else reading.at
        return at is not None and now - at < timedelta(seconds=JUST_CHANGED_S)

    def _is_hidden(self, row: ServiceRow) -> bool:
        return _HIDDEN in (row.app_name or "")

    def _has_slots(self, ref: Ref) -> bool:
        reading = self._readings.get(ref)
        return reading is not None and bool(reading.slots)


def _is_of(task: TaskRow, row: ServiceRow) -> bool:
    """Tasks are found by the beginning of their service's name, too."""
    name = task.name.partition(".")[0]
    return name.startswith(f"{row.app_name}_") if row.type == "compose" else name == row.app_name


def _on(server: str | None) -> dict[str, str]:
    return {"serverId": server} if server else {}
