"""What a key is and may do, and what else is wrong on the servers that it sees."""

from __future__ import annotations

from typing import Any

from tui.model.action import Verb
from tui.model.errors import Forbidden, NotFound, ProviderError, Refused, UnexpectedReply, Unreachable
from tui.model.provider import Credential
from tui.model.text import plain
from tui.providers.dokploy import runs
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.verbs import OPTIONS
from tui.providers.dokploy.wire import OrganizationRow, ServerRow

_CANCELLING = frozenset({Verb.CANCEL, Verb.REMOVE})
_NOT_SAID = (Forbidden, NotFound, Refused, UnexpectedReply, Unreachable)


class Access:
    def __init__(self, api: Api, picture: Picture) -> None:
        self._api = api
        self._picture = picture

    async def check(self) -> Credential:
        """Raises Unauthorized, RateLimited or Unreachable where the key or the server is no good at all."""
        version = plain(await self._api.text("settings.getDokployVersion"))
        problems: list[str] = []
        snapshot = await self._picture.snapshot()
        problems += snapshot.problems
        problems += await self._bad_servers()
        services, projects = len(snapshot.services), len(snapshot.projects)
        sees = f"{services} service{'s' * (services != 1)} in {projects} project{'s' * (projects != 1)}"
        if not services:
            problems.append("It reaches no service: a member's key sees what the member was given access to.")
        organization = await self._organization()
        kind = f"API key of the organisation {organization}" if organization else "API key"
        return Credential(kind, f"{sees}, Dokploy {version}", tuple(problems), await self._verbs())

    async def _organization(self) -> str:
        try:
            found = (await self._api.query("organization.active")).decode(OrganizationRow | None)  # type: ignore[arg-type]
        except _NOT_SAID:
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

    async def _bad_servers(self) -> list[str]:
        """Servers whose last set-up went wrong: nothing can be deployed there."""
        try:
            servers = await self._api.rows("server.all", ServerRow)
            return [
                f"The last set-up of the server {plain(server.name or server.server_id)} {words}."
                for server in servers
                if (words := await self._last_set_up(server.server_id))
            ]
        except ProviderError as error:
            if isinstance(error, _NOT_SAID):
                return []  # most keys may not read servers
            raise

    async def _last_set_up(self, server: str) -> str:
        found = await runs.of_server(self._api, server)
        if not found or found[0].status not in ("error", "running"):
            return ""
        if found[0].status == "running":
            return "has not ended"
        why = (found[0].error_message or "").partition("\n")[0]
        return f"failed: {self._api.peer.quote(why).rstrip('.')}" if why else "failed"
