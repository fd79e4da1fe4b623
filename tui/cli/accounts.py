"""From an account in the configuration to one the engine can connect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Set
from urllib.parse import urlsplit

from tui import providers
from tui.config import AccountConfig
from tui.credentials import CredentialError, resolve
from tui.engine.engine import Account
from tui.model.clock import SystemClock
from tui.model.errors import ProviderError, Unauthorized
from tui.model.provider import Connection, Meter, Provider

TITLES = {"railway": "Railway", "gitlab": "GitLab", "cloud66": "Cloud 66", "dokploy": "Dokploy"}
"""As the platforms write themselves; a class knows its own, but is not imported for the first paint."""


HOSTS = {
    "railway": "backboard.railway.com/graphql/v2",
    "gitlab": "gitlab.com",
    "cloud66": "app.cloud66.com/api/3",
}
"""Where the platforms are that have an address of their own, for accounts that name none."""


class ProviderNames(Set[str]):
    """Every provider's name. Those that other packages bring are looked up only when ours do not have it."""

    def __contains__(self, name: object) -> bool:
        return name in providers.PROVIDERS or name in providers.names()

    def __iter__(self) -> Iterator[str]:
        return iter(providers.names())

    def __len__(self) -> int:
        return len(providers.names())


def account(config: AccountConfig, *, read_only: bool = False) -> Account:
    """`read_only`: the whole process is."""
    read_only = read_only or config.read_only
    return Account(
        name=config.name,
        provider=config.provider,
        title=title(config.provider),
        connect=_connector(config, read_only=read_only),
        read_only=config.read_only,
        production=config.production,
        host=_host(config),
    )


def _host(config: AccountConfig) -> str:
    if config.url is None:
        return HOSTS.get(config.provider, "")
    parts = urlsplit(config.url)
    return f"{parts.netloc}{parts.path.rstrip('/')}"


def title(provider: str) -> str:
    return TITLES.get(provider, provider.title())


def _connector(config: AccountConfig, *, read_only: bool) -> Callable[[Meter], Awaitable[Provider]]:
    async def connect(meter: Meter) -> Provider:
        """Both the import and the credential may take their time: in threads, so that the screen goes on."""
        try:
            token = await asyncio.to_thread(resolve, config.token)
        except CredentialError as error:
            raise Unauthorized(str(error)) from None
        try:
            kind = await asyncio.to_thread(providers.load, config.provider)
        except (ValueError, ImportError) as error:
            raise ProviderError(f"The provider {config.provider} cannot be loaded: {error}") from error
        connection = Connection(
            config.name, token, config.url, config.projects, config.ca_file, config.live_logs, read_only
        )
        return kind(connection, meter=meter, clock=SystemClock())

    return connect
