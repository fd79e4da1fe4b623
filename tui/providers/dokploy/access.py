"""What a key is and may do, and what else is wrong on the servers that it sees."""

from __future__ import annotations

from typing import Any

from tui.model.action import Verb
from tui.model.entities import Service, Snapshot
from tui.model.errors import Forbidden, NotFound, Refused, UnexpectedReply, Unreachable
from tui.model.provider import Credential
from tui.model.status import Status
from tui.model.text import plain
from tui.providers import values
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.inventory import Inventory
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.verbs import OPTIONS
from tui.providers.dokploy.wire import OrganizationRow

_CANCELLING = frozenset({Verb.CANCEL, Verb.REMOVE})
_NOT_SAID = (Forbidden, NotFound, Refused, UnexpectedReply, Unreachable)


class Access:
    def __init__(self, api: Api, inventory: Inventory, picture: Picture) -> None:
        self._api = api
        self._inventory = inventory
        self._picture = picture

    async def check(self) -> Credential:
        """Raises Unauthorized, RateLimited or Unreachable where the key or the server is no good at all."""
        version = plain(await self._api.text("settings.getDokployVersion"))
        snapshot = await self._picture.snapshot()
        problems = [*snapshot.problems, *self._bad_servers(snapshot)]
        services = sum(not self._picture.servers.knows(each.ref) for each in snapshot.services)
        projects = await self._projects(snapshot)
        sees = f"{services} service{'s' * (services != 1)} in {projects} project{'s' * (projects != 1)}"
        if not services and snapshot.is_complete:
            problems.append("It reaches no service: a member's key sees what the member was given access to.")
        organization = await self._organization()
        kind = f"API key of the organisation {organization}" if organization else "API key"
        return Credential(kind, f"{sees}, Dokploy {version}", tuple(problems), await self._verbs())

    async def _projects(self, snapshot: Snapshot) -> int:
        """Count those without a service, too, which the picture of services does not show."""
        seen = {each.ref.id for each in snapshot.projects} - {each.project.id for each in self._servers_of(snapshot)}
        try:
            return len(seen | {each.project_id for each in await self._inventory.projects()})
        except _NOT_SAID:
            return len(seen)

    def _servers_of(self, snapshot: Snapshot) -> list[Service]:
        return [each for each in snapshot.services if self._picture.servers.knows(each.ref)]

    async def _organization(self) -> str:
        try:
            answer = await self._api.query("organization.active")
            found = values.convert(values.decode_json(answer.content), OrganizationRow)
        except (*_NOT_SAID, ValueError, RecursionError):
            return ""
        return plain(found.name or "") if found is not None else ""

    async def _verbs(self) -> dict[Verb, str | None] | None:
        """None where Dokploy does not say. It speaks of the role; a single service may still be out of reach."""
        try:
            allowed = (await self._api.query("user.getPermissions")).decode(dict[str, Any])
        except _NOT_SAID:
            return None
        deployment = allowed.get("deployment")
        if not isinstance(deployment, dict):
            return None
        found: dict[Verb, str | None] = {}
        for verb in OPTIONS:
            needs = "cancel" if verb in _CANCELLING else "create"
            refused = deployment.get(needs) is False
            found[verb] = f"The key's role lacks deployment.{needs}." if refused else None
        return found

    def _bad_servers(self, snapshot: Snapshot) -> list[str]:
        """Servers whose last set-up went wrong: nothing can be deployed there."""
        found: list[str] = []
        for server in self._servers_of(snapshot):
            latest = server.latest
            if latest is None or not (latest.status.in_flight or latest.status is Status.FAILED):
                continue
            why = f": {self._api.peer.quote(latest.note).rstrip('.')}" if latest.note else ""
            words = "has not ended" if latest.status.in_flight else f"failed{why}"
            found.append(f"The last set-up of the server {server.name} {words}.")
        return found
