"""What the token is and may do: its kind by its beginning, its scopes by asking, its header by trying."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tui.model.action import Verb
from tui.model.errors import (
    Forbidden,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.provider import Credential
from tui.model.text import plain
from tui.providers import values
from tui.providers.gitlab import decode
from tui.providers.gitlab.api import Api
from tui.providers.gitlab.projects import Projects, Scope
from tui.providers.gitlab.wire import TokenRow, UserRow, VersionRow

_KINDS = {
    "glpat-": "personal, project or group access token",
    "glcbt-": "CI job token",
    "gloas-": "OAuth token",
    "gldt-": "deploy token",
}
_NARROW = "The token's scope is {scopes}, which only reads: this wants the scope `api`."
_JOB_TOKEN = "A CI job token may only read deployments: this wants an access token with the scope `api`."
_SOON = timedelta(days=14)


class Access:
    def __init__(self, api: Api, projects: Projects) -> None:
        self._api = api
        self._projects = projects
        self._token: TokenRow | None = None
        self._me: UserRow | None = None
        self._known = False
        self._asking = asyncio.Lock()

    async def ready(self) -> None:
        """The token's header is known, and its scopes if the server tells. Raises Unauthorized."""
        async with self._asking:
            if not self._known:
                await self._ask()
                self._known = True

    def blocked(self) -> str | None:
        """Why this token may not act at all; None when it may, or when nobody told."""
        if self.kind == _KINDS["glcbt-"]:
            return _JOB_TOKEN
        scopes = self._token.scopes if self._token is not None else None
        if not scopes or "api" in scopes:  # no token has no scope at all: then they could not be read
            return None
        return _NARROW.format(scopes=", ".join(plain(each) for each in scopes))

    async def me(self) -> UserRow | None:
        """Return the token's owner, asked for once; None where the server does not say."""
        if self._me is None:
            self._me = await self._read_user()
        return self._me

    @property
    def kind(self) -> str:
        token = self._api.peer.token.reveal()
        return next((kind for prefix, kind in _KINDS.items() if token.startswith(prefix)), "access token")

    async def check(self, verbs: list[Verb]) -> Credential:
        self._known = False
        await self.ready()
        scope = await self._projects.scope(fresh=True)
        problems = list(scope.problems)
        version = await self._version()
        self._me = await self._read_user()
        who = plain(self._me.username or self._me.name or "") if self._me is not None else ""
        sees = _sees(scope)
        if version:
            sees += f" (GitLab {version})"
        reason = self.blocked()
        if reason is not None:
            problems.append(reason)
        problems += self._expiry()
        kind = self.kind + (f" of {who}" if who else "")
        if self._token is not None and self._token.scopes:
            kind += f" (scopes {', '.join(plain(each) for each in self._token.scopes)})"
        return Credential(kind, sees, tuple(problems), dict.fromkeys(verbs, reason))

    async def _ask(self) -> None:
        try:
            self._token = await self._read_token()
        except Unauthorized:
            if self._api.peer.token.reveal().startswith(tuple(_KINDS)):
                if self.kind != _KINDS["glcbt-"]:
                    raise
                return  # job tokens reach few endpoints, and not this one
            self._token = await self._as_bearer()

    async def _as_bearer(self) -> TokenRow | None:
        """OAuth tokens look like nothing in particular: the other header is tried once."""
        before = self._api.rest.headers
        self._api.as_bearer()
        try:
            return await self._read_token()
        except ProviderError:
            self._api.rest.headers = before
            raise

    async def _read_token(self) -> TokenRow | None:
        """Return what the token is; None where the server does not say, or says it in no way that can be read."""
        try:
            return await self._api.one("personal_access_tokens/self", TokenRow)
        except (NotFound, Forbidden, Refused, UnexpectedReply):
            return None

    async def _version(self) -> str:
        try:
            return plain((await self._api.one("version", VersionRow)).version)
        except (RateLimited, Unreachable):
            raise
        except ProviderError:
            return ""

    async def _read_user(self) -> UserRow | None:
        try:
            return await self._api.one("user", UserRow)
        except (RateLimited, Unreachable):
            raise
        except ProviderError:
            return None

    def _expiry(self) -> list[str]:
        expires_at = values.moment(self._token.expires_at) if self._token is not None else None
        if expires_at is None or expires_at - self._api.clock.now() > _SOON:
            return []
        return [f"The token expires on {expires_at:%Y-%m-%d}."]


def _sees(scope: Scope) -> str:
    """Say which projects there are; a number only where all of them could be read."""
    names = ["/".join(decode.names(row)) for row in scope.projects.values()]
    count = f"{len(names)} project{'s' * (len(names) != 1)}"
    if not scope.all_read:
        count = f"at least {count}" if names else "projects that could not be read"
    return count + (": " + ", ".join(names[:5]) + (", …" if len(names) > 5 else "") if names else "")
