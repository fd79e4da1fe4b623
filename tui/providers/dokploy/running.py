"""Reads what runs: the containers of each server in one request, and Swarm's tasks where those leave doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tui.model.clock import Clock
from tui.model.entities import Ref
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Unauthorized
from tui.providers.dokploy import containers
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.attempts import Memory, Phase
from tui.providers.dokploy.containers import Reading
from tui.providers.dokploy.slots import Since, Slot
from tui.providers.dokploy.wire import ContainerRow, ServiceRow, TaskRow
from tui.providers.rest import together

CONTAINERS_S = 20.0
TURNING_S = 5.0  # while a service comes up, or may be about to fail again
NAMED_S = 60.0  # one service's, where it is read by name and nothing seems wrong
_JUST_CHANGED = timedelta(seconds=90)  # a task that cannot even be created, or that fails, does so by then
_ASKED_AT_ONCE = 6  # services in doubt that one reading asks about
_NAMED_AT_ONCE = 8  # services that one reading reads by name
_STALE_S = 60.0  # a reading that cannot be renewed is believed for so long
_NEVER = float("-inf")
_HIDDEN = "dokploy"  # getContainers leaves out what has this in its name
_UNREAD = "Its containers have not been read yet: whether it runs is not known."

Services = Mapping[Ref, ServiceRow]


class _Known(Struct):
    """What was read of one service last, and when (monotonic seconds; `at` on the platform's clock)."""

    memory: Memory
    rows: Sequence[ContainerRow] = ()
    tasks: Sequence[TaskRow] = ()
    at: datetime | None = None
    tasks_at: datetime | None = None
    reading: Reading | None = None
    read_s: float = _NEVER
    named_s: float = _NEVER
    asked_s: float = _NEVER
    former: frozenset[str] = frozenset()
    why_not: str = ""
    has_own_names: bool = False  # its containers are found by its label alone


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
        self._without: set[str] = set()  # procedures for tasks that this key or this version does without
        self._services: dict[Ref, _Known] = {}

    # -- what is known ----------------------------------------------------------------------------------------

    def reading(self, ref: Ref) -> Reading | None:
        """None where the containers were not read, or too long ago; `why_not` says why."""
        return self._of(ref).reading

    def read_at(self, ref: Ref) -> float:
        """When its containers were read, on the monotonic clock."""
        return self._of(ref).read_s

    def why_not(self, ref: Ref) -> str:
        return self._of(ref).why_not or _UNREAD

    def since(self, ref: Ref) -> Since:
        """Which ends of containers say anything about what runs now."""
        return Since(self._of(ref).former, self._deployed_at(ref))

    def ids(self, ref: Ref) -> frozenset[str]:
        """The containers that were there, those that have ended included."""
        reading = self.reading(ref)
        return frozenset() if reading is None else reading.ids

    def begin_anew(self, ref: Ref, former: frozenset[str]) -> None:
        """An action replaced these containers: how they ended, or will end, says nothing about the next ones."""
        self._of(ref).former = former

    def is_turning(self, services: Services) -> bool:
        """Whether some service may soon be another than it seems: just deployed, or failed once and up again."""
        return any(
            self._is_just_changed(ref) or any(not slot.is_sure and not slot.status.bad for slot in found)
            for ref, row in services.items()
            if (found := self._slots(ref, row)) is not None
        )

    def is_doubtful(self, ref: Ref, row: ServiceRow) -> bool:
        """Whether more can be asked, and would tell: nothing is seen, it is not surely well, it was just deployed, or
        some of it runs on another node, whose containers are not listed.
        """
        found = self._slots(ref, row)
        if found is None or not self._may_ask(ref, row):
            return False
        if self._may_be_unwell(ref, found) or self._runs_elsewhere(ref):
            return True
        reading = self.reading(ref)
        turns = () if reading is None else containers.turns(row, reading, self._deployed_at(ref))
        return any(each is not None and each.failed and not each.is_told for each in turns)

    # -- reading ----------------------------------------------------------------------------------------------

    async def read_all(self, services: Services, focus: Ref | None) -> None:
        """Raises RateLimited or Unauthorized; what else goes wrong is in `unreached` and `why_not`."""
        for ref in self._services.keys() - services.keys():
            del self._services[ref]
        if not self._by_name:
            servers = dict.fromkeys(row.server_id for row in services.values())
            await together(self._read_server(server, services) for server in servers)
        named = [ref for ref, row in services.items() if self._is_named(ref, row)]
        await together(self._read_named(ref, services) for ref in self._in_turn(named, services, focus))

    async def read_one(self, ref: Ref, services: Services) -> None:
        """One service's, as they are now."""
        if (row := services.get(ref)) is None:
            return
        if not self._is_named(ref, row):
            await self._read_server(row.server_id, services)
        if self._is_named(ref, row):  # as may just have been learned
            await self._read_named(ref, services)

    async def ask_more(self, services: Services, focus: Ref | None) -> None:
        """Ask about the services whose containers leave doubt: the focused one first, then in turn."""
        doubtful = [ref for ref, row in services.items() if self.is_doubtful(ref, row)]
        doubtful.sort(key=lambda ref: (ref != focus, self._of(ref).asked_s))
        await together(self.ask(ref, services) for ref in doubtful[:_ASKED_AT_ONCE])

    async def ask(self, ref: Ref, services: Services) -> None:
        """Ask Swarm for its tasks; first for the containers by their label, where none has the service's name."""
        row, known = services.get(ref), self._of(ref)
        if row is None or known.at is None or not self._may_ask(ref, row):
            return
        known.asked_s = self._clock.monotonic()
        if row.type == "compose" and not known.rows:
            await self._read_named(ref, services)
            known.has_own_names = bool(known.rows)
        if not known.has_own_names:
            await self._read_tasks(known, row)
        self._judge(known, row)

    # -- the requests -----------------------------------------------------------------------------------------

    async def _read_server(self, server: str | None, services: Services) -> None:
        here = {ref: row for ref, row in services.items() if row.server_id == server and not self._is_named(ref, row)}
        if not here:
            return
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
        names = _names(services.values())
        for ref, row in here.items():
            self._put(ref, row, containers.of_service(row, found.items, names))

    async def _read_named(self, ref: Ref, services: Services) -> None:
        row = services[ref]
        if not row.app_name:
            return
        self._of(ref).named_s = self._clock.monotonic()
        given = {"appName": row.app_name, **_on(row.server_id)}
        if row.type == "compose":
            given["appType"] = "docker-compose"
        try:
            found = (await self._api.rows("docker.getContainersByAppNameMatch", ContainerRow, **given)).items
        except (RateLimited, Unauthorized):
            raise
        except ProviderError as error:
            self._fail(ref, error)
            return
        own = found if row.type == "compose" else containers.of_service(row, found, _names(services.values()))
        self._put(ref, row, own)

    async def _read_tasks(self, known: _Known, row: ServiceRow) -> None:
        procedure = _tasks_of(row)
        if procedure in self._without:
            return
        try:
            found = await self._api.rows(procedure, TaskRow, appName=row.app_name or "", **_on(row.server_id))
        except (RateLimited, Unauthorized):
            raise
        except (Forbidden, NotFound):
            self._without.add(procedure)
            return
        except ProviderError as error:  # the containers by themselves tell less
            known.why_not = f"Its tasks could not be read: whether it runs is not known. {error.message}"
            return
        known.tasks = [each for each in found.items if _is_of(each, row)]
        known.tasks_at = self._api.rest.platform_now

    def _in_turn(self, named: Iterable[Ref], services: Services, focus: Ref | None) -> Sequence[Ref]:
        """The focused service, those that may not be well, and those that were not read for the longest time."""
        now = self._clock.monotonic()
        due: list[Ref] = []
        for ref in named:
            found = self._slots(ref, services[ref])
            soon = ref == focus or (found is not None and self._may_be_unwell(ref, found))
            if soon or now - self._of(ref).named_s >= NAMED_S:
                due.append(ref)
        due.sort(key=lambda ref: (ref != focus, self._of(ref).named_s))
        return due[:_NAMED_AT_ONCE]

    # -- what was read ----------------------------------------------------------------------------------------

    def _of(self, ref: Ref) -> _Known:
        return self._services.setdefault(ref, _Known(Memory()))

    def _put(self, ref: Ref, row: ServiceRow, rows: Sequence[ContainerRow]) -> None:
        known = self._of(ref)
        known.rows, known.at = rows, self._api.rest.platform_now
        known.read_s = self._clock.monotonic()
        known.why_not = ""
        self._judge(known, row)

    def _judge(self, known: _Known, row: ServiceRow) -> None:
        """Nothing is said of a service without containers before Swarm was asked: they may be on another node."""
        assert known.at is not None
        is_told = known.asked_s > _NEVER and (known.tasks_at is not None or _tasks_of(row) in self._without)
        if not (known.rows or is_told or row.status == "idle") and self._may_ask_for(row):
            known.reading = None
        else:
            known.reading = containers.read(known.rows, known.tasks, known.memory, known.at, known.tasks_at)

    def _fail(self, ref: Ref, error: ProviderError) -> None:
        known = self._of(ref)
        known.why_not = f"Its containers could not be read: whether it runs is not known. {error.message}"
        if self._clock.monotonic() - known.read_s >= _STALE_S:
            known.reading = known.at = None

    def _slots(self, ref: Ref, row: ServiceRow) -> list[Slot] | None:
        """None where they say nothing, or need not."""
        known = self._of(ref)
        if known.at is None or row.status == "idle":
            return None
        return [] if known.reading is None else containers.slots(row, known.reading, self.since(ref))

    def _may_be_unwell(self, ref: Ref, found: Sequence[Slot]) -> bool:
        return not found or any(not slot.is_sure for slot in found) or self._is_just_changed(ref)

    def _is_just_changed(self, ref: Ref) -> bool:
        at, known = self._deployed_at(ref), self._of(ref)
        return at is not None and known.at is not None and known.at - at < _JUST_CHANGED

    def _runs_elsewhere(self, ref: Ref) -> bool:
        reading, here = self.reading(ref), {row.container_id for row in self._of(ref).rows}
        if reading is None:
            return False
        return any(
            each.phase is Phase.RUNNING and each.id not in here for found in reading.slots.values() for each in found
        )

    def _may_ask(self, ref: Ref, row: ServiceRow) -> bool:
        """Docker compose has no tasks, as far as its containers are seen."""
        rows = self._of(ref).rows
        has_slots = row.type != "compose" or not rows or any("." in each.name for each in rows)
        return has_slots and not self._of(ref).has_own_names and self._may_ask_for(row)

    def _may_ask_for(self, row: ServiceRow) -> bool:
        if self._by_name or not row.app_name:
            return False
        return row.type == "compose" or _tasks_of(row) not in self._without

    def _is_named(self, ref: Ref, row: ServiceRow) -> bool:
        """Whether its containers are read by name: the list of a server has not all, or not for this key."""
        return self._by_name or _HIDDEN in (row.app_name or "") or self._of(ref).has_own_names


def _tasks_of(row: ServiceRow) -> str:
    stack = row.type == "compose"
    return "docker.getStackContainersByAppName" if stack else "docker.getServiceContainersByAppName"


def _names(services: Iterable[ServiceRow]) -> frozenset[str]:
    return frozenset(row.app_name for row in services if row.app_name)


def _is_of(task: TaskRow, row: ServiceRow) -> bool:
    """Tasks are found by the beginning of their service's name, too."""
    name = task.name.partition(".")[0]
    return name.startswith(f"{row.app_name}_") if row.type == "compose" else name == row.app_name


def _on(server: str | None) -> dict[str, str]:
    return {"serverId": server} if server else {}
