"""Servers and their set-ups, shown as services of a project of their own: Dokploy records a set-up as a deployment.

What was deployed *on* a server belongs to its service and is not among these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tui.model.action import Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Environment, Kind, Project, Ref, Service
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Unauthorized
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy import runs
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.inventory import Inventory
from tui.providers.dokploy.wire import DeploymentRow, ServerRow, ServiceRow
from tui.providers.rest import together
from tui.providers.values import moment

PROJECT, ENVIRONMENT = "servers", "setup"
TYPE = "server"
SERVERS_S = 60.0
_MOVING_S = 10.0  # a set-up that runs, and the server that is looked at

UNSUPPORTED = "A server is set up, and set up again, in Dokploy's web interface under Servers."
NO_LOG = "Dokploy keeps only the logs of a server's set-ups: read the build log."

_STATUS = {
    "running": Status.BUILDING,
    "done": Status.SUPERSEDED,  # but for the newest of them
    "error": Status.FAILED,
    "cancelled": Status.CANCELLED,
}


class ServersPicture(Struct, frozen=True):
    projects: tuple[Project, ...] = ()
    environments: tuple[Environment, ...] = ()
    services: tuple[Service, ...] = ()
    problems: tuple[str, ...] = ()


class Servers:
    """Those that the key may read: none, and no problem, where it may not."""

    def __init__(self, api: Api, inventory: Inventory, clock: Clock) -> None:
        self._api = api
        self._inventory = inventory
        self._clock = clock
        self._forbidden = False
        self._servers: dict[Ref, ServerRow] = {}
        self._rows: dict[Ref, list[DeploymentRow]] = {}
        self._odd: dict[Ref, int] = {}
        self._odd_servers = 0
        self._why: dict[Ref | None, str] = {}
        self._read_at: dict[Ref | None, float] = {}

    def knows(self, service: Ref) -> bool:
        return service in self._servers

    # -- reading ----------------------------------------------------------------------------------------------

    async def read(self, focus: Ref | None) -> None:
        """Read what is due. Raises RateLimited or Unauthorized."""
        if self._forbidden or not self._inventory.is_wanted(PROJECT, PROJECT):
            return
        if self._is_due(None, SERVERS_S):
            await self._read_list()
        due = [ref for ref in self._servers if self._is_due(ref, _MOVING_S if self._moves(ref, focus) else SERVERS_S)]
        await together(self._read_set_ups(ref) for ref in due)

    async def _read_list(self) -> None:
        self._read_at[None] = self._clock.monotonic()
        try:
            found = await self._api.rows("server.all", ServerRow)
        except (RateLimited, Unauthorized):
            raise
        except (Forbidden, NotFound):
            self._forbidden = True
            return
        except ProviderError as error:
            self._why[None] = f"The servers could not be read. {error.message}"
            return
        self._why.pop(None, None)
        self._odd_servers = len(found.odd)
        self._servers = {self._ref(each): each for each in found.items}

    async def _read_set_ups(self, ref: Ref) -> None:
        try:
            await self.read_rows(ref)
        except (RateLimited, Unauthorized):
            raise
        except ProviderError as error:
            name = plain(self._servers[ref].name or "")
            self._why[ref] = f"The set-ups of the server {name} could not be read. {error.message}"

    async def read_rows(self, ref: Ref) -> list[DeploymentRow]:
        """Read one server's set-ups, newest first. Raises ProviderError."""
        self._read_at[ref] = self._clock.monotonic()
        found = await runs.of_server(self._api, self._servers[ref].server_id)
        self._why.pop(ref, None)
        self._rows[ref], self._odd[ref] = found.items, len(found.odd)
        return found.items

    def _moves(self, ref: Ref, focus: Ref | None) -> bool:
        return ref == focus or any(row.status == "running" for row in self._rows.get(ref, ())[:1])

    def _is_due(self, key: Ref | None, after_s: float) -> bool:
        at = self._read_at.get(key)
        return at is None or self._clock.monotonic() - at >= after_s - 0.05

    # -- what is known ----------------------------------------------------------------------------------------

    def picture(self, unreached: Mapping[str | None, str]) -> ServersPicture:
        """`unreached`: of which servers the containers could not be read, and why."""
        problems = [self._why[key] for key in self._why if key is None or key in self._servers]
        odd = self._odd_servers + sum(self._odd.get(ref, 0) for ref in self._servers)
        if odd:
            problems.append(f"{odd} of the servers and their set-ups could not be read.")
        if not self._servers:
            return ServersPicture(problems=tuple(problems))
        project = Project(self._place(Kind.PROJECT, PROJECT), PROJECT, f"{self._api.root}/dashboard/settings/servers")
        environment = Environment(self._place(Kind.ENVIRONMENT, ENVIRONMENT), project.ref, ENVIRONMENT)
        services = tuple(self._service(ref, project, environment, unreached) for ref in self._servers)
        return ServersPicture((project,), (environment,), services, tuple(problems))

    def deployments(self, ref: Ref) -> list[Deployment]:
        """Return the set-ups, newest first."""
        rows = self._rows.get(ref, [])
        newest = next((row.deployment_id for row in rows if row.status == "done"), None)
        return [_set_up(ref, row, is_live=row.deployment_id == newest) for row in rows]

    def rows(self, ref: Ref) -> Sequence[DeploymentRow]:
        return self._rows.get(ref, ())

    def row(self, ref: Ref) -> ServiceRow:
        server = self._servers[ref]
        return ServiceRow(server.server_id, TYPE, server.name or "", environment_name=ENVIRONMENT, project_name=PROJECT)

    def odd_rows(self, ref: Ref) -> int:
        return self._odd.get(ref, 0)

    def _service(
        self, ref: Ref, project: Project, environment: Environment, unreached: Mapping[str | None, str]
    ) -> Service:
        server = self._servers[ref]
        found = self.deployments(ref)
        latest = found[0] if found else None
        live = next((each for each in found if each.is_live), None)
        status, raw = Status.UNKNOWN, "no set-up recorded" if ref in self._rows else "not read"
        if (shown := live or latest) is not None:
            status, raw = shown.status, shown.status_raw
        return Service(
            ref,
            project.ref,
            environment.ref,
            plain(server.name or "") or server.server_id,
            project.name,
            environment.name,
            status,
            raw,
            url=project.url,
            latest=latest,
            live=live,
            not_now=dict.fromkeys(Verb, UNSUPPORTED),
            doubt=unreached.get(server.server_id, ""),
        )

    def _ref(self, server: ServerRow) -> Ref:
        return Ref(self._api.account, Kind.SERVICE, f"{TYPE}:{server.server_id}")

    def _place(self, kind: Kind, name: str) -> Ref:
        return Ref(self._api.account, kind, f"{TYPE}:{name}")


def _set_up(service: Ref, row: DeploymentRow, *, is_live: bool) -> Deployment:
    raw = plain(row.status or "")
    return Deployment(
        Ref(service.account, Kind.DEPLOYMENT, row.deployment_id),
        service,
        Status.LIVE if is_live else _STATUS.get(raw, Status.UNKNOWN),
        raw,
        created_at=moment(row.created_at),
        started_at=moment(row.started_at),
        finished_at=moment(row.finished_at),
        trigger=plain(row.title or "") or None,
        is_live=is_live,
        note=plain((row.error_message or "").partition("\n")[0]),
        not_now=dict.fromkeys(Verb, UNSUPPORTED),
    )
