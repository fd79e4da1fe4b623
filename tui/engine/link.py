"""The way to one account's provider: connected on first use, every call at a priority, faults contained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tui.engine.budget import Budget
from tui.model.action import Intent, Receipt
from tui.model.entities import Ref
from tui.model.errors import ProviderError, Refused
from tui.model.provider import PRIORITY, Meter, Polling, Priority, Provider

T = TypeVar("T")

log = logging.getLogger(__name__)


class Account(Struct, frozen=True):
    """One configured account. `connect` imports the provider's libraries and builds it; it may raise ProviderError.

    `production`: patterns for the names of the environments that want the typed confirmation. `host`: the platform's
    address without scheme; with the provider and a service's id it names one service, whatever the account is called.
    """

    name: str
    provider: str
    title: str
    connect: Callable[[Meter], Awaitable[Provider]]
    read_only: bool = False
    production: tuple[str, ...] = ("production", "prod*")
    host: str = ""


class Fault(ProviderError):
    """A bug inside one account. The traceback is in the diagnostics log; the other accounts go on."""


class Link:
    """One account, its budget, and its provider once it is connected."""

    def __init__(self, account: Account, budget: Budget, *, read_only: bool = False) -> None:
        """`read_only`: the whole process is. The provider of a read-only account has no verb that runs."""
        self.account = account
        self.read_only = read_only or account.read_only
        self.budget = budget
        self.connected: Provider | None = None
        self._connecting = asyncio.Lock()
        self._focus: Ref | None = None
        self._told: set[tuple[str, str]] = set()

    async def provider(self) -> Provider:
        """Raises ProviderError; the next call tries again."""
        async with self._connecting:
            if self.connected is None:
                with self.contained():
                    connected = await self.account.connect(self.budget)
                    self.budget.suit(connected.polling)
                    if self.read_only:
                        connected.handlers = {
                            verb: replace(handler, run=self._refuse) for verb, handler in connected.handlers.items()
                        }
                    self.connected = connected
                self._hint(connected)
            return self.connected

    async def _refuse(self, intent: Intent) -> Receipt:
        raise Refused(f"{self.account.name} is read-only here: nothing was sent.")

    @property
    def polling(self) -> Polling:
        return Polling() if self.connected is None else self.connected.polling

    def turn_to(self, service: Ref | None) -> None:
        """Somebody looks at this service; None: at none of this account's."""
        if service != self._focus:
            self._focus = service
            if self.connected is not None:
                self._hint(self.connected)

    def _hint(self, provider: Provider) -> None:
        """Where the provider should look more closely. What it makes of that must not stop anything."""
        try:
            with self.contained():
                provider.focus(self._focus)
        except ProviderError as error:
            log.info("%s: %s", self.account.name, error)

    async def call(self, priority: Priority, ask: Callable[[Provider], Awaitable[T]]) -> T:
        """Raises ProviderError and nothing else."""
        provider = await self.provider()
        with at(priority), self.contained():
            return await ask(provider)

    async def stream(self, ask: Callable[[Provider], AsyncIterator[T]]) -> AsyncGenerator[T, None]:
        """What the provider's stream yields, at the priority of the task that reads it. Closing it closes that."""
        provider = await self.provider()
        with self.contained():
            source = ask(provider)
            try:
                async for entry in source:
                    yield entry
            finally:
                if isinstance(source, AsyncGenerator):
                    await source.aclose()

    async def aclose(self) -> None:
        """A provider that cannot be closed is told in the diagnostics: nobody could do anything about it."""
        if self.connected is None:
            return
        provider, self.connected = self.connected, None
        try:
            with self.contained():
                await provider.aclose()
        except ProviderError as error:
            log.info("%s: closing: %s", self.account.name, error)

    @contextmanager
    def contained(self) -> Iterator[None]:
        """Around one account's work: what is not a ProviderError is told as one, so that the others go on.

        This is the engine's only broad except.
        """
        try:
            yield
        except ProviderError:
            raise
        except Exception as error:
            self._tell(error)
            raise Fault(
                f"{self.account.name}: a fault inside deckwatch stopped this request.",
                remedy="The diagnostics log has the details.",
            ) from error

    def _tell(self, error: Exception) -> None:
        """The whole traceback the first time, a line after that: a bug met at every poll must not fill the disk."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = "" if place is None else f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
        if (key := (type(error).__name__, where)) in self._told:
            log.debug("%s: %s again at %s", self.account.name, *key)
            return
        self._told.add(key)
        log.error("%s: a fault inside this account", self.account.name, exc_info=error)


@contextmanager
def at(priority: Priority) -> Iterator[None]:
    """What is asked inside is asked at this priority."""
    token = PRIORITY.set(priority)
    try:
        yield
    finally:
        PRIORITY.reset(token)
